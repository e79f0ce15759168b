"""The application that the commands of this package join."""

import typer

from mesocore.core import terminal

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Face-forgery detection with MesoNet. MESO_THREADS sets the thread count "
    "(default: all cores). " + terminal.STATUSES,
)
