"""Every setting of a deployment, read from FLASHSALE_ environment variables."""

from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kit.money import CURRENCIES

DEVELOPMENT_SECRET = "development-secret-not-for-production"  # noqa: S105 - named for what it is

CommaList = Annotated[tuple[str, ...], NoDecode]


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line that names it."""


class Limits(BaseSettings):
    """How often somebody may try; a window counts bursts, a bucket the sustained rate.

    `*_burst` is the most attempts in `*_window_seconds`; `*_per_second` refills a bucket that
    holds `*_burst`. Buyers are limited strictly, addresses loosely: an office shares one.
    """

    model_config = SettingsConfigDict(env_prefix="FLASHSALE_LIMIT_", extra="ignore")

    sign_in_burst: int = Field(10, ge=1, description="sign-ins per account and window")
    sign_in_window_seconds: int = Field(60, ge=1, description="length of that window")
    sign_in_per_second: float = Field(1.0, gt=0, description="sustained, per account")
    sign_in_address_burst: int = Field(2_000, ge=1, description="the same per address")
    sign_in_address_window_seconds: int = Field(60, ge=1, description="length of that window")
    sign_in_address_per_second: float = Field(50.0, gt=0, description="sustained, per address")
    cart_burst: int = Field(250, ge=1, description="cart operations per buyer and window")
    cart_window_seconds: int = Field(10, ge=1, description="length of that window")
    cart_per_second: float = Field(10.0, gt=0, description="sustained, per buyer")
    cart_address_burst: int = Field(20_000, ge=1, description="the same per address")
    cart_address_window_seconds: int = Field(10, ge=1, description="length of that window")
    cart_address_per_second: float = Field(2_000.0, gt=0, description="sustained, per address")
    order_burst: int = Field(30, ge=1, description="checkouts and orders per buyer and window")
    order_window_seconds: int = Field(10, ge=1, description="length of that window")
    order_per_second: float = Field(2.0, gt=0, description="sustained, per buyer")
    order_address_burst: int = Field(20_000, ge=1, description="the same per address")
    order_address_window_seconds: int = Field(10, ge=1, description="length of that window")
    order_address_per_second: float = Field(2_000.0, gt=0, description="sustained, per address")


class Settings(BaseSettings):
    """One deployment. See the table in README.md for what each setting does."""

    model_config = SettingsConfigDict(env_prefix="FLASHSALE_", extra="ignore")

    # Where the stores are. `flashsale up` fills in what is empty with servers of its own.
    database_url: str = Field("", description="PostgreSQL, postgresql://user:password@host/db")
    redis_url: str = Field("", description="Redis >= 7 or Valkey, redis://host:6379/0")
    mongo_url: str = Field("", description="MongoDB, mongodb://host:27017/flashsale")

    # Money
    currency: str = Field("USD", pattern="^[A-Z]{3}$", description="ISO 4217, one per deployment")
    stripe_api_key: SecretStr = Field(SecretStr(""), description="sk_...")
    stripe_publishable_key: str = Field("", description="pk_..., handed to storefronts")
    stripe_api_base: str = Field("", description="empty: Stripe itself; else the sandbox")
    stripe_pages_base: str = Field(
        "", description="the sandbox as buyers' browsers reach it; empty: as we do"
    )
    stripe_webhook_secret: SecretStr = Field(SecretStr(""), description="whsec_...")
    shop: str = Field(
        "flashsale",
        pattern="^[a-z0-9-]{1,40}$",
        description="name of this shop at a provider's account that several share",
    )
    intents_per_second: float = Field(25.0, gt=0, description="pace of opening payment intents")

    # The edge
    host: str = Field("127.0.0.1", description="address that serve listens on")
    port: int = Field(8000, ge=1, le=65535, description="port that serve listens on")
    sandbox_port: int = Field(8001, ge=1, le=65535, description="port of the payment sandbox")
    api_processes: int = Field(1, ge=1, le=64, description="API processes behind one port")
    public_url: str = Field("", description="https://shop.example; empty: as the request came in")
    public_origins: CommaList = Field((), description="origins whose pages may call, by comma")
    trusted_proxies: str = Field("", description="addresses whose X-Forwarded-For is believed")
    secret_key: SecretStr = Field(
        SecretStr(DEVELOPMENT_SECRET), min_length=16, description="signs cursors and sign-in state"
    )

    # The sale
    hold_seconds: int = Field(600, ge=1, le=86_400, description="a hold lapses after")
    checkout_seconds: int = Field(900, ge=1, le=86_400, description="a frozen hold's hard cap")
    payment_seconds: int = Field(900, ge=1, le=86_400, description="an unpaid order expires after")
    gate_down_orders_per_second: float = Field(
        20.0, gt=0, description="orders per process while Redis is down"
    )
    hold_notice_seconds: int = Field(60, ge=1, description="a notice this long before a lapse")
    stock_changes_per_second: float = Field(
        4.0, gt=0, le=1_000, description="told of a deal's stock; the newest always wins"
    )
    session_days: int = Field(30, ge=1, le=365, description="a sign-in lasts this long")
    poll_payment_seconds: float = Field(60.0, gt=0, description="ask the provider after silence")

    # Messages
    smtp_url: str = Field("", description="smtp://user:password@host:587; empty: the log")
    mail_from: str = Field("orders@flashsale.example", description="sender of e-mails")

    # Sign-in with an OpenID Connect provider
    oidc_issuer: str = Field("", description="https://accounts.example; empty: not offered")
    oidc_client_id: str = Field("", description="registered with that provider")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="of that client")

    # Bounds
    postgres_pool: int = Field(12, ge=2, le=200, description="hot-path connections per process")
    redis_pool: int = Field(48, ge=4, le=1000, description="connections per process")
    body_bytes: int = Field(65_536, ge=1024, description="largest request body")
    trusted_documents: str = Field(
        "", description="folder of documents that clients may name by their hash; empty: none"
    )
    only_trusted_documents: bool = Field(
        False, description="true: no other documents are executed, but for those of our own pages"
    )
    response_cache_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="public answers kept per process; 0: none"
    )
    shed_lag_ms: float = Field(
        50.0, gt=0, description="the event loop may be so late; beyond it OVERLOADED at once"
    )
    query_depth: int = Field(15, ge=1, description="deepest nesting of a document")
    query_aliases: int = Field(100, ge=1, description="most aliases in a document")
    query_tokens: int = Field(1_000, ge=1, description="most tokens in a document")
    query_directives: int = Field(5, ge=1, description="repeated on one field")
    query_cost: int = Field(20_000, ge=1, description="most objects a document may ask for")
    socket_operations: int = Field(100, ge=1, description="at once on one socket")
    live_groups: int = Field(
        20_000, ge=1, description="groups of identical subscriptions, per process"
    )
    sockets_per_buyer: int = Field(50, ge=1, description="of one buyer, per process")
    sockets_per_address: int = Field(20_000, ge=1, description="of one address, per process")
    socket_ends_per_second: float = Field(
        2_000.0, gt=0, description="pace at which a process that stops sends its sockets away"
    )
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="least level that is logged"
    )

    limit: Limits = Field(default_factory=Limits)

    @field_validator("currency")
    @classmethod
    def _in_use(cls, value: str) -> str:
        if value not in CURRENCIES:
            raise ValueError("not a currency of ISO 4217")
        return value

    @field_validator("public_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value


def load_settings(**given: object) -> Settings:
    """Read the environment; `given` wins over it.

    Raises:
        SettingsError: with one line that names the variable and what is wrong with it.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type] # values are validated by pydantic
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        prefix = "FLASHSALE_LIMIT_" if error.title == "Limits" else "FLASHSALE_"
        name = prefix + "_".join(str(part) for part in first["loc"]).upper()
        message = f"{name}: {first['msg']}. See the table of settings in README.md."
        raise SettingsError(message) from None


def require_stores(settings: Settings) -> None:
    """Refuse to start without the three stores.

    Raises:
        SettingsError: naming the first that has no URL.
    """
    for name in ("database_url", "redis_url", "mongo_url"):
        if not getattr(settings, name):
            raise SettingsError(
                f"FLASHSALE_{name.upper()} is not set. Set it, or run `flashsale up`, "
                "which starts its own stores."
            )
