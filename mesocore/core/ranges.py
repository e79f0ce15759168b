"""Numbers and their ranges: how an option, a setting or a variable is read, and what is refused."""

import math
import re
from dataclasses import dataclass

from mesocore.core.errors import UserError

_LONGEST = 40  # characters of a value that an error repeats
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")  # int() takes underscores and the digits of any script
_NUMBER = re.compile(r"[+-]?([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True)
class Range:
    """Numbers from `least` to `most`, where these are given.

    `open_end`: below `most`. `positive`: above 0. `kind` is int or float. `str()` says it for a
    person: "a whole number from 1".
    """

    kind: type[int] | type[float]
    least: float | None = None
    most: float | None = None
    open_end: bool = False
    positive: bool = False

    def __str__(self) -> str:
        words = ["a whole number" if self.kind is int else "a number"]
        words += ["above 0"] if self.positive else []
        words += [f"from {self.least}"] if self.least is not None else []
        words += [f"{'to below' if self.open_end else 'to'} {self.most}"] if self.most else []
        return " ".join(words)

    def check(self, name: str, value: object) -> None:
        """Raises `UserError`, which calls it `name`, for a value of another kind or out of range.

        A bool, NaN and the infinities are no numbers here; an int is a float.
        """
        kinds = (int,) if self.kind is int else (int, float)
        good = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
        if not good or not self._holds(value):
            raise UserError(f"{name} is {_short(value)}; write {self}")

    def parse(self, name: str, text: str) -> float:
        """The number that `text` writes in decimal ASCII digits, or `UserError` as in `check`."""
        pattern = _WHOLE if self.kind is int else _NUMBER
        if not pattern.fullmatch(text):
            raise UserError(f"{name} is {_short(text)}; write {self}")
        value = self.kind(text)
        self.check(name, value)
        return value

    def _holds(self, value: float) -> bool:
        below = self.most is None or value < self.most or (value == self.most and not self.open_end)
        above = self.least is None or value >= self.least
        return below and above and (value > 0 or not self.positive)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


SEED = Range(int, 0, 2**32 - 1)  # what NumPy takes; torch is given multiples of it
COUNT = Range(int, 1, 10**9)
SHARE = Range(float, 0, 1, open_end=True)
PRIOR = Range(float, most=1, open_end=True, positive=True)  # a share of fakes: some, not all
