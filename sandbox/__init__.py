"""A stateful stand-in for the payment provider, a program of its own."""
