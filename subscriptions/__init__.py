"""Fields that push, and the hub they read from."""
