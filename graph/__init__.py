"""The edge: HTTP and WebSocket in, one schema."""
