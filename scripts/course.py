"""Runs the chapters and builds the site: `python scripts/course.py [02 ...]`.

Each chapter of notebooks/ runs through papermill into build/course/ and becomes a page there;
build/course/index.html lists them all. Without arguments every chapter is run. FAST=1 runs the
short versions, whose figures and results go to build/fast. `--in-place` runs them where they are
instead, for outputs that are to be committed (`make notebooks`).
"""

import argparse
import base64
import io
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cheat_sheets
import elsewhere
import glossary_links
import nbformat
import pages
import papermill
import site_search
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from PIL import Image
from site_frame import CONTENTS, SEARCH

from mesocore.core.files import write_text
from mesocore.core.runtime import fast, output_root

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
SITE = ROOT / "build" / "course"
QUIET = ["--log-level=50"]  # for the kernel, which warns of its own transport
BAR = "{desc}  cell {n_fmt} of {total_fmt}, {elapsed}  "
COLOURS = 128  # of a plot in a committed notebook; what is in figures/ keeps all of its own
MOST_OF_A_PLOT = 4096  # colours; a picture of more is a photograph, or shows some


class ChapterError(Exception):
    """A chapter that stopped: which, in which cell, and why."""


def find_chapters() -> list[Path]:
    """The notebooks NN_name.ipynb in order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def run_chapter(source: Path, out: Path, parameters: dict | None = None) -> Path:
    """Executes a notebook in its own folder; returns `out`/its name, with outputs.

    Raises `ChapterError` if a cell fails. The notebook up to that cell is kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    target = out / source.name
    bar = {"desc": f"  {source.stem}", "bar_format": BAR, "disable": not sys.stderr.isatty()}
    try:
        papermill.execute_notebook(
            source,
            target,
            parameters=parameters or {},
            cwd=source.parent,
            kernel_name="python3",
            progress_bar=bar,
            extra_arguments=QUIET,
        )
    except PapermillExecutionError as error:
        first_line = error.source.strip().partition("\n")[0]
        raise ChapterError(
            f"{source.stem} stopped in cell In [{error.exec_count}] ({first_line}): "
            f"{error.ename}: {error.evalue}"
        ) from error
    except DeadKernelError as error:
        raise _died(source) from error
    return target


def run_in_place(source: Path) -> None:
    """Executes a notebook where it is and keeps its outputs, with small pictures and no times.

    Raises `ChapterError` if a cell fails; the file then stays as it was.
    """
    notebook = nbformat.read(source, as_version=4)
    resources = {"metadata": {"path": str(source.parent)}}
    try:
        NotebookClient(
            notebook, record_timing=False, resources=resources, extra_arguments=QUIET
        ).execute()
    except CellExecutionError as error:
        raise ChapterError(f"{source.stem} stopped: {error.ename}: {error.evalue}") from error
    except DeadKernelError as error:
        raise _died(source) from error
    shrink_pictures(notebook)
    nbformat.write(notebook, source)


def run_all_in_place(wanted: list[Path]) -> list[str]:
    """`run_in_place` for each of them; returns the errors, one line each."""
    errors = []
    for source in announced(wanted):
        try:
            run_in_place(source)
        except ChapterError as error:
            errors.append(str(error))
    return errors


def announced(wanted: list[Path]) -> Iterator[Path]:
    """The chapters one by one, each with its number, its time, and what is left of the whole.

    What is left is by the minutes that the chapters state, times how this machine has kept to them.
    """
    stated = {source.stem: pages.describe(source).minutes(fast()) for source in wanted}
    took, due = 0.0, 0.0
    for number, source in enumerate(wanted, start=1):
        pace = took / due if due else 1.0
        rest = sum(stated[later.stem] for later in wanted[number - 1 :]) * pace
        left = f", about {rest:.0f} min left" if rest >= 1 else ""
        print(f"[{number}/{len(wanted)}] {source.stem}{left} ...", flush=True)
        start = time.monotonic()
        yield source
        minutes = (time.monotonic() - start) / 60
        took, due = took + minutes, due + stated[source.stem]
        print(f"      done in {minutes:.1f} min", flush=True)


def shrink_pictures(notebook: nbformat.NotebookNode) -> None:
    """Plots keep `COLOURS` colours of their own, photographs become JPEG: both are smaller so."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                _shrink(output.data)


def _shrink(data: dict) -> None:
    png = data.pop("image/png")
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    small = io.BytesIO()
    if image.getcolors(MOST_OF_A_PLOT) is None:
        image.save(small, "JPEG", quality=85, subsampling=0)
        data["image/jpeg"] = base64.b64encode(small.getvalue()).decode()
        return
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    data["image/png"] = min(png, base64.b64encode(small.getvalue()).decode(), key=len)


def _died(source: Path) -> ChapterError:
    return ChapterError(
        f"{source.stem} stopped: its process died, as it does when memory runs out; close "
        "other programs, or run the short version with FAST=1"
    )


def build(wanted: list[Path], chapters: list[Path], out: Path) -> list[str]:
    """Runs `wanted`, writes their pages and the contents; returns the errors, one line each.

    The contents are there from the start and grow: a reader need not wait for the last chapter.
    """
    described = [pages.describe(path) for path in chapters]
    errors: dict[str, str] = {}
    out.mkdir(parents=True, exist_ok=True)
    for source in wanted:
        (out / source.name).unlink(missing_ok=True)
    _contents(described, errors, out)
    print(f"Pages appear in {out / 'index.html'} as they are done")
    for source in announced(wanted):
        try:
            run_chapter(source, out)
        except ChapterError as error:
            errors[source.stem] = str(error)
        try:
            _write_page(out / source.name, described, source.parent)
        except ValueError as error:
            errors.setdefault(source.stem, f"{source.stem} cannot be shown: {error}")
        _contents(described, errors, out)
    return list(errors.values())


def _write_page(executed: Path, described: list[pages.Chapter], source_folder: Path) -> None:
    if executed.exists():
        page = pages.chapter_page(executed, described, source_folder, _text("GLOSSARY.md"))
        write_text(executed.with_suffix(".html"), page)
        (own,) = (chapter for chapter in described if chapter.stem == executed.stem)
        sheet = cheat_sheets.sheet(executed, own.title, own.question, source_folder)
        write_text(executed.parent / cheat_sheets.name(executed.stem), sheet)


def _contents(described: list[pages.Chapter], errors: dict[str, str], out: Path) -> None:
    figures = _copy_figures(output_root(fast()) / "figures", out / "figures")
    glossary, teaching = _text("GLOSSARY.md"), _text("docs/teaching.md")
    minutes, entries = {}, []
    for chapter in described:
        executed = out / f"{chapter.stem}.ipynb"
        if (out / f"{chapter.stem}.html").exists() and executed.exists():
            timing = nbformat.read(executed, as_version=4).metadata.get("papermill", {})
            minutes[chapter.stem] = (timing.get("duration") or 0.0) / 60
            entries += site_search.chapter_entries(executed, chapter.title)
    entries += site_search.glossary_entries(glossary_links.terms(glossary))
    page = pages.contents_page(described, minutes, set(errors), figures, entries)
    write_text(out / "index.html", page)
    body = glossary_links.glossary_body(glossary)
    write_text(out / "glossary.html", pages.page("Glossary", body, [CONTENTS, SEARCH]))
    write_text(out / "teachers.html", pages.teachers_page(teaching, described, ROOT / "docs"))


def _text(name: str) -> str:
    """A text of the course, or nothing if it is not there."""
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _copy_figures(source: Path, target: Path) -> dict:
    """Copies the figures that the manifest names; returns the manifest."""
    manifest = source / "manifest.json"
    figures = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    target.mkdir(parents=True, exist_ok=True)
    for name in figures:
        for ending in (".png", ".pdf"):
            shutil.copyfile(source / (name + ending), target / (name + ending))
    return figures


def choose(asked: list[str], chapters: list[Path]) -> list[Path]:
    """The chapters whose names start with what was asked for; all if nothing was."""
    wanted = [path for path in chapters if not asked or path.name.startswith(tuple(asked))]
    unknown = [start for start in asked if not any(p.name.startswith(start) for p in chapters)]
    if unknown or not chapters:
        names = ", ".join(path.stem for path in chapters) or f"none in {NOTEBOOKS}"
        raise SystemExit(f"course: no chapter {' '.join(unknown)}; there are: {names}")
    return wanted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("chapter", nargs="*", help="01, 02, ...; all unless given")
    parser.add_argument("--in-place", action="store_true", help="into the notebooks, no pages")
    arguments = parser.parse_args()
    elsewhere.repository()  # refused now, not after the first chapter
    chapters = find_chapters()
    wanted = choose(arguments.chapter, chapters)
    if arguments.in_place:
        errors, where, done = run_all_in_place(wanted), NOTEBOOKS, f"Outputs are in {NOTEBOOKS}"
    else:
        errors, where, done = build(wanted, chapters, SITE), SITE, f"Open {SITE / 'index.html'}"
    for error in errors:
        print(f"course: {error}", file=sys.stderr)
    if errors:
        print(f"course: what ran so far is in {where}", file=sys.stderr)
        return 1
    print(done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
