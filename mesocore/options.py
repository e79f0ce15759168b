"""The options that several commands share, and those of `train`, which its settings declare."""

import inspect
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated

import typer

from mesocore.training.config import TrainConfig

Set = Annotated[str, typer.Option("--data", help="an assembled set, or the word synthfaces")]
Resume = Annotated[bool, typer.Option("--resume", help="go on with the run in --out")]
Labels = Annotated[
    list[str] | None, typer.Option("--label", help="FOLDER=real or =fake: what a name means")
]
Card = Annotated[Path | None, typer.Option("--card", help="write a model card here, in Markdown")]
FakeClass = Annotated[
    int | None, typer.Option(min=0, max=1, help="Keras weights: the fake class; else 0")
]
Record = Annotated[Path | None, typer.Option("--json", help="write what was found here")]


def of_training() -> list[inspect.Parameter]:
    """The arguments of `train`: those below, and an option for every setting that has a help."""

    def parameter(name: str, kind: object, default: object = inspect.Parameter.empty):
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, keyword, default=default, annotation=kind)

    def option(setting: Field) -> inspect.Parameter:
        words = [f"--{setting.name.replace('_', '-')}"]
        about = typer.Option(*words, help=setting.metadata["help"], min=setting.metadata["min"])
        return parameter(setting.name, Annotated[setting.type, about], setting.default)

    about = "meso4, mesoinception4, mesonetplus, or meso4 with parts: meso4+inverted+se"
    return [
        parameter("model", Annotated[str, typer.Argument(help=about)]),
        parameter("data", Set),
        parameter("out", Annotated[Path, typer.Option(help="the run's folder")]),
        *(option(setting) for setting in fields(TrainConfig)
          if setting.default is not MISSING and "help" in setting.metadata),
        parameter("resume", Resume, False),
    ]  # fmt: skip
