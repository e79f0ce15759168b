"""What chapter 3 draws of the records of `python -m experiments ablation`, and lists of them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mesocore.course.plots import FAKE, LINES, MUTED, PALETTE
from mesocore.evaluation.tables import interval

METRICS = {"ROC AUC": "roc_auc", "accuracy": "accuracy"}


def measures(rows: Mapping[str, dict]) -> pd.DataFrame:
    """ROC AUC and accuracy of each row, outside and on the own test split, with 95 % intervals.

    `rows`: those of a record; "not kept" where the weights of a row were not, so that nothing could
    be measured outside.
    """
    found = {}
    for name, row in rows.items():
        parts = {"outside": row.get("outside"), "own split": row}
        found[name] = {
            f"{place}: {label}": interval(part["metrics"]["all"][metric]) if part else "not kept"
            for place, part in parts.items()
            for label, metric in METRICS.items()
        }
    return pd.DataFrame(found).T


def costs(rows: Mapping[str, dict]) -> pd.DataFrame:
    """What each row of a record costs: weights, multiply-adds, time to train and to judge."""
    return pd.DataFrame({
        name: {"parameters": f"{row['parameters']:,}",
               "million multiply-adds": f"{row['multiply_adds'] / 1e6:.1f}",
               "training, images/s": row["training_images_per_second"],
               "1 image, ms": row["latency_ms"]["1"], "64 images, ms": row["latency_ms"]["64"]}
        for name, row in rows.items()
    }).T  # fmt: skip


def forest(ax: Axes, rows: Mapping[str, dict | None]) -> Axes:
    """ROC AUC of each row minus that of the row "meso4", the first on top.

    A bar is the 95 % interval of the difference, its mark the value, and grey dots are the seeds,
    each minus Meso-4's mean. A row that is None keeps its line and stays empty.
    """
    base = rows["meso4"]["metrics"]["all"]["roc_auc"]["value"]
    for place, row in enumerate(rows.values()):
        if row is None:
            continue
        gap = row["against"]
        each = np.array(row["metrics"]["all"]["roc_auc"]["each"]) - base
        ax.plot(each, [place] * len(each), "o", color=MUTED, markersize=4)
        ax.hlines(place, gap["low"], gap["high"], color=FAKE, linewidth=3)
        ax.plot(gap["value"], place, "|", color=FAKE, markersize=12, markeredgewidth=2)
    ax.axvline(0, color=MUTED, linestyle=":", linewidth=1)
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5),
           xlabel="ROC AUC minus Meso-4's")  # fmt: skip
    return ax


def slopes(
    ax: Axes, lines: Mapping[str, Sequence[float]], ticks: tuple[str, str], gap: float
) -> Axes:
    """A line for each entry, from its first value on the left to its second on the right.

    `lines`: label -> two values on one scale, such as accuracies in 0..1, of at most five entries;
    labels stand at the right end, moved apart where values are close. `ticks`: what is on the left
    and on the right. `gap`: between labels, on that
    scale.
    """
    ends = [pair[1] for pair in lines.values()]
    places = apart(ends, gap)
    for index, ((label, pair), place) in enumerate(zip(lines.items(), places, strict=True)):
        look = {"color": PALETTE[index + 2], "linestyle": LINES[index]}  # blue is real, red fake
        ax.plot([0, 1], pair, marker="o", markersize=4, **look)
        ax.annotate(f"{label} {pair[1]:.3f}", (1, pair[1]), (1.06, place), color=look["color"],
                    fontsize=8, va="center", annotation_clip=False)  # fmt: skip
    ax.set_xticks([0, 1], ticks)
    ax.set_xlim(-0.1, 1.1)
    ax.grid(False, axis="x")
    return ax


def apart(values: Sequence[float], least: float) -> list[float]:
    """`values`, in their order, moved as little as keeps each `least` from the next.

    Groups that would touch are spread about their mean.
    """
    order = np.argsort(values, kind="stable")
    groups = [[float(values[place])] for place in order]  # from below; each is spread by itself
    merged: list[list[float]] = []
    for group in groups:
        merged.append(group)
        while (
            len(merged) > 1 and _low(merged[-1], least) - _high(merged[-2], least) < least - 1e-12
        ):
            merged[-2:] = [merged[-2] + merged[-1]]
    spread = [_low(group, least) + k * least for group in merged for k in range(len(group))]
    found = np.empty(len(order))
    found[order] = spread
    return found.tolist()


def _low(group: list[float], least: float) -> float:
    return sum(group) / len(group) - (len(group) - 1) / 2 * least


def _high(group: list[float], least: float) -> float:
    return sum(group) / len(group) + (len(group) - 1) / 2 * least
