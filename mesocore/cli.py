"""The command line: thin commands over the package, one line for a user's mistake."""

import sys

import typer
from typer.core import TyperGroup

from mesocore import cli_data, cli_models, doctor
from mesocore.core.errors import UserError
from mesocore.core.runtime import setup


class Commands(TyperGroup):
    """The commands; Ctrl-C ends any of them with one line and exit status 130."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            said = str(stop) or "interrupted; the same command goes on"
            print(f"mesocore: {said}", file=sys.stderr)
            raise typer.Exit(130) from stop


typer_app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Face-forgery detection with MesoNet. MESO_THREADS sets the thread count (default 2).",
)


def doctor_command() -> None:
    """Check this machine and say how to mend what is wrong."""
    raise typer.Exit(doctor.main())


for name, command in {
    "assemble": cli_data.assemble,
    "merge": cli_data.merge,
    "audit": cli_data.audit,
    "train": cli_models.train_model,
    "prune": cli_models.prune_model,
    "ensemble": cli_models.ensemble_models,
    "evaluate": cli_models.evaluate_model,
    "predict": cli_models.predict_images,
    "doctor": doctor_command,
}.items():
    typer_app.command(name)(command)


def app() -> None:
    """The entry point: turns a user's mistake into one line and exit status 2."""
    try:
        setup()
        typer_app()
    except UserError as error:
        print(f"mesocore: {error}", file=sys.stderr)
        sys.exit(2)
