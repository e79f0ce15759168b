"""The rules for a committed notebook (DESIGN.md, section 4), each as one function."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import nbformat
import pages
from nbformat import NotebookNode

HEADINGS = (
    "objectives",
    "check your understanding",
    "recap",
    "what would change our mind",
    "references",
)
PARAMETERS = {"DATA", "FAST", "SEED"}
MOST_PARAMETERS = 6
MOST_BYTES = 1_500_000  # chapter 1 has contact sheets in full colour
MEDIAN_LINES, MOST_LINES = 8, 25
MOST_FIRST_LINES = 8  # of the cell that imports and sets up
OWN_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work|private|mnt)/\S*|\b[A-Z]:\\\\?Users")


def problems(path: Path) -> list[str]:
    """Everything that is wrong with a committed notebook, one line each."""
    notebook = nbformat.read(path, as_version=4)
    found = [problem for rule in RULES for problem in rule(notebook)]
    if path.stat().st_size >= MOST_BYTES:
        found.append(f"{path.stat().st_size} bytes, should be below {MOST_BYTES}")
    chapter = pages.describe(path)
    missing = [name for name in ("question", "time") if not getattr(chapter, name)]
    return found + [f"the first cell states no {name}" for name in missing]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def output_text(cell: NotebookNode) -> str:
    """All the text that a cell has printed or shown."""
    shown = [output.get("data", {}) for output in cell.outputs]
    texts = [data[kind] for data in shown for kind in data if kind.startswith("text/")]
    return "\n".join([output.get("text", "") for output in cell.outputs] + texts)


def is_checked(cell: NotebookNode) -> bool:
    """Does nbval compare this cell's output in its lax mode?"""
    tagged = "nbval-check-output" in cell.metadata.get("tags", [])
    return tagged or "NBVAL_CHECK_OUTPUT" in cell.source


def skeleton(notebook: NotebookNode) -> Iterator[str]:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = " ".join(re.findall(r"^#+ .*$", text, re.MULTILINE)).lower()
    yield from (f"no heading {name!r}" for name in HEADINGS if name not in headings)
    if "predict" not in text.lower():
        yield "nothing to predict"


def parameters(notebook: NotebookNode) -> Iterator[str]:
    cells = [c for c in code_cells(notebook) if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        yield f"{len(cells)} cells are tagged `parameters`, should be one"
        return
    names = set()
    for statement in ast.parse(cells[0].source).body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not _is_literal(statement):
            yield f"`{ast.unparse(statement)}` among the parameters is no literal"
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names |= {ast.unparse(target) for target in targets}
    yield from (f"no parameter {name}" for name in sorted(PARAMETERS - names))
    if len(names) > MOST_PARAMETERS:
        yield f"{len(names)} parameters, should be at most {MOST_PARAMETERS}"


def _is_literal(statement: ast.Assign | ast.AnnAssign) -> bool:
    try:
        ast.literal_eval(statement.value)
    except ValueError:
        return False
    return True


def first_cell(notebook: NotebookNode) -> Iterator[str]:
    """What a reader meets first is short, and `Chapter` or `fast()` asks for the short version."""
    cells = code_cells(notebook)
    place = next((n for n, c in enumerate(cells) if "parameters" in c.metadata.get("tags", [])), -1)
    first = cells[place + 1].source
    if len(first.splitlines()) > MOST_FIRST_LINES:
        yield (f"the first code cell has {len(first.splitlines())} lines, "
               f"at most {MOST_FIRST_LINES}")  # fmt: skip
    if not re.search(r"\bChapter\(.*\bFAST\b|\bfast\(\)", first):
        yield 'FAST is not read from the environment: `Chapter("NN", DATA, FAST, SEED)`'


def executed(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield "not executed once from top to bottom: run `make notebooks`"
    if not any(cell.outputs for cell in code_cells(notebook)):
        yield "holds no outputs"
    if any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells):
        yield "holds parameters that papermill injected"


def clean_outputs(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        name = f"In [{cell.execution_count}]"
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{name} holds a stack trace"
            if output.get("name") == "stderr":
                yield f"{name} wrote to stderr: {output.text.splitlines()[0]}"
        if "Traceback (most recent call last)" in output_text(cell):
            yield f"{name} prints a stack trace"
        shown = {kind for output in cell.outputs for kind in output.get("data", {})}
        pictures = shown & {"image/png", "image/jpeg"}
        if pictures and not cell.metadata.get("alt"):
            yield f"{name} shows a picture without `alt` in the cell's metadata"
        if "chapter.save(" in cell.source and not pictures:
            yield f"{name} saves a figure and shows none"


def no_paths(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        text = cell.source + (output_text(cell) if cell.cell_type == "code" else "")
        yield from (f"absolute path {path}" for path in OWN_PATH.findall(text))


def short_cells(notebook: NotebookNode) -> Iterator[str]:
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    if median(lengths) > MEDIAN_LINES:
        yield f"the median code cell has {median(lengths)} lines, at most {MEDIAN_LINES}"
    if max(lengths) > MOST_LINES:
        yield f"a code cell has {max(lengths)} lines, at most {MOST_LINES}"


def checked_cells(notebook: NotebookNode) -> Iterator[str]:
    checked = [cell for cell in code_cells(notebook) if is_checked(cell)]
    if not checked:
        yield "no cell is tagged `nbval-check-output`"
    for cell in checked:
        for number in re.findall(r"\d\.\d+", output_text(cell)):
            yield f"In [{cell.execution_count}] is compared exactly and shows the float {number}"


def last_cells(notebook: NotebookNode) -> Iterator[str]:
    """What the author claims is tested in tests/course, where no reader has to run it."""
    sources = [cell.source for cell in code_cells(notebook)[-2:]]
    if any(isinstance(node, ast.Assert) for text in sources for node in ast.walk(ast.parse(text))):
        yield "ends in asserts: tests/course/claims_NN.py is the place for them"
    if not re.search(r"\bchapter\.record\(|\bresults\b", sources[-1]):
        yield "the last cell writes no results file"


RULES = (
    skeleton,
    parameters,
    first_cell,
    executed,
    clean_outputs,
    no_paths,
    short_cells,
    checked_cells,
    last_cells,
)
