"""Commands that use a detector: on images, as a file, and on this machine."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesocore.cli import options
from mesocore.cli.application import app
from mesocore.core import outputs
from mesocore.core.errors import UserError
from mesocore.core.terminal import say as print

if TYPE_CHECKING:
    from mesocore.nets.inference.calibration import Calibrated


@app.command()
def predict(
    run: options.path("RUN", "a run, an exported .onnx, or Keras' .h5 or .keras"),
    paths: options.text("PATH...", "images, globs, folders: all their files", many=True),
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="comma-separated, with a header")] = False,
    fake_class: options.FakeClass = None,
    no_crop: options.NoCrop = False,
) -> None:
    """Call each face in images real, fake or unsure, one line a face.

    Exit status: 0 all were judged, 1 some could not be, and those of mesocore --help.
    """
    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other; choose one")
    from mesocore.evaluation import prediction

    verdicts = prediction.predict(_detector(run, fake_class), paths, not no_crop)
    failed = prediction.show(verdicts, "json" if as_json else "csv" if as_csv else "text")
    raise typer.Exit(1 if failed else 0)


def _detector(path: Path, fake_class: int | None = None) -> "Calibrated":
    """That of a run or of a Keras file, or of an exported one, for which PyTorch is not loaded."""
    from mesocore.nets.inference.exported import SUFFIX, load_exported

    if path.suffix == SUFFIX:
        if fake_class is not None:
            raise UserError(f"{path} says itself what is fake; leave out --fake-class")
        return load_exported(path)
    from mesocore.core.runtime import setup
    from mesocore.nets.detector import load_detector

    setup()
    return load_detector(path, fake_class)


@app.command()
def export(
    run: options.path("RUN", "a run's folder, or Keras' .h5 or .keras"),
    onnx: options.path("--onnx", "the file to write, NAME.onnx"),
    fake_class: options.FakeClass = None,
) -> None:
    """Write a detector as one ONNX file, with all it takes to use it in its metadata."""
    from mesocore.core.runtime import setup
    from mesocore.nets.detector import load_detector
    from mesocore.nets.inference.exported import SUFFIX

    if onnx.suffix != SUFFIX:
        raise UserError(f"--onnx {onnx}: write a name that ends in {SUFFIX}")
    outputs.check({"--onnx": onnx}, [run])
    if importlib.util.find_spec("onnx") is None:
        raise UserError("to export takes the package onnx: pip install onnx")
    from mesocore.nets.inference.onnx_export import export as write

    setup()
    apart = write(load_detector(run, fake_class), onnx)
    print(f"{onnx}: {onnx.stat().st_size:,} bytes; logits differ from PyTorch's by {apart:.1g}")


@app.command()
def doctor() -> None:
    """Check this machine and say how to fix what is wrong."""
    from mesocore import doctor as checks

    raise typer.Exit(checks.main())
