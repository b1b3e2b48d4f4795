"""What auth refuses, and why."""


class InvalidInput(Exception):
    """A field that nobody could register with; nothing was written, nothing was hashed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class EmailTaken(Exception):
    """An account with this e-mail address exists; nothing was written."""

    def __init__(self) -> None:
        super().__init__("An account with this e-mail address exists. Sign in instead.")


class InvalidCredentials(Exception):
    """E-mail and password do not belong together; says not which of them is unknown."""

    def __init__(self) -> None:
        super().__init__("E-mail or password is wrong.")


class Unauthenticated(Exception):
    """The session token is missing, malformed, unknown, expired or revoked; says not which."""

    def __init__(self) -> None:
        super().__init__("Sign in first.")


class HashingBusy(Exception):
    """More passwords wait to be hashed than can be answered in time; nothing was written."""

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__("Too many people are signing in at this moment. Try again shortly.")
        self.retry_after_ms = retry_after_ms


class SubjectChanged(Exception):
    """The provider vouches for an e-mail address that belongs to another of its accounts."""

    def __init__(self) -> None:
        super().__init__("This e-mail address belongs to another account of the same provider.")
