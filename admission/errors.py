"""What admission refuses."""


class RateLimited(Exception):
    """Too many attempts; the next one that could be admitted is `retry_after_ms` away."""

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__(f"try again in {retry_after_ms} ms")
        self.retry_after_ms = retry_after_ms
