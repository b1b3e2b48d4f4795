"""W4: orders of three lines, answered after COMMIT."""
