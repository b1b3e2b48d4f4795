"""Accounts, passwords, sessions, social login, roles."""
