"""The bootstrap behind every interval: whole groups drawn with replacement, and percentiles.

Images of one group (an identity, an original and its edits) are not independent, so the group is
what is drawn, and a draw only changes how often each image counts. The metrics are those of
`point_metrics` of evaluation/metrics.py, in NumPy, for a whole block of draws: scikit-learn checks
its arguments in every call, and a thousand draws took a minute of that. The tests hold the two to
each other.
"""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

ECE_BINS = 15
CONFIDENT = 0.9
_BLOCK = 100  # draws at once; a block of 20,000 images is 16 MB


def interval(drawn: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic's values in all draws, NaN left out; NaN if all
    are."""
    if np.isnan(drawn).all():
        return math.nan, math.nan
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def shown(value: float, low: float, high: float, form: str = ".3f") -> str:
    """A value and its interval as text, "0.970 [0.962, 0.978]"; `form` as "+.3f" or ".1%"."""
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def draws(groups: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each image counts, float64 `(B, N)` blocks, `resamples` draws in all."""
    names, codes = np.unique(groups, return_inverse=True)
    share = np.full(len(names), 1 / len(names))
    rng = np.random.default_rng(seed)
    for first in range(0, resamples, _BLOCK):
        times = rng.multinomial(len(names), share, size=min(_BLOCK, resamples - first))
        yield times[:, codes].astype(float)


def choices(count: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of `count` units counts, int `(count,)`, one draw after the other.

    The same bootstrap as `draws`, from another stream of random numbers: the one with which the
    committed audits and saliency maps were measured.
    """
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, count, count), minlength=count)


def weighted_metrics(
    labels: np.ndarray, probability: np.ndarray, threshold: float, weights: np.ndarray
) -> pd.DataFrame:
    """`point_metrics` for each row of `weights` `(B, N)`; NaN where a class is missing."""
    called_fake, total = probability >= threshold, weights.sum(1)
    tp, fp = counts(labels, probability, weights)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a class is missing
        tpr, fpr = tp / tp[:, -1:], fp / fp[:, -1:]
        recalls = [
            weights @ (called_fake & (labels == 1)) / tp[:, -1],
            weights @ (~called_fake & (labels == 0)) / fp[:, -1],
        ]
    error = probability - labels
    bins = np.minimum((probability * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = weights @ (np.eye(ECE_BINS)[bins] * error[:, None])  # (B, bins)
    found = {
        "roc_auc": roc_auc(tp, fp),
        "average_precision": _average_precision(tp, fp, tpr),
        "eer": np.array([np.interp(0.0, f - (1 - t), f) for t, f in zip(tpr, fpr, strict=True)]),
        "tpr_at_1_fpr": np.where(fpr <= 0.01, tpr, 0.0).max(1),
        "accuracy": weights @ (called_fake == labels) / total,
        "balanced_accuracy": sum(recalls) / 2,
        "brier": weights @ error**2 / total,
        "ece": np.abs(gaps).sum(1) / total,
        "confident_errors": weights @ confident_errors(labels, probability) / total,
    }
    table = pd.DataFrame(found)
    both = ["roc_auc", "average_precision", "eer", "tpr_at_1_fpr", "balanced_accuracy"]
    table.loc[(tp[:, -1] == 0) | (fp[:, -1] == 0), both] = np.nan
    return table


def confident_errors(labels: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Which images get a P above `CONFIDENT` for the class that they are not of: bool `(N,)`."""
    return np.where(labels == 1, 1 - probability, probability) > CONFIDENT


def counts(
    labels: np.ndarray, probability: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives `(B, K)` as the threshold falls past each distinct score, from 0."""
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.diff(probability[order], append=-np.inf))  # of equal scores, the last
    weights = weights[:, order]
    called = weights.cumsum(1)[:, ends]
    tp = (weights * labels[order]).cumsum(1)[:, ends]
    return tuple(np.pad(found, ((0, 0), (1, 0))) for found in (tp, called - tp))


def roc_auc(tp: np.ndarray, fp: np.ndarray) -> np.ndarray:
    """ROC AUC `(B,)` of `counts`; NaN where a class is missing."""
    with np.errstate(invalid="ignore"):
        return np.trapezoid(tp, fp, axis=1) / (tp[:, -1] * fp[:, -1])


def _average_precision(tp: np.ndarray, fp: np.ndarray, tpr: np.ndarray) -> np.ndarray:
    called = tp + fp
    precision = np.divide(tp, called, out=np.zeros_like(tp), where=called > 0)
    return (np.diff(tpr, axis=1) * precision[:, 1:]).sum(1)
