"""The options of the commands by kind: each is read by one parser, which names option and range.

`path`, `text` and `number` give the annotation of a parameter. Those of `train` are declared by its
settings.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from mesocore.core import outputs
from mesocore.core.errors import UserError
from mesocore.core.ranges import Range
from mesocore.training.config import TrainConfig


def text(name: str, about: str, kind: type = str, many: bool = False) -> Any:
    """An option (`--name`) or an argument (`NAME`) that is not empty, as a `kind`."""

    def parsed(value: object) -> object:
        if value == "":
            raise UserError(f"{name} is empty; give it a value, or leave it out")
        return kind(value)

    return _annotation(list[kind] if many else kind, name, about, parsed)


def path(name: str, about: str, many: bool = False) -> Any:
    """As `text`: a `Path`, which is not empty (that would be the current folder)."""
    return text(name, about, Path, many)


def folder(name: str, about: str) -> Any:
    """As `path`: one to write into, new or not."""

    def parsed(value: str) -> Path:
        if not value:
            raise UserError(f"{name} is empty; name a folder")
        outputs.check_folder(name, Path(value))
        return Path(value)

    return _annotation(Path, name, about, parsed)


def number(name: str, about: str, within: Range) -> Any:
    """As `text`: a number in decimal ASCII digits; the help says its range."""

    def parsed(value: object) -> object:  # a default is a number already
        return within.parse(name, value) if isinstance(value, str) else value

    metavar = "INTEGER" if within.kind is int else "FLOAT"
    return _annotation(within.kind, name, f"{about}; {within}", parsed, metavar)


def _annotation(
    kind: type, name: str, about: str, parser: Callable, metavar: str | None = None
) -> Any:
    if not name.startswith("-"):
        return Annotated[kind, typer.Argument(metavar=name, help=about, parser=parser)]
    metavar = metavar or ("PATH" if kind is Path else "TEXT")
    return Annotated[kind | None, typer.Option(name, metavar=metavar, help=about, parser=parser)]


Set = text("--data", "an assembled set, or the word synthfaces")
Resume = Annotated[bool, typer.Option("--resume", help="go on with the run in --out")]
Labels = text("--label", "FOLDER=real or =fake: what a name means", many=True)
Card = path("--card", "write a model card here, in Markdown; - is stdout")
Record = path("--json", "write what was found here; - is stdout")
DEFAULT_MODEL = "recommended"
Model = text(
    "--model", "a name of mesocore models, a run, an exported .onnx, or Keras' .h5 or .keras"
)
FaceMargin = number(
    "--face-margin", "cut the largest face out, so many times its side", Range(float, 0.5, 5)
)
NoCrop = Annotated[
    bool, typer.Option("--no-crop", help="judge each picture as a whole; look for no faces")
]
Robustness = Annotated[
    bool, typer.Option("--robustness", help="measure it on degraded images as well")
]
FakeClass = number("--fake-class", "Keras weights: the fake class (default: 0)", Range(int, 0, 1))


def of_training() -> list[inspect.Parameter]:
    """The arguments of `train`: those below, and an option for every setting that has a help."""

    def parameter(name: str, kind: object, default: object = inspect.Parameter.empty):
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, keyword, default=default, annotation=kind)

    def option(setting: Field) -> inspect.Parameter:
        word, about = f"--{setting.name.replace('_', '-')}", setting.metadata["help"]
        if setting.type is bool:
            kind = Annotated[bool, typer.Option(word, help=about)]
        elif within := setting.metadata["range"]:
            kind = number(word, about, within)
        else:
            kind = text(word, about)
        return parameter(setting.name, kind, setting.default)

    about = "meso4, mesoinception4, mesonetplus, or meso4 with parts: meso4+inverted+se"
    return [
        parameter("model", text("MODEL", about)),
        parameter("data", Set),
        parameter("out", folder("--out", "the run's folder")),
        *(option(setting) for setting in fields(TrainConfig)
          if setting.default is not MISSING and "help" in setting.metadata),
        parameter("resume", Resume, False),
    ]  # fmt: skip
