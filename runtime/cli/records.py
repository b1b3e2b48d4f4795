"""Commands that work on the stores and end: migrate, seed, verify, schema."""

import asyncio
from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from kit.log import configure_logs
from kit.settings import Settings, load_settings
from runtime.cli.joining import command_settings
from runtime.problems import CannotStart
from runtime.reachable import check_sandbox, check_stores, require_payments

commands = typer.Typer()

# A load test with more buyers than this asks several times.
_MOST_BUYERS = 1_000_000


@commands.command()
def migrate() -> None:
    """Bring the schemas of PostgreSQL and MongoDB up to date. May be repeated."""
    settings = command_settings()
    configure_logs(settings.log_level)
    asyncio.run(_migrate(settings))
    typer.echo("The schemas are up to date.")


@commands.command()
def seed(
    buyers: Annotated[
        int, typer.Option(help="Make this many buyers with live sessions.", min=0, max=_MOST_BUYERS)
    ] = 0,
    tokens: Annotated[
        Path | None, typer.Option(help="File for the buyers' tokens, one a line.")
    ] = None,
) -> None:
    """Load the demo sale, or move its times on; with --buyers, make buyers for a load test."""
    settings = command_settings()
    if buyers and tokens is None:
        raise typer.BadParameter("--buyers needs --tokens FILE, or nobody could use them.")
    configure_logs(settings.log_level)
    if tokens is None:
        require_payments(settings)
        asyncio.run(_seed_demo(settings))
    else:
        # Opened before anybody is made; for the owner only, for each line is a sign-in.
        try:
            tokens.touch(mode=0o600)
        except OSError as error:
            raise CannotStart(f"Cannot write {tokens}: {error.strerror}.") from None
        made = asyncio.run(_seed_buyers(settings, buyers))
        tokens.write_text("".join(f"{token}\n" for token in made))
        typer.echo(f"{len(made)} buyers; their tokens are in {tokens}.")


@commands.command()
def verify(
    deal: Annotated[str | None, typer.Option(help="One deal's id; else all.")] = None,
) -> None:
    """Recompute the ledger of every deal; exit code 1 and the row's name where it is broken."""
    settings = command_settings()
    broken, proven = asyncio.run(_verify(settings, deal))
    if deal is not None and not broken + proven:
        raise CannotStart(f"There is no deal {deal}.")
    typer.echo(f"{proven} deals proven, {broken} broken.")
    if broken:
        raise typer.Exit(1)


@commands.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from graph.schema import build_schema  # noqa: PLC0415 - no other command needs it

    typer.echo(build_schema(load_settings()).as_str())


async def _migrate(settings: Settings) -> None:
    await check_stores(settings, migrated=False)
    from models.stores import migrate_mongo, migrate_postgres  # noqa: PLC0415 - start quickly

    await migrate_postgres(settings.database_url)
    await migrate_mongo(settings.mongo_url)


async def _seed_demo(settings: Settings) -> None:
    await check_sandbox(settings)
    await _migrate(settings)
    from demo.load import (  # noqa: PLC0415 - no other command needs it
        BUYER,
        OPERATOR,
        DemoNeedsSandbox,
        is_loaded,
        load_demo,
        refresh_times,
    )
    from runtime.resources import open_resources  # noqa: PLC0415 - start quickly

    async with open_resources(settings) as resources:
        try:
            if await is_loaded():
                moved = await refresh_times(resources)
                typer.echo(f"the demo sale is loaded; {moved} of its deals are over and start anew")
            else:
                await load_demo(resources, typer.echo)
        except DemoNeedsSandbox as error:
            raise CannotStart(str(error)) from None
    for role, (email, password, _) in (("buyer", BUYER), ("operator", OPERATOR)):
        typer.echo(f"Sign in as {email} with {password} ({role}).")


async def _seed_buyers(settings: Settings, buyers: int) -> list[str]:
    await check_stores(settings, migrated=True)
    from auth.seeding import seed_buyers  # noqa: PLC0415 - start quickly

    async with asyncpg.create_pool(settings.database_url, min_size=1, max_size=2) as pool:
        return await seed_buyers(pool, buyers=buyers, session_days=settings.session_days)


async def _verify(settings: Settings, deal_id: str | None) -> tuple[int, int]:
    await check_stores(settings, migrated=True)
    from orders.proof import prove_deals  # noqa: PLC0415 - start quickly

    broken = proven = 0
    async with asyncpg.create_pool(settings.database_url, min_size=1, max_size=2) as pool:
        async for proof in prove_deals(pool, deal_id):
            figures = (
                f"allotment {proof.allotment} claimed {proof.claimed} sold {proof.sold} "
                f"entries {proof.entries}"
            )
            word = "proven" if proof.holds else "BROKEN"
            typer.echo(f"{word}  {proof.deal_id}  {figures}  {proof.title}")
            for problem in proof.problems:
                typer.echo(f"        {problem}", err=True)
            for gap in proof.unproven:
                typer.echo(f"        not proven: {gap}", err=True)
            proven += proof.holds
            broken += not proof.holds
    return broken, proven
