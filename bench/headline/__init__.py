"""W2: the load of the design document, open loop, with the whole shop behind it."""
