"""A lean open-loop HTTP driver: requests go out when they are meant to, not when we are ready."""
