"""Every chapter runs in its short version, repeats what it shows, and keeps the rules."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from course import ChapterError, find_chapters, run_chapter

from mesocore.core.runtime import output_root
from tests.notebook_rules import PARAMETERS, problems
from tests.sample_notebook import sample

CHAPTERS = find_chapters()
SANITIZE = Path(__file__).parent / "nbval_sanitize.cfg"
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def run_fast(tmp_path_factory):
    """Runs a chapter with FAST=True, once a module; returns the executed copy."""
    done = {}

    def run(path: Path) -> Path:
        if path not in done:
            done[path] = run_chapter(path, tmp_path_factory.mktemp("runs"), {"FAST": True})
        return done[path]

    return run


def nbval(path: Path, mode: str, **variables: str) -> subprocess.CompletedProcess:
    """Runs nbval on a notebook, with FAST in the environment as it cannot inject parameters."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", mode, "--nbval-current-env", "--nbval-cell-timeout=300",
         f"--nbval-sanitize-with={SANITIZE}", "-p", "no:randomly", "-p", "no:cacheprovider",
         f"--rootdir={path.parent}", str(path)],
        env={**environment, "FAST": "1", **variables},
        capture_output=True,
        text=True,
    )  # fmt: skip


@each_chapter
def test_chapter_keeps_the_rules(chapter):
    assert problems(chapter) == []


@each_chapter
def test_chapter_runs_fast_and_writes_its_results(chapter, run_fast):
    assert set(papermill.inspect_notebook(str(chapter))) >= PARAMETERS
    results = output_root(True) / "results" / "synthfaces" / f"{chapter.stem[:2]}.json"
    results.unlink(missing_ok=True)
    run_fast(chapter)
    assert json.loads(results.read_text())


@each_chapter
def test_chapter_shows_what_is_committed(chapter):
    done = nbval(chapter, "--nbval-lax")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("chapter", CHAPTERS[:1], ids=lambda path: path.stem)
def test_chapter_repeats_itself_to_the_last_digit(chapter, run_fast):
    done = nbval(run_fast(chapter), "--nbval")
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def executed_sample(tmp_path_factory):
    """The sample as papermill ran it with FAST=True; its results are in the same folder."""
    home = tmp_path_factory.mktemp("home")
    path = home / "01_sample.ipynb"
    nbformat.write(sample(), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESO_HOME", str(home))
        return run_chapter(path, home / "out", {"FAST": True})


def committed(executed: Path, folder: Path) -> tuple[nbformat.NotebookNode, Path]:
    """The executed sample as it would be committed, and where to write it."""
    notebook = nbformat.read(executed, as_version=4)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "injected-parameters" not in cell.metadata.get("tags", [])
    ]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    return notebook, folder / "01_sample.ipynb"


def test_the_sample_runs_with_its_parameter(executed_sample):
    (written,) = executed_sample.parents[1].rglob("results/synthfaces/01.json")
    assert json.loads(written.read_text()) == {"fast": True}


def test_the_sample_repeats_itself_apart_from_times(executed_sample, tmp_path):
    done = nbval(executed_sample, "--nbval", MESO_HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout


def test_a_checked_cell_that_shows_something_else_fails(executed_sample, tmp_path):
    notebook, path = committed(executed_sample, tmp_path)
    (cell,) = (cell for cell in notebook.cells if cell.source == "6 * 7")
    cell.outputs[0].data["text/plain"] = "41"
    nbformat.write(notebook, path)
    done = nbval(path, "--nbval-lax", MESO_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "6 * 7" in done.stdout


def test_the_sample_keeps_the_rules(executed_sample, tmp_path):
    notebook, path = committed(executed_sample, tmp_path)
    nbformat.write(notebook, path)
    assert problems(path) == []


def stderr(cells):
    cells[3].outputs = [nbformat.v4.new_output("stream", name="stderr", text="careful\n")]


def trace(cells):
    cells[3].outputs = [nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])]


def set_source(index, text):
    return lambda cells: cells[index].update(source=text)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (set_source(0, "# No question"), "the first cell states no question"),
        (set_source(0, "# A question? Yes"), "the first cell states no time"),
        (set_source(1, "Goals"), "no heading 'objectives'"),
        (set_source(2, "FAST = False\nSEED = int('0')"), "is no literal"),
        (set_source(2, "FAST = False\nSEED = 0"), "no parameter DATA"),
        (set_source(3, "pass"), "FAST is not read from the environment"),
        (set_source(3, "fast()\n" * 9), "the first code cell has 9 lines"),
        (set_source(6, "pass\n" * 26), "a code cell has 26 lines"),
        (set_source(4, "## A section"), "nothing to predict"),
        (set_source(4, "See /home/ada/data"), "absolute path /home/ada/data"),
        (set_source(-1, "pass"), "the last cell writes no results file"),
        (set_source(-1, "assert results"), "ends in asserts"),
        (lambda cells: cells[5].update(execution_count=None), "run `make notebooks`"),
        (lambda cells: cells[5].metadata.pop("tags"), "no cell is tagged `nbval-check-output`"),
        (lambda cells: cells[5].outputs[0].data.update({"text/plain": "0.5"}), "the float 0.5"),
        (lambda cells: cells[7].metadata.pop("alt"), "a picture without `alt`"),
        (stderr, "wrote to stderr: careful"),
        (trace, "holds a stack trace"),
    ],
)
def test_a_broken_rule_is_named(executed_sample, tmp_path, spoil, problem):
    notebook, path = committed(executed_sample, tmp_path)
    spoil(notebook.cells)
    nbformat.write(notebook, path)
    assert any(problem in line for line in problems(path)), problems(path)


def test_a_failing_chapter_names_its_cell(tmp_path):
    notebook = sample()
    notebook.cells[5].source = "x = 1\n1 / 0"
    path = tmp_path / "05_broken.ipynb"
    nbformat.write(notebook, path)
    with pytest.raises(ChapterError, match=r"05_broken stopped .*\(x = 1\): ZeroDivisionError"):
        run_chapter(path, tmp_path / "out")
    assert (tmp_path / "out" / path.name).exists()
