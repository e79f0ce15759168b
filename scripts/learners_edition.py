"""The chapters as a learner wants them, in learn/: no outputs, and what came out is folded.

`make lab` builds and opens it. A notebook that is there already is the reader's and stays as it is,
even when its chapter has changed since; that is said, with the fix.
"""

import hashlib
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS, LEARN = ROOT / "notebooks", ROOT / "learn"
TOLD = "result"  # the tag of a markdown cell that tells what the cells before it have shown
SUMMARY = "What came out"
EDITION = "chapter_sha256"  # in the metadata: which text of the chapter this was made from


def learners(chapter: NotebookNode) -> NotebookNode:
    """A copy without outputs, in which the cells tagged `result` are folded."""
    notebook = nbformat.from_dict(chapter)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif TOLD in cell.metadata.get("tags", []):
            cell.source = f"<details><summary>{SUMMARY}</summary>\n\n{cell.source}\n\n</details>"
    notebook.metadata[EDITION] = _digest(chapter)
    return notebook


def _digest(chapter: NotebookNode) -> str:
    """Of the sources alone: a chapter that was only run again is the same edition."""
    return hashlib.sha256("\0".join(cell.source for cell in chapter.cells).encode()).hexdigest()


def build(notebooks: Path = NOTEBOOKS, out: Path = LEARN) -> list[str]:
    """Writes what is missing in `out`; returns a line for each notebook that is out of date."""
    out.mkdir(exist_ok=True)
    said = []
    for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        chapter, target = nbformat.read(path, as_version=4), out / path.name
        if not target.exists():
            nbformat.write(learners(chapter), target)
        elif nbformat.read(target, as_version=4).metadata.get(EDITION) != _digest(chapter):
            said.append(f"{target.relative_to(out.parent)} is of an older edition of the chapter; "
                        "move it away, and make lab writes the new one")  # fmt: skip
    return said


if __name__ == "__main__":
    for line in build():
        print(line, file=sys.stderr)
