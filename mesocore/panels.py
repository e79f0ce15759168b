"""Plots that several investigations share: rows with intervals, sweeps with bands, matrices."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesocore import plots
from mesocore.evaluation import robustness

METRICS = {"roc_auc": "ROC AUC", "balanced_accuracy": "balanced accuracy at the threshold"}


def intervals(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """One row a row of `table`, first on top: `value` as a point, `low` to `high` as a line.

    Of what may be a column: `rest` is a grey cross, what the row is compared with; rows whose
    `label` is real are blue, all others vermilion.
    """
    ax = ax or plt.subplots(figsize=(plots.WIDTH, 0.9 + 0.3 * len(table)))[1]
    rows = np.arange(len(table))
    reals = table["label"] == "real" if "label" in table else np.zeros(len(table), bool)
    colours = np.where(reals, plots.REAL, plots.FAKE)
    ax.hlines(rows, table["low"], table["high"], color=colours, linewidth=2)
    ax.scatter(table["value"], rows, color=colours, zorder=3)
    if "rest" in table:
        ax.plot(table["rest"], rows, "x", color=plots.MUTED, markeredgewidth=1.5)
    ax.set(yticks=rows, yticklabels=table.index, ylim=(len(table) - 0.5, -0.5))
    return ax


def sweep(table: pd.DataFrame, metric: str, unit: str, ax: Axes, **line) -> Axes:
    """A metric over the levels of a robustness sweep, with its 95 % band.

    `table`: rows of `robustness.row`, the untouched image first; levels are set at equal distances
    in that order, so that harder is always further to the right. `line`: colour, style and label.
    """
    line = {"color": plots.PALETTE[2]} | line
    places = np.arange(len(table))
    ax.fill_between(places, table[f"{metric}_low"], table[f"{metric}_high"], color=line["color"],
                    alpha=0.2, linewidth=0)  # fmt: skip
    ax.plot(places, table[metric], marker="o", markersize=3, **line)
    ax.axhline(0.5, color=plots.MUTED, linestyle=":", linewidth=1)
    names = ["none", *(f"{level:g}" for level in table["level"][1:])]
    ax.set_xticks(places, names, fontsize=8, rotation=0 if len(names) < 7 else 45)
    ax.set_xlabel(unit, fontsize=9)
    return ax


def sweeps(record: dict) -> Figure:
    """A panel for each sweep in the record of benchmarks/robustness.py, three in a row.

    Each has the ROC AUC, and the balanced accuracy at the threshold that was chosen on untouched
    images: where the second falls and the first does not, the threshold does not fit any more.
    """
    found = record["sweeps"]
    rows = -(-len(found) // 3)
    fig, axes = plt.subplots(rows, 3, figsize=(plots.WIDTH, 2.0 * rows), sharey=True, squeeze=False)
    for ax in axes.flat[len(found) :]:
        ax.axis("off")
    for ax, (name, levels) in zip(axes.flat, found.items(), strict=False):
        for index, (metric, label) in enumerate(METRICS.items()):
            # not blue and vermilion: those are real and fake
            look = {"color": plots.PALETTE[index + 2], "linestyle": plots.LINES[index]}
            sweep(robustness.frame(levels), metric, f"{name}: {levels['unit']}", ax,
                  label=label, **look)  # fmt: skip
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(METRICS))
    return fig


def matrix(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """ROC AUC by training set (rows) and test set (columns), each number in its cell.

    The scale runs from .5 (white) to 1 (blue); below chance is as white as chance.
    """
    ax = ax or plt.subplots(figsize=(1.6 + 1.3 * len(table.columns), 1.1 + 0.55 * len(table)))[1]
    colours = plt.matplotlib.colors.LinearSegmentedColormap.from_list("b", ["white", plots.REAL])
    ax.imshow(table.to_numpy(float), cmap=colours, vmin=0.5, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table.to_numpy(float)):
        ink = "white" if value > 0.8 else "black"
        ax.text(column, row, f"{value:.3f}", ha="center", va="center", color=ink)
    ax.set_xticks(range(len(table.columns)), table.columns)
    ax.set_yticks(range(len(table)), table.index)
    ax.set(xlabel="tested on", ylabel="trained on")
    ax.grid(False)
    return ax
