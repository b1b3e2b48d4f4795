"""`flashsale`, also as `python -m runtime`: the command line."""

import sys

import typer

from kit.settings import SettingsError
from runtime.cli import benching, exporting, planning, reconciling, records, serving
from runtime.problems import CannotStart

# Of a command that was told wrongly or cannot begin; sysexits and click use it alike.
_CANNOT_START = 2
# 128 and the number of SIGINT, as shells have it.
_INTERRUPTED = 130


def command_line() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="flashsale",
        help="A flash sale behind one GraphQL schema.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.add_typer(serving.commands)
    app.add_typer(records.commands)
    app.add_typer(reconciling.commands)
    app.add_typer(exporting.commands)
    app.add_typer(benching.commands)
    app.add_typer(planning.commands)
    return app


def main() -> None:
    """Run one command; what keeps it from starting is one line on standard error, exit code 2."""
    try:
        command_line()()
    except (SettingsError, CannotStart) as error:
        sys.stderr.write(f"flashsale: {error}\n")
        sys.exit(_CANNOT_START)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
