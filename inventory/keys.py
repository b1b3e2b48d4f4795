"""The names of all keys that inventory has in Redis; those of one deal share its hash tag."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DealKeys:
    """The keys of one deal's gate."""

    deal_id: str

    @property
    def stock(self) -> str:
        """Hash: epoch, version, counters, terms, and the server's run id."""
        return f"{{deal:{self.deal_id}}}:stock"

    @property
    def holds(self) -> str:
        """Hash: buyer -> packed hold."""
        return f"{{deal:{self.deal_id}}}:holds"

    @property
    def due(self) -> str:
        """Sorted set: buyer -> deadline, Unix ms."""
        return f"{{deal:{self.deal_id}}}:due"

    @property
    def claims(self) -> str:
        """Hash: order -> packed claim; the rank of an order outlives its claim."""
        return f"{{deal:{self.deal_id}}}:claims"

    @property
    def bought(self) -> str:
        """Hash: buyer -> units claimed and bought, for the purchase limit."""
        return f"{{deal:{self.deal_id}}}:bought"

    @property
    def unconfirmed(self) -> str:
        """Sorted set: order -> when it was claimed, Unix ms, until Postgres confirms it."""
        return f"{{deal:{self.deal_id}}}:unconfirmed"

    @property
    def all(self) -> tuple[str, ...]:
        """Every key of the gate."""
        return (self.stock, self.holds, self.due, self.claims, self.bought, self.unconfirmed)


def cart_key(user_id: str) -> str:
    """Hash: deal -> when it was added and how often it was noted; checkout -> the open one."""
    return f"{{user:{user_id}}}:cart"


def request_key(user_id: str, key: str | None) -> str:
    """String: what is known of an idempotency key; never written where there is none."""
    digest = "none" if key is None else hashlib.sha256(key.encode()).hexdigest()
    return f"{{user:{user_id}}}:key:{digest}"
