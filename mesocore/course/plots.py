"""One house style; every figure of the course is saved through `save_figure`.

Colours are those of M. Okabe and K. Ito, "Color Universal Design" (2008), told apart with any
common colour vision. Real is blue, fake vermilion; line styles and labels repeat what colour says.
"""

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score, roc_curve

from mesocore.core.errors import UserError
from mesocore.core.files import write_json
from mesocore.core.runtime import project_root
from mesocore.evaluation import robustness

REAL, FAKE = "#0072B2", "#D55E00"
PALETTE = (REAL, FAKE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
SWEEP_METRICS = {"roc_auc": "ROC AUC", "balanced_accuracy": "balanced accuracy at the threshold"}
BELOW = "#7B3294"  # worse than chance, on a scale that is white at chance
MUTED = "#767676"  # the lightest grey that keeps a contrast of 4.5 : 1 on white
WIDTH = 6.3  # inches between the margins of an A4 page: 9 pt stays 9 pt in print
DPI = 150
SHEET_DPI = 165  # a sheet of four columns shows each picture with 256 px
STYLE = {
    "figure.figsize": (WIDTH, 3.6),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "savefig.dpi": DPI,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so pixels do not depend on the machine
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.prop_cycle": mpl.cycler(color=PALETTE),
    "image.interpolation": "nearest",  # forgeries leave traces in pixels: show them as they are
    "pdf.fonttype": 42,
}


def use_style() -> None:
    """Makes the house style matplotlib's default for this process."""
    # its first use makes a notebook interactive; within `rc_context` that would be undone
    plt.switch_backend(mpl.get_backend())
    mpl.rcParams.update(STYLE)


def save_figure(
    fig: Figure,
    name: str,
    *,
    chapter: str,
    tier: str,
    seed: int,
    manifest_hash: str,
    folder: Path | None = None,
) -> Path:
    """Writes `name`.png and `name`.pdf and records the figure in manifest.json beside them.

    `tier` is the tier of the data that the figure shows and `manifest_hash` the SHA-256 of the
    manifest of that data. `folder` is figures/ of the project unless given. The files hold no
    time stamp: the same figure gives the same bytes on one machine. Returns the path of the PNG.
    Raises `UserError` for a name that is no plain file name.
    """
    if not name or Path(name).name != name:
        raise UserError(f"figure name {name!r} must be a plain file name such as '02-roc'")
    folder = project_root() / "figures" if folder is None else Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        fig.savefig(folder / f"{name}.png", dpi=max(DPI, fig.dpi), metadata={"Software": None})
        unstamped = {"Creator": None, "Producer": None, "CreationDate": None}
        fig.savefig(folder / f"{name}.pdf", metadata=unstamped)
    entry = {
        "chapter": chapter,
        "tier": tier,
        "seed": seed,
        "manifest_hash": manifest_hash,
        "versions": {p: importlib.metadata.version(p) for p in ("matplotlib", "mesocore")},
    }
    _record(folder / "manifest.json", name, entry)
    return folder / f"{name}.png"


def _record(path: Path, name: str, entry: dict) -> None:
    figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    figures[name] = entry
    write_json(path, dict(sorted(figures.items())))


def image_grid(
    images: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    ncols: int = 6,
    heading: str | None = None,
) -> Figure:
    """Images side by side, row by row.

    `images`: arrays or tensors, uint8 or float in [0, 1], of shape (H, W, 3) or (H, W) or, as
    tensors come, (3, H, W). `titles`: one short line per image; `heading`: one line above all.
    Raises `UserError` if there are not as many titles as images.
    """
    if len(images) == 0:
        raise UserError("image_grid needs at least one image")
    if titles is not None and len(titles) != len(images):
        raise UserError(f"image_grid got {len(images)} images and {len(titles)} titles")
    ncols = min(ncols, len(images))
    nrows = -(-len(images) // ncols)
    cell = WIDTH / ncols
    height = nrows * (cell + 0.25 * (titles is not None)) + 0.3 * (heading is not None)
    fig, axes = plt.subplots(nrows, ncols, squeeze=False, figsize=(WIDTH, height), dpi=SHEET_DPI)
    fig.suptitle(heading or "", fontsize=10)
    for ax in axes.flat:
        ax.axis("off")
    for index, (ax, image) in enumerate(zip(axes.flat, images, strict=False)):
        ax.imshow(_channels_last(image), cmap="gray")
        if titles is not None:
            ax.set_title(titles[index], fontsize=9)
    return fig


def _channels_last(image: np.ndarray) -> np.ndarray:
    array = np.asarray(image)
    return array.transpose(1, 2, 0) if array.ndim == 3 and array.shape[0] == 3 else array


def roc_curves(scores: Mapping[str, tuple[np.ndarray, np.ndarray]], ax: Axes | None = None) -> Axes:
    """ROC curves, with the area of each in its label.

    `scores`: name -> (labels (N,) with 1 = fake, P(fake) or any score (N,) that grows with it).
    """
    ax = ax or plt.subplots(figsize=(4.2, 4.0))[1]
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    for index, (name, (labels, values)) in enumerate(scores.items()):
        false_positive, true_positive, _ = roc_curve(labels, values)
        area = roc_auc_score(labels, values)
        ax.plot(false_positive, true_positive, label=f"{name}  AUC {area:.3f}", **line_style(index))
    ax.set(
        xlabel="false-positive rate (reals called fake)",
        ylabel="true-positive rate (fakes found)",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        aspect="equal",
    )
    ax.legend(loc="lower right")
    return ax


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = 10, ax: Axes | None = None
) -> Axes:
    """Reliability diagram: how often images given P(fake) = p are fake.

    `labels` (N,) with 1 = fake, `probabilities` (N,) in [0, 1]; equal-width bins, the area of a
    point grows with the images in its bin (Niculescu-Mizil and Caruana, ICML 2005).
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    ax = ax or plt.subplots(figsize=(4.2, 4.0))[1]
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    filled = np.unique(index)
    mean = [probabilities[index == b].mean() for b in filled]
    observed = [labels[index == b].mean() for b in filled]
    share = np.array([(index == b).mean() for b in filled])
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    ax.text(0.98, 0.04, "dotted: perfectly calibrated", color=MUTED, fontsize=9, ha="right")
    ax.plot(mean, observed, color=FAKE, linewidth=1)
    ax.scatter(mean, observed, s=12 + 240 * share, color=FAKE, zorder=3)
    ax.set(
        xlabel="predicted P(fake)",
        ylabel="share that is fake",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        aspect="equal",
    )
    return ax


def training_curves(
    history: pd.DataFrame, columns: Mapping[str, str], ylabel: str, ax: Axes | None = None
) -> Axes:
    """Curves over epochs, each labelled at its end.

    `history`: one row an epoch, with a column `epoch` counted from 1. `columns`: column -> label.
    """
    ax = ax or plt.subplots()[1]
    for index, (column, label) in enumerate(columns.items()):
        (line,) = ax.plot(
            history["epoch"], history[column], marker="o", markersize=3, **line_style(index)
        )
        ax.annotate(
            label,
            (history["epoch"].iloc[-1], history[column].iloc[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=line.get_color(),
        )
    ax.set(xlabel="epoch", ylabel=ylabel)
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def line_style(index: int) -> dict:
    """Colour and dash of the curve at `index`: told apart in grey as well."""
    return {"color": PALETTE[index % len(PALETTE)], "linestyle": LINES[index % len(LINES)]}


def intervals(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """One row per row of `table`, first on top: `value` as a point, `low` to `high` as a line.

    Of what may be a column: `rest` is a grey cross, what the row is compared with; rows whose
    `label` is real are blue, all others vermilion.
    """
    ax = ax or plt.subplots(figsize=(WIDTH, 0.9 + 0.3 * len(table)))[1]
    rows = np.arange(len(table))
    reals = table["label"] == "real" if "label" in table else np.zeros(len(table), bool)
    colours = np.where(reals, REAL, FAKE)
    ax.hlines(rows, table["low"], table["high"], color=colours, linewidth=2)
    ax.scatter(table["value"], rows, color=colours, zorder=3)
    if "rest" in table:
        ax.plot(table["rest"], rows, "x", color=MUTED, markeredgewidth=1.5)
    ax.set(yticks=rows, yticklabels=table.index, ylim=(len(table) - 0.5, -0.5))
    return ax


def sweep(table: pd.DataFrame, metric: str, unit: str, ax: Axes, **line) -> Axes:
    """A metric over the levels of a robustness sweep, with its 95 % band.

    `table`: rows of `robustness.row`, the untouched image first; levels are set at equal distances
    in that order, so that harder is always further to the right. `line`: colour, style and label.
    """
    line = {"color": PALETTE[2]} | line
    places = np.arange(len(table))
    ax.fill_between(places, table[f"{metric}_low"], table[f"{metric}_high"], color=line["color"],
                    alpha=0.2, linewidth=0)  # fmt: skip
    ax.plot(places, table[metric], marker="o", markersize=3, **line)
    ax.axhline(0.5, color=MUTED, linestyle=":", linewidth=1)
    names = ["none", *(f"{level:g}" for level in table["level"][1:])]
    ax.set_xticks(places, names, fontsize=8, rotation=0 if len(names) < 7 else 45)
    ax.set_xlabel(unit, fontsize=9)
    return ax


def sweeps(record: dict) -> Figure:
    """A panel for each sweep in a record of `python -m experiments robustness`, three in a row.

    Each has the ROC AUC, and the balanced accuracy at the threshold that was chosen on untouched
    images: where the second falls and the first does not, the threshold does not fit any more.
    """
    found = record["sweeps"]
    rows = -(-len(found) // 3)
    fig, axes = plt.subplots(rows, 3, figsize=(WIDTH, 2.0 * rows), sharey=True, squeeze=False)
    for ax in axes.flat[len(found) :]:
        ax.axis("off")
    for ax, (name, levels) in zip(axes.flat, found.items(), strict=False):
        for index, (metric, label) in enumerate(SWEEP_METRICS.items()):
            # not blue and vermilion: those are real and fake
            look = {"color": PALETTE[index + 2], "linestyle": LINES[index]}
            sweep(robustness.frame(levels), metric, f"{name}: {levels['unit']}", ax,
                  label=label, **look)  # fmt: skip
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(SWEEP_METRICS))
    return fig


def matrix(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """ROC AUC by training set (rows) and test set (columns), each number in its cell.

    The scale is white at .5, which is chance: green above, purple below, as dark at 0 as at 1.
    Not blue and vermilion, which are real and fake. Long names are broken at their hyphens.
    """
    ax = ax or plt.subplots(figsize=(1.6 + 1.3 * len(table.columns), 1.1 + 0.55 * len(table)))[1]
    colours = mpl.colors.LinearSegmentedColormap.from_list("chance", (BELOW, "white", PALETTE[2]))
    values = table.to_numpy(float)
    shown = ax.imshow(values, cmap=colours, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ink = "white" if abs(value - 0.5) > 0.4 else "black"
        ax.text(column, row, f"{value:.3f}", ha="center", va="center", color=ink)
    ax.set_xticks(range(len(table.columns)), [str(n).replace("-", "-\n") for n in table.columns])
    ax.set_yticks(range(len(table)), table.index)
    ax.set(xlabel="tested on", ylabel="trained on")
    ax.grid(False)
    bar = ax.figure.colorbar(shown, ax=ax, ticks=[0, 0.5, 1])
    bar.ax.set_yticklabels(["0, turned round", "0.5, chance", "1, perfect"], fontsize=8)
    return ax
