"""Everything on one machine: stores, payment sandbox, worker and API, started and watched."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kit.settings import DEVELOPMENT_SECRET, Settings
from runtime.embedded import STORES, EmbeddedStores
from runtime.folder import Running, Secrets, WorkFolder
from runtime.ports import LOOPBACK, reserve_port
from runtime.problems import CannotStart
from runtime.screen import Screen
from runtime.services import Service
from runtime.signals import StopAsked, ignore_stop_signals, stop_signals
from runtime.step import run_step

_WATCH_SECONDS = 0.25
_SANDBOX_PACE = "1000"
_ANY_ADDRESS = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - to be called, not listened on
_OWN = {
    "FLASHSALE_HOST",
    "FLASHSALE_PORT",
    "FLASHSALE_SANDBOX_PORT",
    "FLASHSALE_API_PROCESSES",
}
_WHAT_TO_TRY = """
flashsale is up: {api}

  the shop                                {api}/
  the control room, for operators         {api}/dashboard
  GraphQL, and an explorer for browsers   {api}/graphql
  live stock over WebSocket               {live}/graphql  (graphql-transport-ws)
  payment provider                        {sandbox}
  health and metrics                      {api}/readyz  {api}/metrics

Try, in another terminal:

  curl -s {api}/graphql -H 'content-type: application/json' \\
       -d '{{"query":"{{ deals(first: 5) {{ nodes {{ title stock {{ available }} }} }} }}"}}'
  {program} verify

{accounts}
Logs are in {logs}. Ctrl-C stops everything; the data stays.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be started, where, and the environment that it all shares."""

    needed: tuple[str, ...]
    with_sandbox: bool
    api_port: int
    sandbox_port: int
    api: str
    sandbox: str
    given: dict[str, str]


def plan_start(settings: Settings, secrets: Secrets) -> Plan:
    """Decide from the settings what this machine has to provide itself."""
    key = settings.stripe_api_key.get_secret_value()
    with_sandbox = not key and not settings.stripe_api_base
    host = _ANY_ADDRESS.get(settings.host, settings.host)
    address = f"[{host}]" if ":" in host else host
    sandbox = f"http://{LOOPBACK}:{settings.sandbox_port}"
    given: dict[str, str] = {}
    if with_sandbox:
        hook = settings.stripe_webhook_secret.get_secret_value()
        given = {
            "FLASHSALE_STRIPE_API_BASE": sandbox,
            "FLASHSALE_STRIPE_API_KEY": secrets.stripe_api_key,
            "FLASHSALE_STRIPE_PUBLISHABLE_KEY": secrets.stripe_publishable_key,
            "FLASHSALE_STRIPE_WEBHOOK_SECRET": hook or secrets.stripe_webhook_secret,
        }
        if "intents_per_second" not in settings.model_fields_set:
            # The default is Stripe's limit; the sandbox has none.
            given["FLASHSALE_INTENTS_PER_SECOND"] = _SANDBOX_PACE
    if settings.secret_key.get_secret_value() == DEVELOPMENT_SECRET:
        given["FLASHSALE_SECRET_KEY"] = secrets.secret_key
    return Plan(
        needed=tuple(setting for setting in STORES if not getattr(settings, setting)),
        with_sandbox=with_sandbox,
        api_port=settings.port,
        sandbox_port=settings.sandbox_port,
        api=f"http://{address}:{settings.port}",
        sandbox=sandbox if with_sandbox else settings.stripe_api_base or "Stripe",
        given=given,
    )


class Up:
    """One run of `flashsale up` in `folder`."""

    def __init__(self, settings: Settings, folder: WorkFolder, screen: Screen) -> None:
        self._settings = settings
        self._folder = folder
        self._screen = screen
        self._accounts: list[str] = []

    def run(self) -> None:
        """Start everything, watch it until told to stop, stop it in reverse order.

        Raises:
            CannotStart, SettingsError: something did not start; what had been is stopped again.
        """
        with ExitStack() as undo:
            undo.enter_context(stop_signals())
            try:
                self._run(undo)
            except StopAsked:
                self._screen.say("\nStopping ...")
            finally:
                ignore_stop_signals()
                undo.close()
        self._screen.say("Stopped. The data is kept.")

    def _run(self, undo: ExitStack) -> None:
        undo.enter_context(self._folder.claim())
        secrets = self._folder.secrets()
        plan = plan_start(self._settings, secrets)
        if plan.with_sandbox and plan.api_port == plan.sandbox_port:
            raise CannotStart(
                f"FLASHSALE_PORT and FLASHSALE_SANDBOX_PORT are both {plan.api_port}: "
                "choose another for one of them."
            )
        api_socket = undo.enter_context(
            reserve_port(
                self._settings.host, plan.api_port, setting="FLASHSALE_PORT", option="--port"
            )
        ).fileno()
        sandbox_socket = None
        if plan.with_sandbox:
            sandbox_socket = undo.enter_context(
                reserve_port(
                    LOOPBACK,
                    plan.sandbox_port,
                    setting="FLASHSALE_SANDBOX_PORT",
                    option="--sandbox-port",
                )
            ).fileno()
        for log in self._folder.logs.glob("*.log"):
            log.unlink()
        stores = self._start_stores(undo, plan, secrets)
        environment = {**os.environ, **plan.given, **_named(stores.urls)}
        services: list[Service] = []
        if sandbox_socket is not None:
            services.append(self._start(undo, self._sandbox(plan, environment, sandbox_socket)))
        self._prepare("migrate", "schema", environment)
        # Before the demo sale, so that the jobs of its past sales are done when buyers come.
        worker = self._start(undo, self._worker(environment))
        if plan.with_sandbox:
            self._prepare("seed", "demo sale", environment)
        api = self._start(undo, self._api(plan, environment, api_socket))
        services += [worker, api]
        self._folder.announce(
            Running(
                pid=os.getpid(),
                api=plan.api,
                sandbox=plan.sandbox,
                environment=_to_join(environment),
                ports=stores.ports,
            )
        )
        self._tell(plan)
        self._watch(stores, services)

    def _start_stores(self, undo: ExitStack, plan: Plan, secrets: Secrets) -> EmbeddedStores:
        stores = EmbeddedStores(
            self._folder.path,
            password=secrets.store_password,
            needed=plan.needed,
            ports=self._folder.remembered_ports(),
        )
        undo.callback(stores.stop)
        if plan.needed:
            with self._screen.working("Starting " + ", ".join(stores.titles)):
                stores.start(lambda title: self._screen.done(f"{title} is ready"))
        return stores

    def _start(self, undo: ExitStack, service: Service) -> Service:
        undo.callback(service.stop)
        with self._screen.working(f"Starting the {service.title}"):
            service.start()
            service.wait_until_ready()
        self._screen.done(f"{service.title} is ready")
        return service

    def _prepare(self, word: str, what: str, environment: dict[str, str]) -> None:
        """Run `flashsale <word>` to its end and show its progress."""
        with self._screen.working(f"Preparing the {what}") as tell:

            def hear(line: str) -> None:
                if line.startswith("Sign in"):
                    self._accounts.append(line)
                else:
                    tell(line)

            run_step(
                f"Preparing the {what}",
                (word,),
                folder=Path.cwd(),
                log=self._folder.logs / f"{word}.log",
                environment=environment,
                tell=hear,
            )
        self._screen.done(f"{what} is ready")

    def _sandbox(self, plan: Plan, environment: dict[str, str], listener: int) -> Service:
        words = ("sandbox", "--fd", str(listener), "--webhook-url", f"{plan.api}/webhooks/stripe",
                 "--data", str(self._folder.sandbox))  # fmt: skip
        return Service(
            "payment sandbox",
            words,
            folder=Path.cwd(),
            log=self._folder.logs / "sandbox.log",
            environment=environment,
            sockets=(listener,),
            probe=(LOOPBACK, plan.sandbox_port, "/healthz"),
        )

    def _worker(self, environment: dict[str, str]) -> Service:
        return Service(
            "worker",
            ("worker",),
            folder=Path.cwd(),
            log=self._folder.logs / "worker.log",
            environment=environment,
        )

    def _api(self, plan: Plan, environment: dict[str, str], listener: int) -> Service:
        host = _ANY_ADDRESS.get(self._settings.host, self._settings.host)
        processes = str(self._settings.api_processes)
        return Service(
            "API",
            ("serve", "--fd", str(listener), "--processes", processes),
            folder=Path.cwd(),
            log=self._folder.logs / "api.log",
            environment=environment,
            sockets=(listener,),
            probe=(host, plan.api_port, "/readyz"),
        )

    def _watch(self, stores: EmbeddedStores, services: list[Service]) -> None:
        while True:
            time.sleep(_WATCH_SECONDS)
            for title in stores.restart_dead():
                self._screen.warn(f"{title} had died; it runs again, with its data.")
            for service in services:
                if service.restart_if_dead():
                    self._screen.warn(f"The {service.title} had died; it was started again.")

    def _tell(self, plan: Plan) -> None:
        self._screen.say(
            _WHAT_TO_TRY.format(
                api=plan.api,
                live=plan.api.replace("http://", "ws://"),
                sandbox=plan.sandbox,
                program=".venv/bin/flashsale",
                accounts="\n".join(self._accounts),
                logs=self._folder.logs,
            )
        )


def _to_join(environment: dict[str, str]) -> dict[str, str]:
    """What another command needs to work on the same sale; where it listens is its own affair."""
    return {
        key: value
        for key, value in environment.items()
        if key.startswith("FLASHSALE_") and key not in _OWN
    }


def _named(values: dict[str, str]) -> dict[str, str]:
    """Settings as environment variables."""
    return {f"FLASHSALE_{setting.upper()}": value for setting, value in values.items()}
