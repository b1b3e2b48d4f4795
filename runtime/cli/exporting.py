"""The command that writes a ledger out, for whoever wants to check it elsewhere."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, BinaryIO

import asyncpg
import typer

from kit.settings import Settings
from runtime.cli.joining import command_settings
from runtime.problems import CannotStart
from runtime.reachable import check_stores

commands = typer.Typer()


@commands.command()
def ledger(
    deal: Annotated[str, typer.Option(help="The deal's id.")],
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
) -> None:
    """Write a deal's ledger as lines of JSON, which docs/check_ledger.py checks without a server.

    Reads one snapshot, also during a sale.
    """
    settings = command_settings()
    entries = asyncio.run(_export(settings, deal, out))
    typer.echo(f"{entries} entries of {deal}.", err=True)


async def _export(settings: Settings, deal_id: str, out: Path | None) -> int:
    """Write the header and the entries; how many entries there are."""
    await check_stores(settings, migrated=True)
    from orders.errors import NotFound  # noqa: PLC0415 - start quickly
    from orders.ledger_export import export_ledger  # noqa: PLC0415 - the same

    async with (
        asyncpg.create_pool(settings.database_url, min_size=1, max_size=1) as pool,
        aclosing(export_ledger(pool, deal_id)) as lines,
    ):
        try:
            header = await anext(lines)
        except NotFound:
            raise CannotStart(f"There is no deal {deal_id}.") from None
        if out is None:
            return await _write(sys.stdout.buffer, header, lines)
        with _opened(out) as file:
            return await _write(file, header, lines)


def _opened(out: Path) -> BinaryIO:
    """The file, emptied: only once there is something to write."""
    try:
        return out.open("wb")
    except OSError as error:
        raise CannotStart(f"Cannot write {out}: {error.strerror}.") from None


async def _write(file: BinaryIO, header: bytes, lines: AsyncIterator[bytes]) -> int:
    """A file that is cut off by an error has fewer entries than its header says."""
    file.write(header)
    entries = 0
    async for line in lines:
        file.write(line)
        entries += 1
    file.flush()
    return entries
