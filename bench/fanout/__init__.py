"""W5: what it costs to tell many sockets one thing."""
