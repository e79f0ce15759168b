"""Audit reports as a person reads them: a table and a figure, always with their intervals."""

import json
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from mesocore.core.bootstrap import shown
from mesocore.core.images import open_rgb
from mesocore.course import plots
from mesocore.data.auditing import shortcuts, trivial_features

FAMILIES = (*trivial_features.FAMILIES, "together")
STAGES = {"before": ("o", "white", plots.MUTED), "after": ("o", "black", "black")}


def saved_reports(results: Path) -> dict[str, dict]:
    """Name of the audited folder -> `AuditReport.to_dict()`, of all *-audit.json in `results`."""
    found = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(results.glob("*-audit.json"))
    ]
    return {report["folder"]: report for report in found}


def table(report: dict, scope: str = "all") -> pd.DataFrame:
    """AUC and 95 % interval as text: one row per feature family, columns before and after matching.

    `report` is `AuditReport.to_dict()`. A stage that was not audited is left out.
    """
    columns = {}
    for stage in STAGES:
        rows = {s["family"]: s for s in report[stage] or [] if s["scope"] == scope}
        columns[f"{stage} matching"] = {
            name: shown(s["auc"], s["low"], s["high"]) for name, s in rows.items()
        }
    found = pd.DataFrame(columns).reindex(FAMILIES).dropna(how="all").dropna(how="all", axis=1)
    return found.fillna("not measured").rename_axis("features")


def aucs(report: dict, stage: str = "after", scope: str = "all") -> dict[str, float]:
    """AUC of each feature family in one stage and scope of `AuditReport.to_dict()`."""
    return {s["family"]: s["auc"] for s in report[stage] or [] if s["scope"] == scope}


def by_scope(report: dict, stage: str = "after") -> pd.DataFrame:
    """AUC and interval as text: one row per feature family, one column per scope of the audit."""
    scopes = list(dict.fromkeys(score["scope"] for score in report[stage]))
    return pd.DataFrame({scope: table(report, scope)[f"{stage} matching"] for scope in scopes})


def spectrum_by_edit(
    folder: Path, manifest: pd.DataFrame, seed: int, most: int = 300
) -> pd.DataFrame:
    """AUC of the spectrum on reals against the fakes of one edit, one row per edit.

    A fake with several edits counts for each of them. At most `most` reals, and fakes of an edit,
    are used; an edit with too few unrelated fakes to audit is left out. Columns fakes, auc, low,
    high.
    """
    shuffled = manifest.sample(frac=1, random_state=seed)
    edits = shuffled["edit"].str.split("+")
    of = {name: edits.map(lambda had, name=name: name in had) for name in set(edits.explode())}
    reals = shuffled[shuffled["label"] == "real"].head(most)
    parts = {name: shuffled[of[name]].head(most) for name in sorted(of) if name}
    used = pd.concat([reals, *parts.values()]).drop_duplicates("path")
    measured = [trivial_features.spectrum_features(open_rgb(folder / p)) for p in used["path"]]
    features = pd.DataFrame(measured, index=used.index)
    rows = {}
    for name, fakes in parts.items():
        if fakes["group"].nunique() >= shortcuts.MIN_GROUPS:
            both = pd.concat([reals, fakes])
            score = shortcuts.scores({"spectrum": features.loc[both.index]}, both, seed, name)[0]
            rows[name] = {"fakes": len(fakes), "auc": score.auc, "low": score.low,
                          "high": score.high}  # fmt: skip
    columns = ["fakes", "auc", "low", "high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("edit")


def figure(reports: Mapping[str, dict]) -> Figure:
    """One panel per set: AUC of each feature family, with interval, before and after matching."""
    ncols = min(len(reports), 2)
    nrows = -(-len(reports) // ncols)
    size = (plots.WIDTH, 0.6 + 1.8 * nrows)
    fig, axes = plt.subplots(nrows, ncols, sharex=True, sharey=True, squeeze=False, figsize=size)
    for ax in axes.flat[len(reports) :]:
        ax.axis("off")
    for ax, (name, report) in zip(axes.flat, reports.items(), strict=False):
        _panel(ax, report)
        ax.set_title(name)
    first = axes[0, 0]
    first.set_yticks(range(len(FAMILIES)), FAMILIES)
    first.set_ylim(len(FAMILIES) - 0.4, -0.9)
    fig.supxlabel("AUC of a logistic regression (0.5: learns nothing)", fontsize=10)
    handles, labels = first.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return fig


def _panel(ax: Axes, report: dict) -> None:
    ax.axvline(0.5, color=plots.MUTED, linewidth=1, linestyle=":")
    limits = [report["limits"]["header" if f == "header" else "pixels"] for f in FAMILIES]
    for place, limit in enumerate(limits):
        ax.plot([limit, limit], [place - 0.4, place + 0.4], color=plots.FAKE, linestyle="--")
    ax.text(limits[0], -0.45, "fails beyond", color=plots.FAKE, fontsize=8, ha="center")
    for offset, (stage, (marker, face, edge)) in zip((-0.13, 0.13), STAGES.items(), strict=True):
        scores = [s for s in report[stage] or [] if s["scope"] == "all"]
        y = [FAMILIES.index(s["family"]) + offset for s in scores]
        for place, s in zip(y, scores, strict=True):
            ax.plot([s["low"], s["high"]], [place, place], color=edge, linewidth=1.5)
        ax.plot([s["auc"] for s in scores], y, marker, markerfacecolor=face,
                markeredgecolor=edge, label=f"{stage} matching", zorder=3)  # fmt: skip
    ax.set_xlim(0.35, 1.03)
    ax.grid(axis="y", visible=False)


def decibels(real: pd.DataFrame, saved: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean change of power by each history, in dB: one row a ring, by its middle in cycles a pixel.

    `real` and `saved` as in `history_figure`.
    """
    rings = (np.arange(real.shape[1]) + 0.5) / (2 * real.shape[1])
    changes = {name: (s - real).mean().to_numpy() * 10 / np.log(10) for name, s in saved.items()}
    return pd.DataFrame(changes, index=rings)  # from natural logarithms


def history_figure(real: pd.DataFrame, saved: Mapping[str, pd.DataFrame], aucs: Mapping) -> Figure:
    """What one earlier saving leaves in the spectrum, and what a classifier makes of it.

    `real`: spectrum features (N, rings) of the images without it; `saved`: the same images with
    each history; `aucs`: history -> auc, low, high.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.2), width_ratios=(1.25, 1))
    changes = decibels(real, saved)
    places = len(aucs) - 1 - np.arange(len(aucs))
    right.set_yticks(places, list(aucs))
    for index, (name, score) in enumerate(aucs.items()):
        look = {"color": plots.PALETTE[::-1][index % 7], "linestyle": plots.LINES[index % 7]}
        if name in saved:
            left.plot(changes.index, changes[name], **look)
        right.plot([score["low"], score["high"]], [places[index]] * 2, linewidth=2, **look)
        right.plot(score["auc"], places[index], "o", color=look["color"])
        right.get_yticklabels()[index].set_color(look["color"])
    left.axhline(0, color=plots.MUTED, linewidth=1, linestyle=":")
    left.set(xlabel="spatial frequency (cycles per pixel)", ylabel="change of power (dB)")
    right.axvline(0.5, color=plots.MUTED, linewidth=1, linestyle=":")
    right.set(xlabel="AUC, spectrum alone", xlim=(0.15, 1.03), ylim=(-0.6, len(aucs) - 0.4))
    right.grid(axis="y", visible=False)
    return fig


def leak_figure(accuracies: Mapping[str, np.ndarray]) -> Figure:
    """Accuracy of every repeated split as a dot; one row a way of splitting."""
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 1.7))
    for place, (values, colour) in enumerate(
        zip(accuracies.values(), (plots.FAKE, plots.REAL), strict=False)
    ):
        spread = np.linspace(-0.2, 0.2, len(values))
        ax.plot(values, place + spread, "o", color=colour, markersize=4, alpha=0.8)
    ax.axvline(0.5, color=plots.MUTED, linewidth=1, linestyle=":")
    ax.set_yticks(range(len(accuracies)), list(accuracies))
    ax.set(xlabel="accuracy on the test split; the labels are a coin's", xlim=(0, 1.03))
    ax.set_ylim(len(accuracies) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    return fig


def gap_figure(record: dict) -> Figure:
    """Why a figure shrank on another folder of its collection, from `experiments gap`'s record.

    ROC AUC by folder; by how near the numbers of training images are; and the share of reals that
    are called fake, from soft pictures to sharp ones.
    """
    own, more, other = record["folders"]
    fig, axes = plt.subplot_mosaic([["folders", "folders"], ["near", "sharp"]],
                                   figsize=(plots.WIDTH, 4.8), layout="constrained")  # fmt: skip
    folders = axes["folders"]
    for place, (model, of_model) in enumerate(record["by_folder"].items()):
        name = model.replace("meso4+inverted+highpass", "MesoNetPlus").replace("meso4", "Meso-4")
        values = [of_model[folder]["roc_auc"] for folder in (other, more, own)]
        _dots(folders, values, np.arange(3) + 0.2 * (1 - place), plots.PALETTE[place], name)
    folders.set_yticks(range(3), [other, more, f"{own}, test split"])
    folders.set(xlabel="ROC AUC", xlim=(0.97, 1))
    folders.xaxis.set_major_locator(MultipleLocator(0.01))
    folders.legend(loc="upper left")
    first = next(iter(record["by_folder"]))
    near = record["mates"]["by_nearest_training_number"][first]
    axes["near"].sharex(folders)
    _dots(
        axes["near"], [found["roc_auc"] for found in near.values()], np.arange(len(near)), "black"
    )
    axes["near"].set_yticks(range(len(near)), near)
    axes["near"].set(xlabel="ROC AUC, folder of the own split",
                     ylabel="nearest training number")  # fmt: skip
    for folder, colour in (("other folder", plots.FAKE), ("same folder", "black")):
        fifths = record["shift"]["sharpness"]["by_fifth"][folder][first]
        shares = [fifth["called_fake"]["real"] for fifth in fifths.values()]
        axes["sharp"].plot(range(1, 6), shares, "o-", color=colour, label=folder)
    axes["sharp"].set(xlabel="fifths, from soft to sharp", ylabel="reals called fake",
                      xticks=range(1, 6))  # fmt: skip
    axes["sharp"].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes["sharp"].set_ylim(0, 0.115)
    axes["sharp"].legend(loc="upper left")
    return fig


def _dots(axes: Axes, values: list[dict], rows: np.ndarray, colour: str, label: str = "") -> None:
    """Values with their intervals, one a row."""
    for row, value in zip(rows, values, strict=True):
        axes.plot([value["low"], value["high"]], [row, row], color=colour)
    axes.plot([value["value"] for value in values], rows, "o", color=colour, label=label)


def gap_table(record: dict) -> pd.DataFrame:
    """ROC AUC and accuracy of both classes by folder, as text, from `experiments gap`'s record."""

    def text(found: dict, metric: str) -> str:
        return shown(*(found[metric][key] for key in ("value", "low", "high")))

    return pd.DataFrame({
        model: {(metric.replace("_", " "), name): text(found, metric)
                for metric in ("roc_auc", "balanced_accuracy") for name, found in folders.items()}
        for model, folders in record["by_folder"].items()
    })  # fmt: skip
