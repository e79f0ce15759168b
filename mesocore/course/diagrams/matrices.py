"""Single weights under a mask, whole channels taken out, and what becomes smaller of it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesocore.course.diagrams.canvas import (
    INK,
    SKY,
    TEXT,
    arrow,
    box,
    dot,
    drawn,
    line,
    tint,
    title,
    write,
)
from mesocore.course.plots import MUTED

SIDE, GONE, CELL = 8, 2, 0.115  # channels, channels that go, inches
LEFT, RIGHT, APART = 2.00, 4.90, 0.64
CHOSEN, RUNS, FACTS = 3.09, 1.92, 1.13  # inches: the rows, top to bottom


def layers() -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes of two consecutive layers, both `(8, 8)`: channels are rows, then columns."""
    source = np.random.default_rng(8)
    strength = source.permutation(np.linspace(0.35, 1, SIDE))
    first, second = source.uniform(0.1, 1, (2, SIDE, SIDE))
    return first * strength[:, None], second * strength


def masked(weights: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """True for the smallest weights of both layers, as many as `GONE` channels have."""
    count = 2 * GONE * SIDE
    limit = np.sort(np.concatenate(weights).ravel())[count]
    return weights[0] < limit, weights[1] < limit


def weakest(weights: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The channels with the smallest sums of magnitudes, over both layers."""
    first, second = weights
    return np.argsort(first.sum(1) + second.sum(0))[:GONE]


def mask_and_channel() -> Figure:
    """As many weights taken one by one and in whole channels; what is stored and what is run."""
    return drawn(_mask_and_channel, 4.08)


def _mask_and_channel(ax: Axes) -> None:
    weights = layers()
    zeros, channels = masked(weights), weakest(weights)
    first, second = weights
    smaller = np.delete(first, channels, 0), np.delete(second, channels, 1)
    title(ax, LEFT, 3.93, "Mask single weights")
    title(ax, RIGHT, 3.93, "Remove whole channels")
    _pair(ax, LEFT, CHOSEN, weights, zeros)
    _pair(ax, LEFT, RUNS, weights, zeros)
    _pair(ax, RIGHT, CHOSEN, weights)
    _strike(ax, channels)
    _pair(ax, RIGHT, RUNS, smaller)
    for x, pair in ((LEFT, weights), (RIGHT, smaller)):
        for at, matrix in zip((x - APART, x + APART), pair, strict=True):
            box(ax, at, RUNS, SIDE * CELL, SIDE * CELL, fill="none", linestyle=":", zorder=1)
            write(ax, at, RUNS - 0.57, "{} × {}".format(*matrix.shape), weight="bold")
            arrow(ax, (at, CHOSEN - 0.52), (at, RUNS + 0.52), color=MUTED)
            write(ax, at, CHOSEN + 0.57, "first layer" if at < x else "second layer")
    for y, words in {CHOSEN: "what goes", RUNS: "what runs"}.items():
        write(ax, 0.12, y, words, TEXT, rotation=90)
    _facts(ax, sum(int(z.sum()) for z in zeros), sum(m.size for m in weights),
           sum(m.size for m in smaller))  # fmt: skip
    write(ax, 3.15, 0.21, "Grey: a weight, darker if larger. Circle: a weight masked to zero.\n"
          "Hatched: a channel that goes, with its row of the first layer and its column of "
          "the second.")  # fmt: skip


def _facts(ax: Axes, zeros: int, before: int, after: int) -> None:
    rows = {
        "zeros": (f"{zeros} of {before} weights", f"none among {after} weights"),
        "multiply-adds": (f"{before}, as before", f"{after} instead of {before}"),
        "file": ("smaller only if compressed", "smaller as it is"),
        "time": ("as before: zeros are multiplied too", "can be shorter"),
    }
    line(ax, (0.05, FACTS + 0.11), (6.25, FACTS + 0.11), linewidth=0.5)
    for n, (name, values) in enumerate(rows.items()):
        y = FACTS - 0.175 * n
        write(ax, 0.06, y, name, ha="left", color=MUTED)
        for x, words in zip((LEFT, RIGHT), values, strict=True):
            write(ax, x, y, words)


def _pair(
    ax: Axes, x: float, y: float, weights: tuple[np.ndarray, np.ndarray],
    zeros: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:  # fmt: skip
    """Two layers side by side; where `zeros` is True there is a circle in place of the weight."""
    for n, matrix in enumerate(weights):
        rows, columns = matrix.shape
        left, top = x + (2 * n - 1) * APART - columns * CELL / 2, y + rows * CELL / 2
        for (row, at), value in np.ndenumerate(matrix):
            place = left + (at + 0.5) * CELL, top - (row + 0.5) * CELL
            gone = zeros is not None and zeros[n][row, at]
            box(ax, *place, CELL, CELL, fill="white" if gone else tint(INK, 0.15 + 0.55 * value),
                linewidth=0.4)  # fmt: skip
            if gone:
                dot(ax, *place, 0.3 * CELL, linewidth=0.7)
    arrow(ax, (x - 0.14, y), (x + 0.14, y))


def _strike(ax: Axes, channels: np.ndarray) -> None:
    """Hatches the rows of the first layer, and the columns of the second, that go."""
    whole = SIDE * CELL
    look = {"fill": tint(SKY, 0.35), "hatch": "/////", "linewidth": 0.8}
    for channel in channels:
        away = ((SIDE - 1) / 2 - channel) * CELL
        box(ax, RIGHT - APART, CHOSEN + away, whole, CELL, zorder=4, **look)
        box(ax, RIGHT + APART - away, CHOSEN, CELL, whole, zorder=4, **look)
