"""Every exercise has a check, a stub that it turns away, and a solution that it accepts.

The convention is described at the top of mesocore/course/checks/exercise.py.
"""

import ast
import contextlib
import importlib
import importlib.util
import io
import re
from types import ModuleType
from typing import NamedTuple

import nbformat
import pytest

from mesocore.core.runtime import project_root
from mesocore.course.checks import exercise as course_exercise

SOLUTION = re.compile(
    r"<details>\s*<summary>\s*Solution\s*</summary>\s*\n```python\n(.*?)\n```", re.DOTALL
)


class Exercise(NamedTuple):
    name: str
    cell: str
    solution: str
    checks: ModuleType


def checks_of(chapter: str) -> ModuleType:
    """The module of mesocore.course.checks of a chapter that has one, else `exercise`."""
    own = f"mesocore.course.checks.checks_{chapter}"
    return importlib.import_module(own) if importlib.util.find_spec(own) else course_exercise


def exercises(
    notebook: nbformat.NotebookNode, checks: ModuleType = course_exercise
) -> list[Exercise]:
    """The exercises of a notebook, in order. Raises ValueError where one breaks the convention."""
    found, cells = [], notebook.cells
    for index, cell in enumerate(cells):
        if not is_exercise(cell):
            continue
        name = cell.metadata.get("exercise")
        if not name:
            raise ValueError(f"cell {index} is tagged `exercise` but its metadata name no exercise")
        solutions = []
        for following in cells[index + 1 :]:
            if is_exercise(following):
                break
            if following.cell_type == "markdown":
                solutions += SOLUTION.findall(following.source)
        if len(solutions) != 1:
            raise ValueError(f"exercise {name!r} has {len(solutions)} solutions, should have one")
        found.append(Exercise(name, cell.source, solutions[0], checks))
    return found


def is_exercise(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "code" and "exercise" in cell.metadata.get("tags", [])


def outcome(exercise: Exercise, solution: str) -> tuple[bool, str]:
    """What the check returns and prints after the stub and then `solution` have run."""
    *stub, call = ast.parse(exercise.cell).body
    if ast.unparse(call.value).partition("(")[0] != f"checks.{exercise.name}":
        raise ValueError(f"the cell must end in a call of checks.{exercise.name}")
    namespace: dict = {"checks": exercise.checks}
    exec(compile(ast.Module(stub, []), exercise.name, "exec"), namespace)
    exec(compile(solution, f"solution of {exercise.name}", "exec"), namespace)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        passed = eval(compile(ast.Expression(call.value), exercise.name, "eval"), namespace)
    return passed, printed.getvalue()


def all_exercises() -> list:
    return [
        pytest.param(exercise, id=f"{path.stem[:2]}-{exercise.name}")
        for path in sorted((project_root() / "notebooks").glob("[0-9][0-9]_*.ipynb"))
        for exercise in exercises(nbformat.read(path, as_version=4), checks_of(path.stem[:2]))
    ]


@pytest.mark.parametrize("exercise", all_exercises())
def test_check_turns_the_stub_away_and_accepts_the_solution(exercise):
    passed, said = outcome(exercise, "")
    assert passed is False
    assert "not attempted yet" in said
    passed, said = outcome(exercise, exercise.solution)
    assert passed is True, said


def sample(check: str = "_ = checks.halve(halve)", solutions: int = 1) -> nbformat.NotebookNode:
    """A notebook with one exercise, and a hint and an explanation around its solution."""
    v4 = nbformat.v4
    stub = f"import math\ndef halve(x):\n    raise NotImplementedError\n{check}"
    fold = "<details><summary>Solution</summary>\n\n```python\ndef halve(x):\n    return x / 2\n```"
    metadata = {"tags": ["exercise"], "exercise": "halve"}
    return v4.new_notebook(
        cells=[
            v4.new_code_cell(stub, metadata=metadata),
            v4.new_markdown_cell("<details><summary>Hint</summary>\n\nDivide.\n\n</details>"),
            *[v4.new_markdown_cell(f"{fold}\n\nDone.\n\n</details>") for _ in range(solutions)],
        ]
    )


@pytest.fixture
def halve(monkeypatch):
    @course_exercise.exercise
    def halve(f):
        if f(4) != 2:
            yield f"f(4) is {f(4)}, should be 2"
        if f(1) != 0.5:
            yield "f(1) should be 0.5"

    monkeypatch.setattr(course_exercise, "halve", halve, raising=False)
    return halve


def test_an_exercise_is_found_and_its_solution_runs(halve):
    (exercise,) = exercises(sample())
    assert exercise.name == "halve"
    passed, said = outcome(exercise, "")
    assert passed is False
    assert said == "halve: not attempted yet (no answer, or no `return`)\n"
    assert outcome(exercise, exercise.solution) == (True, "halve: OK\n")


@pytest.mark.parametrize("solutions", [0, 2])
def test_an_exercise_without_exactly_one_solution_is_refused(solutions):
    with pytest.raises(ValueError, match=f"has {solutions} solutions"):
        exercises(sample(solutions=solutions))


def test_an_exercise_cell_that_calls_another_check_is_refused(halve):
    (exercise,) = exercises(sample(check="checks.double(halve)"))
    with pytest.raises(ValueError, match="must end in a call of checks.halve"):
        outcome(exercise, "")


def test_a_wrong_answer_is_told_everything_that_is_wrong(halve, capsys):
    assert halve(lambda x: x) is False
    assert capsys.readouterr().out == "halve: f(4) is 4, should be 2\nhalve: f(1) should be 0.5\n"


def test_code_that_fails_is_reported_and_does_not_raise(halve, capsys):
    assert halve(lambda: 2) is False
    assert "halve: your code raised TypeError:" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [None, ..., lambda x: None, lambda x: ...])
def test_no_answer_is_not_a_wrong_answer(halve, answer, capsys):
    assert halve(answer) is False
    assert "not attempted yet" in capsys.readouterr().out


def test_a_class_or_a_value_can_be_an_answer(capsys):
    @course_exercise.exercise
    def answer(x):
        if (x("7") if callable(x) else x) != 7:
            yield "should be 7"

    assert answer(int) is True
    assert answer(7) is True
    assert answer(8) is False
