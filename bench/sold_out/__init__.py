"""W7: refusing when nothing is left, and selling again at once when something is."""
