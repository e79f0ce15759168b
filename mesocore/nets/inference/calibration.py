"""From a network's score to a verdict: temperature, threshold, and a band of "I do not know"."""

import contextlib
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mesocore.core.errors import UserError, one_line
from mesocore.core.images import Preparation
from mesocore.nets.schemas import ABOVE_ALL

LABELS = ("real", "fake")
SUREST = 0.9  # P(fake), or P(real), of an image that is like nothing that was learnt, at most


class Examined(NamedTuple):
    """Of N images: uncalibrated logits, float64 `(N,)`, and how probable the likeliest kind is,
    float64 `(N,)` in 0..1 (`mesonet_plus.kind_probability`); None of a network without kinds."""

    logits: np.ndarray
    kind: np.ndarray | None = None


class Calibrated:
    """What has a score for each image, and all it takes to turn that into a verdict.

    `preparation` is what images go through first, `size` the side that the network takes; P(fake)
    is `sigmoid(logit / temperature)`. Where two answers are wanted, an image is called fake when
    P(fake) is at least `threshold`. A verdict is "real" below the first number of `band`, "fake"
    from the second, and "unsure" between them. It is "unsure" too if no kind of photographs or
    forgeries that the network knows has a probability of `kind_from`; None: it knows no kinds. The
    P(fake) of such an image is drawn towards one half, to within 0.1 to 0.9 (`tempered`): how often
    a higher one would be right was measured on images that are known.
    """

    preparation: Preparation
    size: int
    threshold: float
    temperature: float
    band: tuple[float, float] | None
    kind_from: float | None

    def check_limits(self) -> None:
        """Makes the band the threshold where there is none. Raises `UserError` if the threshold (a
        number in 0..1), the band (two, with the threshold between them) or the temperature
        (finite, above 0) could not give a verdict."""
        # the least threshold above a score of 1 calls nothing fake
        if not 0 <= _finite("threshold", self.threshold) <= ABOVE_ALL:
            raise UserError(f"the threshold {self.threshold} is not within 0 to 1")
        self.band = low, high = self.band or (self.threshold, self.threshold)
        ends = _finite("band's begin", low), _finite("band's end", high)
        if not 0 <= ends[0] <= self.threshold <= ends[1] <= ABOVE_ALL:
            raise UserError(f"the band {low} to {high} does not hold the threshold {self.threshold}"
                            " within 0 to 1")  # fmt: skip
        if self.kind_from is not None and not 0 <= _finite("kind_from", self.kind_from) <= 1:
            raise UserError(f"kind_from is {self.kind_from}, which is not within 0 to 1")
        if _finite("temperature", self.temperature) <= 0:
            raise UserError(f"the temperature {self.temperature} is not above 0")

    def examine(self, images, batch: int = 64, expected: int = 0) -> Examined:
        """What the network says of uint8 images `(N, 3, S, S)`, a tensor or an array; what is not
        finite too. `expected`: how many images there are in all."""
        raise NotImplementedError

    def logits(self, images, batch: int = 64, expected: int = 0) -> np.ndarray:
        """Uncalibrated logits, float64 `(N,)`; images as in `examine`. Raises `UserError` if one is
        not finite."""
        return check_scores(self.examine(images, batch, expected).logits)

    def probabilities(self, images, batch: int = 64, expected: int = 0) -> np.ndarray:
        """As `logits`, calibrated: P(fake) in 0..1, float64 `(N,)`."""
        found = self.examine(images, batch, expected)
        check_scores(found.logits)
        return self.calibrated(found)

    def calibrated(self, examined: Examined) -> np.ndarray:
        """P(fake) in 0..1 of what was examined, float64 `(N,)`; NaN where a logit is not finite."""
        probability = to_probability(examined.logits, self.temperature)
        probability = np.where(np.isfinite(examined.logits), probability, np.nan)
        if examined.kind is None or self.kind_from is None:
            return probability
        return tempered(probability, examined.kind < self.kind_from)

    def knows(self, kind: float | None) -> bool:
        """Whether an image whose likeliest kind is so probable is like what was learnt."""
        return kind is None or self.kind_from is None or kind >= self.kind_from

    def verdict(self, probability: float, kind: float | None = None) -> str:
        """Which of "real", "fake" and "unsure" an image is, by its P(fake) and the probability of
        its likeliest kind."""
        low, high = self.band
        if not self.knows(kind):
            return "unsure"
        return "real" if probability < low else "fake" if probability >= high else "unsure"


def together(parts: Sequence[Examined]) -> list[list]:
    """What was examined in parts, output by output; those that the network lacks are left out."""
    return [list(each) for each in zip(*parts, strict=True) if each[0] is not None]


def check_scores(logits: np.ndarray) -> np.ndarray:
    """Returns logits `(N,)` that are all finite. Raises `UserError` otherwise: infinity and NaN are
    no scores, and to compare them with a threshold would still give a verdict."""
    if wrong := np.count_nonzero(~np.isfinite(logits)):
        raise UserError(f"the detector gives no finite score for {wrong} of {len(logits)} images; "
                        "its weights cannot be used")  # fmt: skip
    return logits


def to_probability(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Logits `(N,)` -> P(fake) `(N,)`."""
    return 1 / (1 + np.exp(-np.clip(logits / temperature, -500, 500)))


def tempered(probability: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """P(fake) `(N,)`, where `unknown` no surer than `SUREST`, in the same order."""
    return np.where(unknown, 0.5 + (2 * SUREST - 1) * (probability - 0.5), probability)


def fitting(batch: int, side: int) -> int:
    """Fewer images of more than 256 px, or memory would grow."""
    return max(1, batch * 256**2 // max(side, 256) ** 2)


def _finite(name: str, value: object) -> float:
    with contextlib.suppress(OverflowError):  # of whole numbers beyond any float
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    raise UserError(one_line(f"the {name} {value!r} is no finite number", 100))
