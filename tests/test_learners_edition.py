"""The learner's edition: nothing is given away, and no work of a reader is lost."""

import nbformat
import pytest
from learners_edition import NOTEBOOKS, SUMMARY, TOLD, build, learners


@pytest.fixture
def folders(tmp_path):
    """A chapter with a result that is told, and where its learner's edition goes."""
    chapters, out = tmp_path / "notebooks", tmp_path / "learn"
    chapters.mkdir()
    notebook = nbformat.v4.new_notebook()
    ran = nbformat.v4.new_code_cell("1 + 1", execution_count=1)
    ran.outputs = [nbformat.v4.new_output("stream", text="2\n")]
    told = nbformat.v4.new_markdown_cell("It is two.")
    told.metadata["tags"] = [TOLD]
    notebook.cells = [nbformat.v4.new_markdown_cell("# 1. Sums"), ran, told]
    nbformat.write(notebook, chapters / "01_sums.ipynb")
    return chapters, out


def test_outputs_are_gone_and_results_are_folded(folders):
    assert build(*folders) == []
    title, code, told = nbformat.read(folders[1] / "01_sums.ipynb", as_version=4).cells
    assert title.source == "# 1. Sums"
    assert (code.outputs, code.execution_count, code.source) == ([], None, "1 + 1")
    assert told.source == f"<details><summary>{SUMMARY}</summary>\n\nIt is two.\n\n</details>"


def test_a_readers_work_stays_and_an_older_edition_is_named(folders):
    chapters, out = folders
    build(*folders)
    mine = nbformat.read(out / "01_sums.ipynb", as_version=4)
    mine.cells[1].source = "1 + 2"
    nbformat.write(mine, out / "01_sums.ipynb")
    assert build(*folders) == []
    chapter = nbformat.read(chapters / "01_sums.ipynb", as_version=4)
    chapter.cells[2].source = "It is two, of course."
    nbformat.write(chapter, chapters / "01_sums.ipynb")
    (line,) = build(*folders)
    assert line.startswith("learn/01_sums.ipynb is of an older edition")
    assert nbformat.read(out / "01_sums.ipynb", as_version=4).cells[1].source == "1 + 2"


def test_a_chapter_that_was_only_run_again_is_the_same_edition(folders):
    chapters, _ = folders
    build(*folders)
    chapter = nbformat.read(chapters / "01_sums.ipynb", as_version=4)
    chapter.cells[1].outputs = []
    nbformat.write(chapter, chapters / "01_sums.ipynb")
    assert build(*folders) == []


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_is_folded_holds_no_heading_and_follows_code(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(learners(notebook))
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if TOLD in cell.metadata.get("tags", []):
            assert cell.cell_type == "markdown"
            assert not any(line.startswith("#") for line in cell.source.splitlines()), cell.source
            assert before.cell_type == "code" or TOLD in before.metadata.get("tags", []), (
                cell.source
            )
