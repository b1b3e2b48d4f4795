"""W3: putting a unit into the cart, on one deal and on ten thousand."""
