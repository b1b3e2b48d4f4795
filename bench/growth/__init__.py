"""W6: what a request costs as there is more and more of everything."""
