"""Meso-4 as blocks, with what each is made of and what it weighs."""

import math
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesocore.course.diagrams.canvas import (
    GREEN,
    ORANGE,
    SKY,
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
from mesocore.nets import build, profile
from mesocore.nets.mesonet import ConvBlock, Meso4

SIZE = 256
STATIONS = (0.38, 1.24, 2.10, 2.96, 3.80, 4.46, 5.18, 5.93)  # inches: what is passed on
SQUARE_ROOT, SLICE = 1.42 / math.sqrt(SIZE), 0.021  # inches of height, and of width a channel
FLOW, CARDS, GROUND = 2.52, 1.34, 0.31  # inches: the heights of the rows
TALLEST = 0.42  # inches: the bar of the step with most parameters


def parameters(model: Meso4) -> list[int]:
    """Of the four blocks, of flattening, and of the two dense layers; from `profile`."""
    layers = profile.layer_table(model, SIZE)
    ends = layers["layer"].isin(["MaxPool2d", "Flatten", "Linear"])  # each closes a step
    step = ends.shift(fill_value=False).cumsum()
    return [int(weight) for weight in layers["parameters"].groupby(step).sum()]


def meso4() -> Figure:
    """Meso-4 at 256 px: maps by side and channels, the steps between them, their parameters."""
    return drawn(_meso4, 3.87)


def _meso4(ax: Axes) -> None:
    model = build("meso4", size=SIZE)
    weights = parameters(model)
    title(ax, 3.15, 3.72, f"Meso-4 at {SIZE} px")
    _maps(ax, model)
    for (left, right), card, weight in zip(pairwise(STATIONS), _cards(model), weights, strict=True):
        x = (left + right) / 2
        line(ax, (x, FLOW - 0.03), (x, CARDS + 0.33), color=MUTED, linestyle=":")
        box(ax, x, CARDS, right - left - 0.05, 0.68, card, tint(SKY, 0.25), 0.06)
        height = TALLEST * weight / max(weights)
        box(ax, x, GROUND + height / 2, 0.4, height, fill=tint(ORANGE, 0.7), linewidth=0.6)
        write(ax, x, GROUND + height + 0.1, f"{weight:,}", weight="bold")
    line(ax, (0.38, GROUND), (5.93, GROUND))
    write(ax, 3.15, 0.15, f"Bars: trainable parameters, {sum(weights):,} in all. "
          "Maps: width by channels, height by the square root of the side.")  # fmt: skip


def _cards(model: Meso4) -> list[str]:
    blocks = [b for b in model.features if isinstance(b, ConvBlock)]
    sides = [(block[0].kernel_size[0], block[3].kernel_size) for block in blocks]
    first, last = model.classifier[2], model.classifier[5]
    return [
        *(f"conv {k} × {k}\nReLU\nBatchNorm\nmax pool {pool}" for k, pool in sides),
        "flatten",
        f"dropout\ndense {first.out_features}\nLeakyReLU",
        f"dropout\ndense {last.out_features}",
    ]


def _maps(ax: Axes, model: Meso4) -> None:
    layers = profile.layer_table(model, SIZE)
    pooled = layers.loc[layers["layer"] == "MaxPool2d", "output"]
    shapes = [f"3 x {SIZE} x {SIZE}", *pooled]
    edges = []
    for x, shape in zip(STATIONS, shapes, strict=False):
        channels, side, _ = map(int, shape.split(" x "))
        height = SQUARE_ROOT * math.sqrt(side)
        for n in range(channels):
            left = x + (n - (channels - 1) / 2) * SLICE
            box(ax, left, FLOW, SLICE, height, fill=tint(GREEN, 0.35), linewidth=0.5)
        write(ax, x, 3.42, f"{channels} channels\n{side} × {side}")
        edges.append(channels * SLICE / 2)
    flat, hidden, logit = STATIONS[5:]
    count = model.classifier[2].in_features
    box(ax, flat, FLOW, 0.08, 1.42, fill=tint(GREEN, 0.35), hatch="-----", linewidth=0.6)
    write(ax, flat, 3.42, f"{count:,}\nnumbers")
    outputs = model.classifier[2].out_features
    for n in range(outputs):
        dot(ax, hidden, FLOW + (n - (outputs - 1) / 2) * 0.088, 0.035, facecolor=tint(GREEN, 0.35))
    write(ax, hidden, 3.42, f"{outputs}\nnumbers")
    dot(ax, logit, FLOW, 0.06, facecolor=tint(GREEN, 0.35))
    write(ax, logit, 3.42, "1\nlogit")
    edges += [0.04, 0.035, 0.06]
    ends = zip(pairwise(STATIONS), pairwise(edges), strict=True)
    for (left, right), (before, after) in ends:
        arrow(ax, (left + before + 0.04, FLOW), (right - after - 0.03, FLOW))
