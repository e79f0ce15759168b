"""Predictions that count: a range is locked before a result is shown, and scored after it.

A reader gives a range that should hold the result in `SHARE` of all cases. Over a course that can
be checked: of people's 80 % ranges far fewer hold the truth (Lichtenstein, Fischhoff and Phillips,
"Calibration of probabilities: the state of the art to 1980", in Kahneman, Slovic and Tversky,
"Judgment under uncertainty", 1982).
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from typing_extensions import TypedDict

from mesocore.core.errors import UserError
from mesocore.core.files import write_json
from mesocore.core.schemas import read_json

SHARE = 0.8  # of a reader's ranges that should hold the result
_FIX = "remove it to begin anew"


class Prediction(TypedDict):
    """A range, None where none was given in time, and the result, None until it was shown."""

    low: float | None
    high: float | None
    value: float | None


class Stored(TypedDict):
    """The file: predictions by name."""

    predictions: dict[str, Prediction]


class Predictions:
    """A reader's predictions in `file`, by name, in the order in which they were asked for."""

    def __init__(self, file: Path):
        """Raises `UserError` if the file is there and cannot be read."""
        self.file = file
        self._all: dict[str, Prediction] = {}
        if file.exists():
            self._all = read_json(file, Stored, _FIX)["predictions"]

    def lock(self, name: str, low: float | None = None, high: float | None = None) -> str:
        """Keeps the range `low` to `high`, until the result was shown; returns what to tell.

        Without a range nothing is kept. Raises `UserError` unless both are finite numbers in order.
        """
        if low is None and high is None:
            said = "what do you expect? Write low= and high= above and run this cell, or go on"
        elif low is None or high is None:
            raise UserError(f"{name}: a range needs both, low= and high=")
        elif not (math.isfinite(low) and math.isfinite(high)):
            raise UserError(f"{name}: {low} to {high} is no range of finite numbers")
        elif low > high:
            raise UserError(f"{name}: low {low:g} is above high {high:g}; swap them")
        elif name in self._all and self._all[name]["value"] is not None:
            return f"{name}: the result was shown already; {_range(self._all[name])} stays"
        else:
            self._all[name] = Prediction(low=float(low), high=float(high), value=None)
            write_json(self.file, {"predictions": self._all})
            said = f"locked, {_range(self._all[name])}"
        return f"{name}: {said}"

    def reveal(self, name: str, value: float) -> str:
        """Keeps the result, the first one that was shown, and returns it with the score."""
        if not math.isfinite(value):
            return f"{name}: {value}, no number that a range could hold; nothing is scored"
        found = self._all.setdefault(name, Prediction(low=None, high=None, value=None))
        if found["value"] is None:
            found["value"] = float(value)
            write_json(self.file, {"predictions": self._all})
        shown = f"{name}: {_shown(value)}"
        if found["low"] is None:
            return f"{shown} (no range was locked)"
        where = "inside" if _inside(found) else "outside"
        return f"{shown}, {where} your range, {_range(found)}"

    def scored(self) -> pd.DataFrame:
        """What was locked and shown: `name`, `low`, `high`, `value`, `inside` (bool)."""
        rows = [{"name": name, **found, "inside": _inside(found)}
                for name, found in self._all.items()
                if found["low"] is not None and found["value"] is not None]  # fmt: skip
        return pd.DataFrame(rows, columns=["name", "low", "high", "value", "inside"])

    def placed(self) -> pd.DataFrame:
        """`scored` for `plots.intervals`: every range from 0 to 1, and results where they lie in
        them, at most half a range outside. A range of one number has it in its middle."""
        scored = self.scored().set_index("name")
        width = (scored["high"] - scored["low"]).to_numpy(float)
        offset = (scored["value"] - scored["low"]).to_numpy(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.where(width > 0, offset / width, 0.5 + np.sign(offset))
        return pd.DataFrame({
            "low": 0.0, "high": 1.0, "value": np.clip(place, -0.5, 1.5),
            "label": np.where(scored["inside"], "real", "fake"),  # the colours
        }, scored.index.rename(None))  # fmt: skip

    def summary(self) -> str:
        """How many ranges held, and how many should have."""
        scored = self.scored()
        if scored.empty:
            return "No range was locked in this course; lock some, and this page has your score."
        held, count = int(scored["inside"].sum()), len(scored)
        low, high = stats.binom.interval(0.9, count, SHARE)
        said = f"{held} of {count} ranges held the result; of {SHARE:.0%} ranges"
        judged = "too narrow" if held < low else "wider than need be" if held > high else None
        about = f"{low:.0f} to {high:.0f} would: " + (f"yours were {judged}" if judged else "well")
        return f"{said} {about}"


def _inside(found: Prediction) -> bool:
    low, high, value = found["low"], found["high"], found["value"]
    if low is None or high is None or value is None:
        return False
    return low <= value <= high or low <= float(_shown(value)) <= high


def _shown(value: float) -> str:
    return f"{value:.3g}"


def _range(found: Prediction) -> str:
    if found["low"] is None:
        return "no range"
    return f"{found['low']:g} to {found['high']:g}"
