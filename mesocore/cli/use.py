"""Commands that use a detector: on images, as a file, and on this machine."""

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesocore.cli import options
from mesocore.cli.application import app
from mesocore.core import outputs
from mesocore.core.errors import UserError
from mesocore.core.ranges import PRIOR
from mesocore.core.terminal import say as print

if TYPE_CHECKING:
    from mesocore.nets.inference.calibration import Calibrated


@app.command()
def predict(
    paths: options.text("PATH...", "images, globs, folders: all their files", many=True),
    model: options.Model = options.DEFAULT_MODEL,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="comma-separated, with a header")] = False,
    prior: options.number(
        "--prior", "share of fakes among such pictures (default: 0.5)", PRIOR
    ) = 0.5,
    fake_class: options.FakeClass = None,
    no_crop: options.NoCrop = False,
    out: options.path("--out", "a CSV file that grows as pictures are judged, for many") = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the file of --out")] = False,
    explain: options.folder("--explain", "a folder for pictures of where the evidence lies") = None,
) -> None:
    """Call each face in images real, fake or unsure, one line a face.

    Exit status: 0 all were judged, 1 some could not be, and those of mesocore --help.
    """
    forms = {"--json": as_json, "--csv": as_csv, "--out": out is not None}
    if sum(forms.values()) > 1:
        names = " and ".join(name for name, given in forms.items() if given)
        raise UserError(f"{names} exclude each other; choose one")
    if resume and out is None:
        raise UserError("--resume goes on with a file; name it with --out")
    if explain is not None and out is not None:
        raise UserError("--explain makes a picture a face; leave out --out, or explain fewer")
    from mesocore.evaluation import prediction
    from mesocore.nets.inference import shipped

    for path in paths:
        if shipped.is_detector(Path(path)):
            raise UserError(f"{path} is a detector, not a picture; write --model {path}")
    outputs.check({"--out": out}, [shipped.place(model), *paths])
    detector = _detector(model, fake_class)
    if out is not None:
        failed = _to_file(detector, paths, not no_crop, prior, out, resume)
    else:
        verdicts = prediction.judged(detector, prediction.find_images(paths), not no_crop, prior)
        answers = _explained(detector, verdicts, explain)
        failed = prediction.show(answers, "json" if as_json else "csv" if as_csv else "text")
    raise typer.Exit(1 if failed else 0)


def _to_file(
    detector: "Calibrated", paths: list[str], crop: bool, prior: float, out: Path, resume: bool
) -> int:
    from mesocore.evaluation.answers import VerdictFile

    if any(Path(path).resolve() in out.resolve().parents for path in paths):
        raise UserError(f"--out {out} lies among the pictures; name a file elsewhere")
    counts = VerdictFile(out, resume).add(detector, paths, crop, prior)
    rows = ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing"
    print(f"{out}: {rows}")
    return counts["error"]


def _explained(detector: "Calibrated", verdicts: Iterable, folder: Path | None) -> Iterator:
    if folder is None:
        yield from (verdict for verdict, _ in verdicts)
        return
    from mesocore.core.files import check_free
    from mesocore.evaluation.answers import Overlays

    check_free(folder, "--explain")
    overlays = Overlays(detector, folder)
    for verdict, image in verdicts:
        yield verdict
        if image is not None and verdict.error is None:
            overlays.add(verdict, image)


def _detector(model: str, fake_class: int | None = None) -> "Calibrated":
    """That of a name, of a run or of a Keras file, or an exported one, for which PyTorch is not
    loaded."""
    from mesocore.nets.inference import shipped
    from mesocore.nets.inference.exported import SUFFIX, load_exported

    path = shipped.find(model)
    path = shipped.soonest(path) if fake_class is None else path
    if path.suffix == SUFFIX:
        if fake_class is not None:
            raise UserError(f"{path} says itself what is fake; leave out --fake-class")
        return load_exported(path)
    from mesocore.core.runtime import setup
    from mesocore.nets.detector import load_detector

    setup()
    return load_detector(path, fake_class)


@app.command()
def models() -> None:
    """List the detectors that come with mesocore, and what each is worth."""
    from mesocore.nets.inference import shipped

    for each in shipped.shipped():
        about = each.description
        size = sum(path.stat().st_size for path in each.folder.iterdir())
        print(f"{each.name}: {about['config']['model']}, {size / 1e6:.1f} MB, in {each.folder}")
        for row in each.figures:
            print("  " + "; ".join(f"{name} {value}" for name, value in row.items()))


@app.command()
def export(
    model: options.text("MODEL", "a run, Keras' .h5 or .keras, or a name of mesocore models"),
    onnx: options.path("--onnx", "the file to write, NAME.onnx"),
    fake_class: options.FakeClass = None,
    int8: options.text("--int8", "in 8 bits, scaled by validation images of this set") = None,
) -> None:
    """Write a detector as one ONNX file, with all it takes to use it in its metadata."""
    from mesocore.core.runtime import setup
    from mesocore.nets.detector import load_detector
    from mesocore.nets.inference import shipped
    from mesocore.nets.inference.exported import SUFFIX

    if onnx.suffix != SUFFIX:
        raise UserError(f"--onnx {onnx}: write a name that ends in {SUFFIX}")
    outputs.check({"--onnx": onnx}, [shipped.place(model), *([] if int8 is None else [int8])])
    for package in ("onnx", *(["onnxruntime"] if int8 else [])):
        if importlib.util.find_spec(package) is None:
            raise UserError(f"to export takes the package {package}: pip install {package}")
    setup()
    detector = load_detector(shipped.find(model), fake_class)
    if int8 is None:
        from mesocore.nets.inference.onnx_export import export as write

        found = f"logits differ from PyTorch's by {write(detector, onnx):.1g}"
    else:
        found = _in_int8(detector, onnx, int8)
    print(f"{onnx}: {onnx.stat().st_size:,} bytes; {found}")


def _in_int8(detector: "Calibrated", onnx: Path, data: str) -> str:
    from mesocore.data import load, resolve
    from mesocore.evaluation.labelled_images import check_framing
    from mesocore.nets.inference.int8 import export_int8

    found = resolve(data)
    check_framing(detector, found)
    images = load(found, "val", detector.size).images.numpy()
    apart, others = export_int8(detector, onnx, images)
    return (f"on {len(images)} validation images P(fake) differs from the network's by {apart:.1g} "
            f"on average, and {others:.1%} get another verdict")  # fmt: skip


@app.command()
def demo(
    model: options.Model = options.DEFAULT_MODEL,
    out: options.path("--out", "write the page here, and do not open it") = None,
) -> None:
    """Open a page that judges pictures in the browser; nothing leaves this machine."""
    import tempfile
    from webbrowser import open as browse

    from mesocore.evaluation.page import write_page
    from mesocore.nets.inference import shipped

    outputs.check({"--out": out}, [shipped.place(model)])
    detector = shipped.find(model)
    known = next((each for each in shipped.shipped() if each.folder == detector), None)
    page = out or Path(tempfile.mkdtemp(prefix="mesocore-")) / "page.html"
    write_page(shipped.soonest(detector), page, known.figures if known else ())
    print(f"{page}: open it in a browser; it needs no network and sends nothing")
    if out is None and not browse(page.as_uri()):
        raise UserError(f"no browser was found here; open {page} yourself, or write --out FILE")


@app.command()
def doctor() -> None:
    """Check this machine and say how to fix what is wrong."""
    from mesocore import doctor as checks

    raise typer.Exit(checks.main())
