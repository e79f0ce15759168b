"""Every chapter runs in its short version, repeats what it shows, and keeps the rules."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from course import ChapterError, find_chapters, run_chapter

from mesocore.core.runtime import output_root, project_root
from tests.checked_outputs import SANITIZE, checked_outputs
from tests.notebook_rules import PARAMETERS, problems
from tests.sample_notebook import sample

CHAPTERS = find_chapters()
CLAIMS = Path(__file__).parent / "course"
REPEATED = "05"  # trains, takes little time, and measures none
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


class Execution:
    """The short version of a chapter, run once: its notebook, and when it began."""

    def __init__(self, chapter: Path, folder: Path):
        self.number, self.out = chapter.stem[:2], output_root(True)
        self.began = time.time_ns()
        source = with_claims(chapter, folder / "source")
        self.path = run_chapter(source, folder / "executed", {"FAST": True})
        self.notebook = nbformat.read(self.path, as_version=4)

    def written(self, pattern: str) -> list[Path]:
        """The files below the output folder that it wrote, sorted."""
        files = sorted(self.out.glob(pattern))
        return [file for file in files if file.stat().st_mtime_ns >= self.began]


def with_claims(chapter: Path, folder: Path) -> Path:
    """A copy of the chapter whose last cell is what must hold at the end of any run of it."""
    notebook = nbformat.read(chapter, as_version=4)
    claims = CLAIMS / f"claims_{chapter.stem[:2]}.py"
    notebook.cells.append(nbformat.v4.new_code_cell(claims.read_text()))
    folder.mkdir()
    nbformat.write(notebook, folder / chapter.name)
    return folder / chapter.name


@pytest.fixture(scope="module")
def run_fast(tmp_path_factory):
    """Runs a chapter with FAST=True, once a module."""
    done = {}

    def run(chapter: Path) -> Execution:
        if chapter not in done:
            done[chapter] = Execution(chapter, tmp_path_factory.mktemp(chapter.stem))
        return done[chapter]

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
    done = run_fast(chapter)
    (results,) = done.written(f"results/synthfaces/{done.number}.json")
    assert json.loads(results.read_text())


@each_chapter
def test_chapter_draws_every_figure_that_is_committed_in_both_formats(chapter, run_fast):
    done = run_fast(chapter)
    drawn = {path.name for path in done.written(f"figures/{done.number}-*")}
    committed = project_root().glob(f"figures/{done.number}-*")
    assert drawn == {path.name for path in committed}
    assert {Path(name).suffix for name in drawn} == {".png", ".pdf"}


@each_chapter
def test_chapter_shows_what_is_committed(chapter, run_fast):
    committed = checked_outputs(nbformat.read(chapter, as_version=4))
    assert committed and checked_outputs(run_fast(chapter).notebook) == committed


@pytest.mark.parametrize(
    "chapter", [c for c in CHAPTERS if c.stem.startswith(REPEATED)], ids=lambda path: path.stem
)
def test_chapter_repeats_itself_to_the_last_digit(chapter, run_fast):
    done = nbval(run_fast(chapter).path, "--nbval")
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
    executed = nbformat.read(executed_sample, as_version=4)
    assert checked_outputs(executed) == {"6 * 7": {"text/plain": ["42"]}}
    assert checked_outputs(notebook) == {"6 * 7": {"text/plain": ["41"]}}


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
