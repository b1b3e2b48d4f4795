"""What goes wrong between us and the payment provider, as facts that a caller can act on."""


class ProviderUnreachable(Exception):
    """No answer, or one that says nothing: the outcome is unknown. Repeat the same call."""

    retryable = True


class ListingTooLong(ProviderUnreachable):
    """The provider's list did not end within its bound, so nothing may be concluded from it."""


class ProviderRefused(Exception):
    """The provider understood the call and will not do it; repeating does not help.

    `code` is the provider's own word, for logs and for telling refusals apart.
    """

    retryable = False

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class BadSignature(Exception):
    """A webhook that the provider did not sign, or signed too long ago; nothing was written."""
