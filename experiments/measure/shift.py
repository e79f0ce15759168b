"""Two folders of one collection: what tells them apart, and what that does to a detector."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mesocore.core import bootstrap
from mesocore.core.images import decode, read_bytes
from mesocore.data.auditing import shortcuts, trivial_features
from mesocore.evaluation.metrics import RESAMPLES

SHARPNESS = f"{0.375:.3f} cycles/px"  # log power in that ring
BINS = 5
By = Callable[[dict[str, np.ndarray]], dict[str, dict]]


def measure(
    table: pd.DataFrame,
    scores: dict[str, np.ndarray],
    thresholds: dict[str, list[float]],
    by: By,
    other: str,
) -> dict:
    """What `other`, one of the folders in `table`, has that the rest, of one folder, has not.

    `table`: `label`, `group`, `path`, `folder`, and `root`, of N images; `scores`: P(fake)
    `(R, N)` of each model; `by`: figures of every model on named parts, bool `(N,)` each.
    """
    families = measured(table)
    spectrum, there = families["spectrum"], (table["folder"] == other).to_numpy()
    sharpness = spectrum[SHARPNESS]
    fifth = pd.qcut(sharpness, BINS, labels=False).to_numpy()
    parts = {"same folder": ~there, "other folder": there}
    own, more = (name for name in table["folder"].unique() if name != other)
    weights = importance(spectrum, table["label"], there)
    labels = (table["label"] == "fake").to_numpy(int)[~there]
    groups = table["group"].to_numpy()[~there]
    return {
        "roc_auc_between_folders": {
            f"{a} and {b}": {
                label: between(families, table, label, a, b) for label in ("real", "fake")
            }
            for a, b in ((own, more), (own, other), (more, other))
        },
        "sharpness": {
            "feature": f"log power at {SHARPNESS}",
            "quartiles": {label: {name: np.quantile(part, (0.25, 0.5, 0.75)).tolist()
                                  for name, part in of_label.groupby(table["folder"])}
                          for label, of_label in sharpness.groupby(table["label"])},
            "fifths_from": np.quantile(sharpness, np.arange(BINS) / BINS).tolist(),
            "by_fifth": {name: by({str(n + 1): rows & (fifth == n) for n in range(BINS)})
                         for name, rows in parts.items()},
        },
        "weighted_to_the_spectrum_of_the_other": {
            name: weighted(labels, found[:, ~there], thresholds[name], groups, weights)
            for name, found in scores.items()
        },
        "effective_images": {label: float(1 / np.sum(weights[labels == n] ** 2))
                             for n, label in enumerate(("real", "fake"))},
    }  # fmt: skip


def measured(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The families of trivial features of every image, as detectors are given it."""
    paths = [Path(root) / path for root, path in zip(table["root"], table["path"], strict=True)]
    rows = trivial_features.extract(lambda path: decode(read_bytes(path)), paths, "features")
    facts, colour, spectrum = map(pd.DataFrame, rows)
    header = trivial_features.header_features(facts)
    return dict(zip(trivial_features.FAMILIES, (header, colour, spectrum), strict=True))


def between(
    families: dict[str, pd.DataFrame], table: pd.DataFrame, label: str, a: str, b: str
) -> dict[str, dict]:
    """Cross-validated ROC AUC of trivial features, image of folder `a` or of `b`, one label."""
    rows = table[(table["label"] == label) & table["folder"].isin([a, b])]
    # the audit's question, with the folder in the place of the label
    asked = rows.assign(label=np.where(rows["folder"] == b, "fake", "real"))
    part = {name: family.loc[rows.index] for name, family in families.items()}
    return {score.family: {"value": score.auc, "low": score.low, "high": score.high}
            for score in shortcuts.scores(part, asked, 0, label)}  # fmt: skip


def importance(spectrum: pd.DataFrame, label: pd.Series, there: np.ndarray) -> np.ndarray:
    """How much each image that is not `there` has to count for the rest to have the spectra of
    those that are, float `(N - those,)`, of sum 1 in each label."""
    weights = np.zeros(len(label))
    for name in ("real", "fake"):
        rows = (label == name).to_numpy()
        model = shortcuts.classifier().fit(spectrum[rows].to_numpy(), there[rows])
        here = rows & ~there
        odds = np.exp(model.decision_function(spectrum[here].to_numpy()))
        weights[here] = odds / odds.sum()
    return weights[~there]


def weighted(
    labels: np.ndarray,
    scores: np.ndarray,
    thresholds: list[float],
    groups: np.ndarray,
    weights: np.ndarray,
) -> dict[str, dict]:
    """ROC AUC and balanced accuracy of weighted images, means over runs; 95 % intervals."""

    def found(draws: np.ndarray) -> pd.DataFrame:
        runs = [bootstrap.weighted_metrics(labels, run, cut, draws * weights)
                for run, cut in zip(scores, thresholds, strict=True)]  # fmt: skip
        return sum(runs) / len(runs)

    drawn = pd.concat([found(times) for times in bootstrap.draws(groups, RESAMPLES, 0)])
    point = found(np.ones((1, len(labels)))).iloc[0]
    result = {}
    for name in ("roc_auc", "balanced_accuracy"):
        low, high = bootstrap.interval(drawn[name])
        result[name] = {"value": float(point[name]), "low": low, "high": high}
    return result
