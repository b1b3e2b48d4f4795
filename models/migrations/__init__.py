"""Schema migrations, oldest first; they only add (see docs/style.md)."""
