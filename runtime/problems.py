"""What keeps a command from starting, in one line a person can act on."""


class CannotStart(Exception):
    """The message names what is missing, down or taken, and what to do about it."""
