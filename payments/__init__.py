"""Money: the gateway, the provider behind it, and its events."""
