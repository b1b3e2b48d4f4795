"""What a Redis has done so far, by its own count of commands."""

from dataclasses import dataclass
from typing import Final, Self

from redis import Redis

_PREFIX: Final = "cmdstat_"
# What a run asks to learn this.
_OURS: Final = frozenset({"info", "auth", "hello", "client|setinfo", "client|setname"})


@dataclass(frozen=True, slots=True)
class Commands:
    """How often each command was called, by clients and inside scripts alike."""

    calls: dict[str, int]

    @classmethod
    def of(cls, url: str) -> Self:
        """Now."""
        with Redis.from_url(url) as client:
            told = client.info("commandstats")
        return cls({name.removeprefix(_PREFIX): seen["calls"] for name, seen in told.items()})

    def since(self, before: "Commands") -> "Commands":
        """Only what was called after that."""
        return Commands(
            {
                name: calls - before.calls.get(name, 0)
                for name, calls in self.calls.items()
                if calls > before.calls.get(name, 0) and name not in _OURS
            }
        )

    @property
    def scripts(self) -> int:
        """Scripts that were run."""
        return sum(calls for name, calls in self.calls.items() if name.startswith("eval"))

    @property
    def all(self) -> int:
        """Commands of all kinds."""
        return sum(self.calls.values())

    def told(self, per: int, *, digits: int = 2) -> str:
        """The most frequent ones for each of so many requests, as evalsha 1.00, hget 0.02."""
        ordered = sorted(self.calls.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} {calls / max(per, 1):.{digits}f}" for name, calls in ordered[:8])
