"""Dataloaders: keys in, values out, in the same order."""
