"""Attention: one gate in full, and four by what they look at and what they multiply."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesocore.course.diagrams.canvas import (
    GREEN,
    INK,
    PINK,
    SKY,
    Place,
    arrow,
    box,
    column,
    dot,
    drawn,
    fan,
    line,
    operator,
    picture,
    tint,
    title,
    write,
)

CHANNELS, REDUCTION = 8, 4
STEP = 0.285  # inches from channel to channel
MIDDLE = 1.48
STEPS = (0.55, 1.50, 2.55, 3.70, 4.62, 5.65)  # inches: from maps to gated maps
DOTS, CELL = 6, 0.16  # of the four gates: channels that are drawn, inches from one to the next
GATE = 2  # the channel, counted from 0, whose gate is asked about
PANELS = (1.00, 2.51, 4.02, 5.53)
LOOKS, GATES = 2.66, 1.11  # inches: the middles of both rows of pictures


def squeeze_and_excitation() -> Figure:
    """Squeeze-and-excitation step by step, with numbers of a small example."""
    return drawn(_squeeze_and_excitation, 3.5)


def example() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maps `(8, 5, 5)` in 0..1, their means `(8,)`, and gates `(8,)` of fixed random weights."""
    source = np.random.default_rng(35)
    levels = source.permutation(np.linspace(0.15, 0.85, CHANNELS))
    noise = source.uniform(-0.5, 0.5, (CHANNELS, 5, 5))
    maps = np.clip(levels[:, None, None] + 0.6 * noise, 0, 1)
    means = maps.mean((1, 2))
    squeeze = source.normal(size=(CHANNELS // REDUCTION, CHANNELS))
    hidden = np.maximum(squeeze @ means, 0)  # (c / r,)
    excite = source.normal(size=(CHANNELS, CHANNELS // REDUCTION))
    return maps, means, 1 / (1 + np.exp(-2 * excite @ hidden))


def _squeeze_and_excitation(ax: Axes) -> None:
    maps, means, gates = example()
    before, mean, hidden, gate, times, after = (
        column(x, MIDDLE, CHANNELS // REDUCTION if n == 2 else CHANNELS, STEP)
        for n, x in enumerate(STEPS)
    )
    title(ax, 3.15, 3.34, "Squeeze-and-excitation (Hu et al., 2018)")
    words = (
        "maps\nc × H × W",
        "mean of\neach map: c",
        "dense, ReLU:\nc / r",
        "dense, sigmoid:\nc gates",
        "gate times\nits map",
        "gated maps\nc × H × W",
    )
    for x, what in zip(STEPS, words, strict=True):
        write(ax, x, 2.85, what)
    fan(ax, [(x + 0.2, y) for x, y in mean], hidden)
    fan(ax, hidden, [(x - 0.2, y) for x, y in gate])
    for place in hidden:
        dot(ax, *place, 0.09, facecolor=tint(GREEN, 0.35))
    rows = zip(before, mean, gate, times, after, strict=True)
    for row, values, average, share in zip(rows, maps, means, gates, strict=True):
        _channel(ax, values, average, share, row)
    arrow(ax, (STEPS[0], 3.03), (STEPS[0], 3.13), (STEPS[4], 3.13), (STEPS[4], 3.02),
          linewidth=1.4)  # fmt: skip
    write(ax, 3.15, 0.16, f"An example of c = {CHANNELS} channels with r = {REDUCTION}. "
          "Darker: larger.")  # fmt: skip


def _channel(
    ax: Axes, values: np.ndarray, mean: float, gate: float, row: tuple[Place, ...]
) -> None:
    before, average, at, times, after = row
    arrow(ax, (before[0] + 0.15, before[1]), (average[0] - 0.21, before[1]))
    arrow(ax, (at[0] + 0.2, at[1]), (times[0] - 0.1, at[1]))
    arrow(ax, (times[0] + 0.09, at[1]), (after[0] - 0.15, at[1]))
    picture(ax, *before, 0.25, values)
    box(ax, *average, 0.40, 0.23, f"{mean:.2f}", tint(SKY, mean))
    box(ax, *at, 0.40, 0.23, f"{gate:.2f}", tint(PINK, gate))
    operator(ax, *times, "times")
    picture(ax, *after, 0.25, values * gate)


def attentions() -> Figure:
    """What each of four gates may look at, and what it multiplies."""
    return drawn(_attentions, 3.84)


def _attentions(ax: Axes) -> None:
    told = {
        "se": ("squeeze-and-excitation", "the means of\nall channels",
               "one gate for\neach channel"),
        "eca": ("efficient channel", "the means of a few\nneighbouring channels",
                "one gate for\neach channel"),
        "cbam": ("channel, then place", "means and maxima:\nof all channels, then\n"
                 "of 7 × 7 places", "one for each channel,\nthen one for each place"),
        "coordinate": ("rows and columns", "the means of one row\nand of one column,\n"
                       "in all channels", "in each channel: a row's\ngate × a column's gate"),
    }  # fmt: skip
    pictures = (_looks_at_all, _looks_at_neighbours, _looks_twice, _looks_along)
    for x, draw, gate, (name, words) in zip(
        PANELS, pictures, _gate_maps(), told.items(), strict=True
    ):
        title(ax, x, 3.68, name)
        write(ax, x, 3.46, words[0])
        draw(ax, x)
        write(ax, x, LOOKS - 0.65, words[1], first=True)
        for n, values in enumerate(gate):
            picture(ax, x + (n - 1) * 0.44, GATES, 0.40, values, INK)
        write(ax, x, GATES - 0.42, words[2])
    for y, words in {LOOKS - 0.1: "looks at", GATES - 0.13: "multiplies by"}.items():
        write(ax, 0.12, y, words, rotation=90)
    line(ax, (0.05, 1.49), (6.25, 1.49), linewidth=0.5)
    write(ax, 3.15, 0.24, "Black: what the gate is for. Blue: what it may look at. "
          "Circles and sheets: channels.\n"
          "Halved: mean and maximum. Below the line: gates of three channels, "
          "0 (white) to 1 (black).")  # fmt: skip


def _gate_maps() -> list[np.ndarray]:
    """Examples of each gate on three channels: four times `(3, 8, 8)` in 0..1."""
    channels = np.array([0.85, 0.3, 0.55])[:, None, None]
    up, across = np.mgrid[0:8, 0:8]
    place = np.exp(-((up - 3) ** 2 + (across - 4.5) ** 2) / 9)
    source = np.random.default_rng(5)
    rows, columns = source.uniform(0.2, 1, (3, 8, 1)), source.uniform(0.2, 1, (3, 1, 8))
    whole = np.ones((3, 8, 8))
    return [channels * whole, channels[::-1] * whole, channels * place, rows * columns]


def _channels(ax: Axes, x: float, seen: range, wide: float = 0.36, halves: bool = False) -> None:
    """What is known of the channels at the left, their gates at the right, one of them black.

    Where all are `seen`, they pass a bottleneck; `halves`: a mean and a maximum of each.
    """
    known, gates = (column(x + side, LOOKS, DOTS, CELL) for side in (-wide, wide))
    sources, target = [known[at] for at in seen], [gates[GATE]]
    if len(seen) == DOTS:
        hidden = column(x, LOOKS, 2, 2 * CELL)
        fan(ax, sources, hidden, color=INK)
        fan(ax, hidden, target, color=INK)
        for place in hidden:
            dot(ax, *place, 0.04, facecolor=tint(GREEN, 0.35))
    else:
        fan(ax, sources, target, color=INK)
    for at in range(DOTS):
        dot(ax, *known[at], 0.06, facecolor=SKY if at in seen else "white")
        if halves:
            line(ax, (known[at][0], known[at][1] - 0.06), (known[at][0], known[at][1] + 0.06),
                 zorder=4)  # fmt: skip
        box(ax, *gates[at], 0.11, 0.11, fill=INK if at == GATE else "white")


def _looks_at_all(ax: Axes, x: float) -> None:
    _channels(ax, x, range(DOTS))


def _looks_at_neighbours(ax: Axes, x: float) -> None:
    _channels(ax, x, range(GATE - 1, GATE + 2))


def _grid(
    ax: Axes, x: float, y: float, side: float, seen: np.ndarray, place: tuple[int, int] | None
) -> None:
    """A map whose places `seen` are looked at for the gate at `place` (row, column)."""
    picture(ax, x, y, side, seen, SKY)
    count = len(seen)
    cell = side / count
    left, top = x - side / 2, y + side / 2
    for n in range(1, count):
        line(ax, (left + n * cell, y - side / 2), (left + n * cell, top), linewidth=0.3, zorder=3)
        line(ax, (left, top - n * cell), (x + side / 2, top - n * cell), linewidth=0.3, zorder=3)
    if place:
        row, across = place
        box(ax, left + (across + 0.5) * cell, top - (row + 0.5) * cell, cell, cell, fill=INK)


def _looks_twice(ax: Axes, x: float) -> None:
    _channels(ax, x - 0.42, range(DOTS), 0.25, halves=True)
    arrow(ax, (x - 0.05, LOOKS), (x + 0.10, LOOKS))
    seen = np.zeros((11, 11))
    seen[1:8, 2:9] = 1
    _grid(ax, x + 0.42, LOOKS, 0.6, seen, (4, 5))


def _looks_along(ax: Axes, x: float) -> None:
    seen = np.zeros((9, 9))
    seen[3], seen[:, 5] = 1, 1
    for shift in (0.09, 0, -0.09):  # the channel in question lies on top
        front = shift < 0
        _grid(ax, x + shift, LOOKS + shift, 0.8, seen, (3, 5) if front else None)
