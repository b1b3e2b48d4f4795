"""What a sandbox is started with."""

from dataclasses import dataclass, field
from pathlib import Path

# What a merchant subscribes to; every other event is only listed at /v1/events.
WEBHOOK_EVENTS = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.canceled",
    "charge.refunded",
)


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """One merchant's account at the sandbox. An empty `webhook_url` sends no webhooks."""

    data_dir: Path
    secret_key: str = field(repr=False)
    publishable_key: str
    webhook_url: str
    webhook_secret: str = field(repr=False)
    webhook_events: tuple[str, ...] = WEBHOOK_EVENTS
    webhook_answer_seconds: float = 10.0
    webhook_attempts: int = 20
    first_retry_seconds: float = 0.5
    longest_retry_seconds: float = 30.0
