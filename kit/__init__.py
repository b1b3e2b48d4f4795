"""Tools that have never heard of a deal."""
