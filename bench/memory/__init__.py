"""W8: what sockets cost in memory."""
