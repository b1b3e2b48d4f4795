"""Harm on demand: what the sandbox does wrong while a test asks for it."""

import random
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.errors import WireError

Harm = Literal["fails_before", "fails_after", "silent_after"]


class Faults(BaseModel):
    """Faults that are on. Fractions are chances of each request or event; 1.0 is always."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    delay_ms: int = Field(0, ge=0, le=60_000, description="before a request is carried out")
    fail_before_commit: float = Field(0.0, ge=0, le=1, description="500, nothing was done")
    fail_after_commit: float = Field(0.0, ge=0, le=1, description="500, and yet it was done")
    silent_after_commit: float = Field(0.0, ge=0, le=1, description="done, and no answer")
    operations: tuple[str, ...] = Field((), description="harm these alone; empty: all")
    strikes: int | None = Field(None, ge=0, description="harm so many answers, then no more")
    duplicate_events: int = Field(0, ge=0, le=100, description="further copies of each event")
    drop_events: float = Field(0.0, ge=0, le=1, description="events that are never sent")
    delay_events_ms: int = Field(0, ge=0, le=86_400_000)
    shuffle_events_ms: int = Field(0, ge=0, le=86_400_000, description="a random further delay")
    seed: int | None = Field(None, description="of the chances; the same seed, the same harm")


class Mischief:
    """Draws the lots. Faults live in memory: a restarted sandbox does no harm."""

    def __init__(self) -> None:
        self._faults = Faults()
        self._chance = random.Random()  # noqa: S311 - chances of faults, not secrets

    @property
    def faults(self) -> Faults:
        """The faults that are on."""
        return self._faults

    def change(self, given: object) -> Faults:
        """Set some faults and leave the others as they are.

        Raises:
            WireError: naming what is not a fault; nothing was changed.
        """
        if not isinstance(given, dict):
            raise WireError("Faults are an object.")
        wanted: dict[str, Any] = {**self._faults.model_dump(mode="json"), **given}
        if isinstance(wanted["operations"], list):
            wanted["operations"] = tuple(wanted["operations"])
        try:
            self._faults = Faults.model_validate(wanted)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(str(part) for part in first["loc"])
            raise WireError(f"{name}: {first['msg']}", param=name) from None
        if given.get("seed") is not None:
            self._chance.seed(self._faults.seed)
        return self._faults

    def clear(self) -> Faults:
        """Stop all harm."""
        self._faults = Faults()
        return self._faults

    def harm(self, operation: str) -> Harm | None:
        """What goes wrong with one request of this operation; uses up one of the strikes."""
        faults = self._faults
        if faults.strikes == 0 or (faults.operations and operation not in faults.operations):
            return None
        lots: tuple[tuple[Harm, float], ...] = (
            ("fails_before", faults.fail_before_commit),
            ("fails_after", faults.fail_after_commit),
            ("silent_after", faults.silent_after_commit),
        )
        for harm, fraction in lots:
            if self._hits(fraction):
                if faults.strikes is not None:
                    self._faults = faults.model_copy(update={"strikes": faults.strikes - 1})
                return harm
        return None

    def delay_seconds(self, operation: str) -> float:
        """How long a request of this operation waits before it is carried out."""
        faults = self._faults
        if faults.operations and operation not in faults.operations:
            return 0.0
        return faults.delay_ms / 1000

    def deliveries(self) -> list[int]:
        """The delays in milliseconds of all copies of one event; empty when it is dropped."""
        faults = self._faults
        if self._hits(faults.drop_events):
            return []
        return [
            faults.delay_events_ms + self._chance.randint(0, faults.shuffle_events_ms)
            for _ in range(1 + faults.duplicate_events)
        ]

    def _hits(self, fraction: float) -> bool:
        return fraction > 0 and self._chance.random() < fraction
