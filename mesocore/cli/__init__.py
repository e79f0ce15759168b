"""The command line: thin commands over the package, one line for a user's mistake.

What a command works with is imported when it runs: `--help` must answer at once, and `predict` must
not wait for what trains.
"""

import sys

import typer

from mesocore.cli import runs, sets, use  # noqa: F401 (their commands join the application)
from mesocore.cli.application import app
from mesocore.core import terminal
from mesocore.core.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit status; a user's mistake is one line and status 2.

    `arguments`: those after `mesocore`; of this process unless given.
    """
    return terminal.run(
        "mesocore", lambda: _command(sys.argv[1:] if arguments is None else arguments)
    )


def _command(arguments: list[str]) -> int:
    from mesocore.core.runtime import threads

    terminal.setup()
    threads()
    group = typer.main.get_command(app)
    usage_error = typer.BadParameter.__base__  # of click, or of the copy of it in typer
    try:
        with group.make_context("mesocore", list(arguments) or ["--help"]) as context:
            group.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except usage_error as error:
        about = error.ctx.command_path if error.ctx else "mesocore"
        said = " ".join(error.format_message().split())
        raise UserError(f"{said.rstrip('.')}; see {about} --help") from None
    return 0
