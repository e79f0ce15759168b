"""What every diagram is made of: text, boxes, arrows, cells and maps on a sheet of inches.

Places are in inches from the lower left corner, and boxes are given by their middles. Blue and
vermilion stay with real and fake; what a part is, its form or its label says as well as its colour.
"""

from collections.abc import Callable, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path

from mesocore.course.plots import MUTED, PALETTE, STYLE, WIDTH

TITLE, TEXT, SMALL = 10, 9, 8  # points
GREEN, PINK, ORANGE, SKY, INK = PALETTE[2:]
LINE = 0.9  # points
POINTS = 72  # an inch
LEADING, CAPITAL = 1.25, 0.73  # em: from line to line; the height of a capital letter

Place = tuple[float, float]


def drawn(draw: Callable[[Axes], None], height: float) -> Figure:
    """The figure, as wide as a page and `height` inches high, that `draw` fills; house style."""
    with mpl.rc_context(STYLE):
        # not layout="none": after a save, that becomes what the style says
        nothing = PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True)
        fig = plt.figure(figsize=(WIDTH, height), layout=nothing)
        ax = fig.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, WIDTH), ylim=(0, height))
        ax.axis("off")
        draw(ax)
    return fig


def tint(colour: str, share: float) -> str:
    """The colour mixed with white: share 1 leaves it, 0 is white."""
    return to_hex(1 - share * (1 - np.array(to_rgb(colour))))


def write(
    ax: Axes, x: float, y: float, text: str, size: float = SMALL, first: bool = False,
    **more: object,
) -> None:  # fmt: skip
    """Lines of text around (x, y), or with the first line there; `more` goes to each line.

    Every line is set by its baseline, so that letters with descenders move nothing.
    """
    look = {"ha": "center", "va": "center" if "rotation" in more else "baseline", "zorder": 6}
    lines, em = text.split("\n"), size / POINTS
    top = y if first else y + (len(lines) - 1) / 2 * LEADING * em
    drop = 0 if "rotation" in more else CAPITAL / 2 * em
    for n, words in enumerate(lines):
        ax.text(x, top - n * LEADING * em - drop, words, fontsize=size, **(look | more))


def title(ax: Axes, x: float, y: float, text: str, **more: object) -> None:
    write(ax, x, y, text, TITLE, weight="bold", **more)


def box(
    ax: Axes, x: float, y: float, width: float, height: float, text: str = "",
    fill: str = "white", round_by: float = 0.0, size: float = SMALL, **more: object,
) -> None:  # fmt: skip
    """A box around (x, y) with its text; `more` goes to the patch (`linestyle`, `edgecolor`)."""
    look = {"facecolor": fill, "edgecolor": INK, "linewidth": LINE, "zorder": 3} | more
    corner = (x - width / 2, y - height / 2)
    if round_by:
        style = f"round,pad=0,rounding_size={round_by}"
        ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, **look))
    else:
        ax.add_patch(Rectangle(corner, width, height, **look))
    if text:
        write(ax, x, y, text, size)


def dot(ax: Axes, x: float, y: float, radius: float = 0.05, **more: object) -> None:
    look = {"facecolor": "white", "edgecolor": INK, "linewidth": LINE, "zorder": 3} | more
    ax.add_patch(Circle((x, y), radius, **look))


def operator(ax: Axes, x: float, y: float, sign: str, radius: float = 0.09) -> None:
    """A circle with a plus or a times in it, drawn with strokes."""
    dot(ax, x, y, radius, zorder=4)
    turn = np.pi / 4 if sign == "times" else 0
    for angle in (turn, turn + np.pi / 2):
        across, up = 0.6 * radius * np.cos(angle), 0.6 * radius * np.sin(angle)
        line(ax, (x - across, y - up), (x + across, y + up), zorder=5)


def line(ax: Axes, *places: Place, **more: object) -> None:
    look = {"color": INK, "linewidth": LINE, "zorder": 2} | more
    ax.plot(*zip(*places, strict=True), **look)


def arrow(ax: Axes, *places: Place, head: float = 7, **more: object) -> None:
    """An arrow along `places`, first to last; `head` is the size of its head in points."""
    look = {"color": INK, "linewidth": LINE, "zorder": 2, "joinstyle": "miter"} | more
    ax.add_patch(FancyArrowPatch(path=Path(places), arrowstyle="-|>", mutation_scale=head,
                                 shrinkA=0, shrinkB=0, capstyle="butt", fill=True, **look)
                 )  # fmt: skip


def picture(
    ax: Axes, x: float, y: float, width: float, values: np.ndarray, colour: str = INK,
    height: float | None = None, edge: float = LINE, z: float = 3,
) -> None:  # fmt: skip
    """A map `(H, W)` of values 0 (white) to 1 (`colour`), or RGB, around (x, y), with a frame."""
    height = width if height is None else height
    left, low = x - width / 2, y - height / 2
    shades = LinearSegmentedColormap.from_list("shades", ["white", colour])
    ax.imshow(values, cmap=shades, vmin=0, vmax=1, extent=(left, left + width, low, low + height),
              aspect="auto", interpolation="nearest", zorder=z)  # fmt: skip
    box(ax, x, y, width, height, fill="none", linewidth=edge, zorder=z)


def column(x: float, middle: float, count: int, step: float) -> list[Place]:
    """`count` places in a column around `middle`, the first on top."""
    return [(x, middle + ((count - 1) / 2 - n) * step) for n in range(count)]


def fan(ax: Axes, sources: Sequence[Place], targets: Sequence[Place], **more: object) -> None:
    """A line from each source to each target."""
    look = {"color": MUTED, "linewidth": 0.6, "zorder": 1} | more
    for source in sources:
        for target in targets:
            line(ax, source, target, **look)
