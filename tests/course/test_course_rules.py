"""Every chapter is part of the case, and each rule finds what it is there for."""

import copy

import nbformat
import pytest
from course import find_chapters

from tests import course_rules

CHAPTERS = find_chapters()
LAST = CHAPTERS[6]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_chapter_is_part_of_the_case(chapter):
    assert course_rules.problems(nbformat.read(chapter, as_version=4)) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("chapter.reveal(", "print(", "more than it is shown"),
        ("chapter.predict(", "print(", "shown before it is asked for"),
        ("★★★", "★", "exercises of three stars"),
        ("### Exercise 2", "### Exercise 7", "numbered"),
        ("\n\nYes:", "\n\nNo:", "0 right"),
        ("\n\nNo:", "\n\nWell,", "no option with feedback"),
        ("## Finding\n\n", "## Finding\n\nFirst.\n\n", "more than one line"),
        ("## Finding", "## Findings", "no section 'Finding'"),
        ("## Recap\n", "## Recap\n" + "word " * 200, "closing texts"),
        ("About 45 min", "About 60 min", "takes 60 min"),
        ("One number accuses nobody.", "Public code does this.", "says 'Public code'"),
    ],
)
def test_a_rule_that_is_broken_is_named(before, after, said):
    notebook = copy.deepcopy(nbformat.read(LAST, as_version=4))
    for cell in notebook.cells:
        cell.source = cell.source.replace(before, after)
    assert any(said in problem for problem in course_rules.problems(notebook))
