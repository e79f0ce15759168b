"""Two residual blocks, one the inverse of the other."""

from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesocore.course.diagrams.canvas import (
    GREEN,
    INK,
    ORANGE,
    SKY,
    arrow,
    box,
    drawn,
    line,
    operator,
    tint,
    title,
    write,
)

CHANNEL = 2.0 / 256  # inches of width
ROWS = (3.28, 2.65, 2.02, 1.39)  # inches: the four maps, first on top
SUM, OUT = 1.04, 0.50
LINEAR = "linear"


@dataclass(frozen=True)
class Block:
    """A residual block: widths of its four maps, the three convolutions, and activations.

    `after`: what follows each convolution, and what follows the sum.
    """

    name: str
    source: str
    widths: tuple[int, int, int, int]
    convolutions: tuple[str, str, str]
    after: tuple[str, str, str, str]
    colour: str


BOTTLENECK = Block("Bottleneck: wide, narrow, wide", "ResNet (He et al., 2016)",
                   (256, 64, 64, 256), ("conv 1 × 1", "conv 3 × 3", "conv 1 × 1"),
                   ("ReLU", "ReLU", LINEAR, "ReLU"), SKY)  # fmt: skip
INVERTED = Block("Inverted: narrow, wide, narrow", "MobileNetV2 (Sandler et al., 2018)",
                 (24, 144, 144, 24), ("conv 1 × 1", "depthwise 3 × 3", "conv 1 × 1"),
                 ("ReLU6", "ReLU6", LINEAR, LINEAR), ORANGE)  # fmt: skip


def residuals() -> Figure:
    """The bottleneck of ResNet beside the inverted residual; widths by channels, on one scale."""
    return drawn(_residuals, 4.0)


def _residuals(ax: Axes) -> None:
    _block(ax, 1.62, BOTTLENECK)
    _block(ax, 4.80, INVERTED)
    line(ax, (3.17, 0.36), (3.17, 3.9), linewidth=0.5)
    write(ax, 3.15, 0.15, "Width of a bar: its channels. BatchNorm follows every convolution. "
          "Linear: no activation.")  # fmt: skip


def _block(ax: Axes, x: float, block: Block) -> None:
    title(ax, x, 3.86, block.name)
    write(ax, x, 3.65, block.source)
    lanes = (*ROWS, OUT)
    widths = (*block.widths, block.widths[-1])
    for y, width in zip(lanes, widths, strict=True):
        box(ax, x, y, width * CHANNEL, 0.17, fill=tint(block.colour, 0.6))
        write(ax, x + width * CHANNEL / 2 + 0.06, y, str(width), ha="left", weight="bold")
    steps = zip(pairwise(ROWS), block.convolutions, block.after, strict=False)
    for (high, low), name, after in steps:
        arrow(ax, (x, high - 0.085), (x, low + 0.095))
        write(ax, x - 0.1, (high + low) / 2 + 0.01, name, ha="right")
        _activation(ax, x + 0.40, (high + low) / 2 + 0.01, after)
    line(ax, (x, ROWS[-1] - 0.085), (x, SUM + 0.09))
    operator(ax, x, SUM, "plus")
    arrow(ax, (x, SUM - 0.09), (x, OUT + 0.095))
    _activation(ax, x + 0.40, (SUM + OUT) / 2 + 0.02, block.after[-1])
    _skip(ax, x, block.widths[0])


def _skip(ax: Axes, x: float, width: int) -> None:
    top, lane = ROWS[0], x - 1.28
    arrow(ax, (x - width * CHANNEL / 2, top), (lane, top), (lane, SUM), (x - 0.10, SUM),
          linewidth=1.6)  # fmt: skip
    write(ax, lane - 0.12, (top + SUM) / 2, f"skip: {width} channels", rotation=90)


def _activation(ax: Axes, x: float, y: float, name: str) -> None:
    none = name == LINEAR
    box(ax, x, y, 0.55, 0.21, name, "white" if none else tint(GREEN, 0.35), 0.08,
        linestyle="--" if none else "-", edgecolor=INK)  # fmt: skip
