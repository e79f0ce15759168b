"""What every chapter of the course has as a case: predictions, quiz, exercises, a finding."""

import re
from collections import Counter
from collections.abc import Iterator

from nbformat import NotebookNode

from tests.notebook_rules import code_cells

MOST_MINUTES = 45  # to read and do
MOST_CLOSING_WORDS = 250
LEAST_PREDICTIONS, LEAST_EXPERIMENTS, LEAST_QUESTIONS = 3, 2, 4
CLOSING = ("Recap", "Finding", "What would change our mind")
EXERCISE = re.compile(r"^### Exercise (\d+) (★{1,3}): \S|^### Exercise (\d+): .* (★{1,3})$", re.M)
OPTION = re.compile(r"<details><summary>[A-D]\. .+?</summary>\n\n(Yes|No)\b.*?\n\n</details>", re.S)
ACCUSING = re.compile(r"public code|re-implements|published system", re.I)


def text(notebook: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def section(whole: str, title: str) -> str:
    """What stands below a second-level heading, up to the next one."""
    found = re.search(rf"^## {re.escape(title)}$\n(.*?)(?=^## |\Z)", whole, re.M | re.S)
    return found[1].strip() if found else ""


def predictions(notebook: NotebookNode) -> Iterator[str]:
    """Each is asked for once, then shown; nothing is shown that was not asked for."""
    asked: list[str] = []
    shown: list[str] = []
    for cell in code_cells(notebook):
        asked += re.findall(r'chapter\.predict\(\s*"([^"]+)"', cell.source)
        for name in re.findall(r'chapter\.reveal\(\s*"([^"]+)"', cell.source):
            shown.append(name)
            if name not in asked:
                yield f"{name!r} is shown before it is asked for"
    if len(asked) < LEAST_PREDICTIONS:
        yield f"{len(asked)} predictions that count, should be {LEAST_PREDICTIONS} at least"
    for name, count in (Counter(asked) - Counter(shown)).items():
        yield f"{name!r} is asked for {count} time(s) more than it is shown"


def exercises(notebook: NotebookNode) -> Iterator[str]:
    whole = text(notebook)
    graded = [(int(m[1] or m[3]), len(m[2] or m[4])) for m in EXERCISE.finditer(whole)]
    headings = len(re.findall(r"^### Exercise", whole, re.M))
    if len(graded) < headings:
        yield f"{headings - len(graded)} exercise(s) without stars"
    if [number for number, _ in graded] != list(range(1, len(graded) + 1)):
        yield f"exercises are numbered {[number for number, _ in graded]}"
    if (experiments := sum(stars == 3 for _, stars in graded)) < LEAST_EXPERIMENTS:
        yield f"{experiments} exercises of three stars, should be {LEAST_EXPERIMENTS} at least"


def quiz(notebook: NotebookNode) -> Iterator[str]:
    """Options that each say whether they are right, one of a question, now at one letter, now at
    another."""
    letters = set()
    questions = re.split(r"^\*\*\d+\.\*\* ", section(text(notebook), "Check your understanding"),
                         flags=re.M)[1:]  # fmt: skip
    if len(questions) < LEAST_QUESTIONS:
        yield f"{len(questions)} questions, should be {LEAST_QUESTIONS} at least"
    for number, question in enumerate(questions, start=1):
        answers = OPTION.findall(question)
        if len(answers) < 2 or answers.count("Yes") != 1:
            yield f"question {number}: {len(answers)} options, {answers.count('Yes')} right"
        if question.count("<details>") != len(answers):
            yield f"question {number}: a fold that is no option with feedback"
        letters.update("ABCD"[n] for n, answer in enumerate(answers) if answer == "Yes")
    if missing := sorted(set("ABC") - letters):
        yield f"no question has its right answer at {missing[0]}"


def closing(notebook: NotebookNode) -> Iterator[str]:
    whole = text(notebook)
    parts = {title: section(whole, title) for title in CLOSING}
    yield from (f"no section {title!r}" for title, part in parts.items() if not part)
    words = sum(len(part.split()) for part in parts.values())
    if words > MOST_CLOSING_WORDS:
        yield f"closing texts of {words} words, at most {MOST_CLOSING_WORDS}"
    if len(parts["Finding"].split("\n\n")) > 1:
        yield "the finding is more than one line"


def length(notebook: NotebookNode) -> Iterator[str]:
    found = re.search(r"About (\d+) min to read and do", notebook.cells[0].source)
    if not found or int(found[1]) > MOST_MINUTES:
        yield f"it takes {found[1] if found else '?'} min, at most {MOST_MINUTES}"


def nobody_is_accused(notebook: NotebookNode) -> Iterator[str]:
    yield from (f"says {found!r}" for found in ACCUSING.findall(text(notebook)))


RULES = (predictions, exercises, quiz, closing, length, nobody_is_accused)


def problems(notebook: NotebookNode) -> list[str]:
    """Of a chapter, or of the final project, which is an experiment as a whole."""
    project = notebook.cells[0].source.startswith("# 8. The final project")
    rules = [rule for rule in RULES if not (project and rule is exercises)]
    return [problem for rule in rules for problem in rule(notebook)]
