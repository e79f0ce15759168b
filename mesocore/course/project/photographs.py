"""The second track: false alarms of a detector on photographs that are known to be real."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scipy import stats

from mesocore.core.errors import UserError
from mesocore.evaluation.prediction import Verdict, predict
from mesocore.nets.inference.calibration import Calibrated

METHODS = {"wilson": "Wilson", "exact": "Clopper and Pearson"}
Method = Literal["wilson", "exact"]
FEW = 30  # judged pictures, below which an interval is too wide to say much
_ASKED = ("who took the pictures, when, and with which camera or program",
          "how you know that they are real",
          "who is in them, and that they have agreed to this use",
          "what happens to the pictures afterwards")  # fmt: skip


@dataclass(frozen=True)
class Alarms:
    """Counts of pictures that are known to be real, by what the detector says of the largest face.

    `nothing`: no face was found, or the file cannot be read.
    """

    real: int = 0
    fake: int = 0
    unsure: int = 0
    nothing: int = 0

    @property
    def asked(self) -> int:
        """All pictures."""
        return self.real + self.fake + self.unsure + self.nothing

    @property
    def judged(self) -> int:
        """Those with a face: of these `share` is the share of false alarms."""
        return self.asked - self.nothing

    @property
    def share(self) -> float | None:
        """False alarms among the judged pictures; None if none was judged."""
        return self.fake / self.judged if self.judged else None

    def interval(self, method: Method = "wilson") -> tuple[float, float]:
        """The 95 % interval of `share`; (0, 1) if nothing was judged.

        "wilson" is right on average, "exact" (Clopper and Pearson) never too narrow. Both take
        the pictures for independent. Raises `UserError` for another method.
        """
        if method not in METHODS:
            raise UserError(
                f"no interval is called {method!r}; choose one of: {', '.join(METHODS)}"
            )
        if not self.judged:
            return 0.0, 1.0
        found = stats.binomtest(self.fake, self.judged).proportion_ci(0.95, method)
        return float(found.low), float(found.high)


def count(verdicts: Iterable[Verdict]) -> Alarms:
    """Of pictures that are all real. Of a picture with several faces the largest counts."""
    counts = {"real": 0, "fake": 0, "unsure": 0, "nothing": 0}
    for answer in verdicts:
        if answer.face in (None, 1):
            counts["nothing" if answer.error else answer.verdict] += 1
    return Alarms(**counts)


def ask(detector: Calibrated, paths: Sequence[str | Path]) -> Alarms:
    """Asks a detector about files or folders of pictures that are all real. Nothing is kept."""
    return count(predict(detector, [str(path) for path in paths]))


def card(name: str, alarms: Alarms, about: Sequence[str], method: Method = "wilson") -> str:
    """One page about the count, in Markdown. `name`: of the detector.

    `about`: one answer to each question of provenance and consent, "" where there is none yet.
    Raises `UserError` unless there are as many as questions.
    """
    if len(about) != len(_ASKED):
        raise UserError(f"{len(about)} answers to {len(_ASKED)} questions: {'; '.join(_ASKED)}")
    low, high = alarms.interval(method)
    share = "none was judged" if alarms.share is None else f"{alarms.share:.1%}"
    lines = [f"# False alarms of {name}", "", "| pictures known to be real | |", "|---|---|"]
    lines += [f"| {what} | {number} |" for what, number in (
        ("asked about", alarms.asked), ("no face found, or unreadable", alarms.nothing),
        ("called real", alarms.real), ("unsure", alarms.unsure), ("called fake", alarms.fake),
    )]  # fmt: skip
    lines += ["", f"Called fake, of those judged: {share}, 95 % interval {low:.1%} to {high:.1%} "
              f"({METHODS[method]}).", ""]  # fmt: skip
    if alarms.judged < FEW:
        lines += [f"{alarms.judged} judged pictures say little; ask about {FEW} or more.", ""]
    lines += [f"- {question[0].upper()}{question[1:]}: {answer or 'not answered'}"
              for question, answer in zip(_ASKED, about, strict=True)]  # fmt: skip
    lines += ["", "It holds for pictures like these, from this camera and this channel, and says "
              "nothing of how many fakes are found."]  # fmt: skip
    return "\n".join(lines) + "\n"
