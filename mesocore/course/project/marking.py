"""Marks a card against the rubric, in sentences, without giving away what was missed.

Each planted flaw is worth 2 for its name and 1 for its evidence, the corrected claim 3. A flaw that
is not there costs 3, as much as one that was missed. Two thirds are needed to pass.

A card is a dictionary, or a YAML or JSON file that holds one:

    flaws:
      leak: {value: 7, how: test rows whose group is among those of the training rows}
    accuracy: [0.71, 0.88]   # of a picture from outside, 95 %; or: cannot be said
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from mesocore.core.errors import UserError
from mesocore.course.project.cases import Case
from mesocore.course.project.catalogue import CANNOT_BE_SAID, CATALOGUE, SPOILS_ALL, planted
from mesocore.course.project.measuring import MEASURED, worth

NAME, EVIDENCE, CLAIM, FALSE = 2, 1, 3, 3  # points; `FALSE` is taken away
PASS = 2 / 3
MOST_WIDE = 1.5  # times the interval that the clean test pictures allow
LEAST_TEXT = 12  # characters that say how something was measured


@dataclass
class Mark:
    """`points` of `total`, and why: `sentences`. `attempted` is False of an empty card."""

    attempted: bool = False
    points: int = 0
    total: int = 0
    found: int = 0
    missed: int = 0
    false: int = 0
    sentences: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """At least two thirds."""
        return self.attempted and self.points >= PASS * self.total

    def __str__(self) -> str:
        if not self.attempted:
            return "\n".join(self.sentences)
        end = "passed" if self.passed else "not passed yet"
        return "\n".join([*self.sentences, f"{self.points} of {self.total} points: {end}"])


def check(card: object, case: "Case | str | Path") -> Mark:
    """Marks the card, prints the mark and returns it. Never raises for a wrong card."""
    case = Case(case)
    found = mark(card, case, planted(case.seed))
    print(found)
    return found


def mark(card: object, case: Case, truth: Collection[str]) -> Mark:
    """`check` with the planted flaws given, and without printing."""
    try:
        card = _read(card)
    except (OSError, UserError, ValueError, yaml.YAMLError) as error:
        return Mark(sentences=[f"the card cannot be read: {str(error).splitlines()[0]}"])
    flaws, accuracy = card.get("flaws") or {}, card.get("accuracy")
    if not flaws and accuracy is None:
        return Mark(sentences=["not attempted yet: the card names no flaw and no accuracy"])
    wrong = _malformed(flaws)
    if wrong:
        return Mark(sentences=wrong)
    return _marked(flaws, accuracy, case, truth)


def _read(card: object) -> dict:
    if card is None or card is ...:
        return {}
    if isinstance(card, str | Path):
        card = yaml.safe_load(Path(card).read_text(encoding="utf-8"))
    if not isinstance(card, dict):
        raise UserError("it is no dictionary with `flaws` and `accuracy`")
    return card


def _malformed(flaws: object) -> list[str]:
    if not isinstance(flaws, dict):
        return ["`flaws` is no dictionary: write the flaw's name, and its value and how"]
    known = ", ".join(CATALOGUE)
    found = [f"no flaw is called {str(name)[:40]!r}; the catalogue has: {known}"
             for name in flaws if name not in CATALOGUE]  # fmt: skip
    return found + [f"{name}: write a dictionary with `value`, a number, and `how`, a text"
                    for name, said in flaws.items() if not isinstance(said, dict)]  # fmt: skip


def _marked(flaws: dict, accuracy: object, case: Case, truth: Collection[str]) -> Mark:
    right = [name for name in flaws if name in truth]
    result = Mark(True, NAME * len(right), (NAME + EVIDENCE) * len(truth) + CLAIM, len(right),
                  len(truth) - len(right), len(flaws) - len(right))  # fmt: skip
    say = result.sentences.append
    say(f"{_flaws(len(right))} of this case {_are(len(right))} on your card.")
    if result.missed:
        say(f"{_flaws(result.missed)} {_are(result.missed)} missing.")
    if result.false:
        say(f"{_flaws(result.false)} on your card {_are(result.false)} not in this case. Which, "
            "your own evidence has to tell: each costs as much as a missed one.")  # fmt: skip
    problems = {name: _evidence(name, flaws[name], case) for name in right}
    result.points += EVIDENCE * sum(not problem for problem in problems.values())
    for name, problem in ({} if result.false else problems).items():
        say(f"{name}: {problem or 'the evidence holds'}.")
    problem = _claim(accuracy, case, truth)
    result.points += CLAIM * (not problem)
    say(f"accuracy: {problem or 'the corrected claim holds'}.")
    result.points = max(0, result.points - FALSE * result.false)
    return result


def _evidence(name: str, said: dict, case: Case) -> str:
    """What is wrong with the evidence for a flaw that is there; nothing if it holds."""
    value, how = said.get("value"), said.get("how")
    if not _is_number(value):
        return f"the evidence is no number; asked for: {CATALOGUE[name].evidence}"
    if not isinstance(how, str) or len(how.strip()) < LEAST_TEXT:
        return "say in `how` by what the value was measured"
    measured = MEASURED[name](case)
    if abs(value - measured) > CATALOGUE[name].tolerance + 1e-9:
        return f"we measure another value; asked for: {CATALOGUE[name].evidence}"
    return ""


def _claim(accuracy: object, case: Case, truth: Collection[str]) -> str:
    """What is wrong with the corrected claim; nothing if it holds."""
    if accuracy is None:
        return f"missing; write an interval, or {CANNOT_BE_SAID!r}"
    unsayable = bool(SPOILS_ALL & set(truth))
    if accuracy == CANNOT_BE_SAID:
        return "" if unsayable else "something can be said, from the part of test that is sound"
    if not _is_interval(accuracy):
        return "write two numbers in order from 0 to 1, the ends of the 95 % interval"
    if unsayable:
        return "this test split cannot say it: a part of it that is sound does not exist"
    found = worth(case)
    low, high = accuracy
    if high - low > MOST_WIDE * found.width:
        return "the interval is much wider than the sound part of test makes necessary"
    outside = found.interval
    if high < outside[0] or low > outside[1]:
        return ("the interval does not hold what we measure on other people's pictures (of sound "
                "intervals one in fifty fails by bad luck)")  # fmt: skip
    return ""


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) or hasattr(value, "__float__")
    return is_number and not isinstance(value, bool | str) and math.isfinite(value)


def _is_interval(value: object) -> bool:
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
        return False
    return all(map(_is_number, value)) and 0 <= value[0] < value[1] <= 1


def _flaws(count: int) -> str:
    return f"{count} flaw{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
