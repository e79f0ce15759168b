"""How the error falls with the number of training images: a power law, and what it predicts.

    error = a * images ** -b

is a straight line in the logarithms, so least squares fits it and gives an interval for a new
point. After Hestness et al., "Deep Learning Scaling Is Predictable, Empirically", 2017; they fit a
floor c as well, which three or four doublings cannot tell from 0. Without it the prediction is the
optimistic one.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mesocore.core.errors import UserError


@dataclass(frozen=True)
class PowerLaw:
    """error = `scale` * images ** -`exponent`, and what is needed for intervals."""

    scale: float
    exponent: float
    points: int
    residual: float  # standard deviation around the line, natural logarithm of the error
    centre: float  # mean of log(images)
    spread: float  # sum of squared distances of log(images) from it

    def predict(self, images: float, level: float = 0.95) -> dict[str, float]:
        """The error of a new run on so many images: `value`, and `low` to `high` at `level`.

        The interval knows the scatter of the points and that the slope is uncertain. It does not
        know whether the law goes on: beyond the measured sizes it is too narrow.
        """
        x = np.log(images)
        middle = np.log(self.scale) - self.exponent * x
        variance = 1 + 1 / self.points + (x - self.centre) ** 2 / self.spread
        half = stats.t.ppf((1 + level) / 2, self.points - 2) * self.residual * np.sqrt(variance)
        return {name: float(np.exp(value)) for name, value in
                (("value", middle), ("low", middle - half), ("high", middle + half))}  # fmt: skip


def fit_power_law(images: np.ndarray, error: np.ndarray) -> PowerLaw:
    """Fits runs: `images` `(N,)`, how many each saw, and `error` `(N,)` > 0, as 1 - ROC AUC.

    Raises `UserError` for fewer than three runs, fewer than two sizes, or an error of 0.
    """
    images, error = np.asarray(images, dtype=float), np.asarray(error, dtype=float)
    if len(images) < 3 or len(np.unique(images)) < 2:
        raise UserError("a power law needs at least three runs on at least two sizes")
    if (error <= 0).any():
        raise UserError("an error of 0 has no logarithm; measure on more images")
    x, y = np.log(images), np.log(error)
    line = stats.linregress(x, y)
    off = y - line.intercept - line.slope * x
    return PowerLaw(
        scale=float(np.exp(line.intercept)),
        exponent=float(-line.slope),
        points=len(x),
        residual=float(np.sqrt((off**2).sum() / (len(x) - 2))),
        centre=float(x.mean()),
        spread=float(((x - x.mean()) ** 2).sum()),
    )
