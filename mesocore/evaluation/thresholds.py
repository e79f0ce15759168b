"""At which threshold to use a detector, what it costs there, and when to say "I do not know"."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mesocore.core.bootstrap import confident_errors, draws, interval
from mesocore.evaluation.metrics import RESAMPLES
from mesocore.evaluation.record_types import Verdicts

FPR_LIMITS = (0.01, 0.005)  # false-positive rates; the second is the practice of photo forensics
COVERAGES = tuple(round(1 - 0.1 * step, 1) for step in range(10))  # 1.0 ... 0.1


def threshold_at(labels: np.ndarray, probability: np.ndarray, limit: float) -> float:
    """The least threshold at which at most a share `limit` of the reals is called fake.

    `labels` int `(N,)` with 1 = fake, `probability` float `(N,)`; for the validation split only.
    With fewer than `1 / limit` reals no alarm at all is allowed: the threshold then lies above
    every real, and what it gives on other images is known no better than to `1 / reals`.
    """
    reals = np.sort(probability[labels == 0])[::-1]
    allowed = int(np.floor(limit * len(reals) + 1e-9))
    return float(np.nextafter(reals[min(allowed, len(reals) - 1)], 2.0))


def at_limits(
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    limits: Sequence[float] = FPR_LIMITS,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """What a threshold does that was chosen on validation to allow so many false positives.

    `validation` and `test` are (labels `(N,)`, P(fake) `(N,)`), `groups` those of the test images.
    One row a limit: `limit`, `threshold`, `allowed` (reals of validation that may be called fake;
    0 means that the limit is finer than validation can tell), and `fpr` and `tpr` on test with
    their 95 % intervals (`fpr_low` ...); whole groups are drawn. Unlike the true-positive rate that
    is read from the test ROC curve, nothing here was chosen on test.
    """
    labels, probability = test
    rows = []
    for limit in limits:
        threshold = threshold_at(*validation, limit)
        called = probability >= threshold
        row = {"limit": limit, "threshold": threshold,
               "allowed": int(np.floor(limit * (validation[0] == 0).sum() + 1e-9))}  # fmt: skip
        for name, which in (("fpr", labels == 0), ("tpr", labels == 1)):
            low, high = _interval(called, which, groups, resamples)
            row |= {name: called[which].mean(), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def _interval(
    called: np.ndarray, counted: np.ndarray, groups: np.ndarray, resamples: int
) -> tuple[float, float]:
    """95 % percentile interval of the share of `called` among `counted`, over draws of groups."""
    drawn = []
    for weights in draws(groups, resamples, seed=0):
        total = weights @ counted
        drawn.extend((weights @ (called & counted))[total > 0] / total[total > 0])
    return interval(np.array(drawn))


def verdicts(
    runs: Sequence[pd.DataFrame],
    bands: Sequence[tuple[float, float]],
    resamples: int = RESAMPLES,
) -> Verdicts:
    """What "real", "fake" and "unsure" are worth: means over runs of one model, with intervals.

    runs: a table a run, of the same images, with `label`, `group`, P(fake) in `probability` and
    `known` (`Calibrated.knows`); where that is false there is no verdict. bands: of each run, as
    `Detector.band`. `coverage` is the share of images that get a verdict, `error` the share of
    wrong ones among those (None if there are none), `confident` that of all images whose verdict is
    wrong with a P of over .9; `known` the share of all that is.
    """
    fake = (runs[0]["label"] == "fake").to_numpy()
    groups = runs[0]["group"].to_numpy()
    shares = []
    for run, (low, high) in zip(runs, bands, strict=True):
        probability = run["probability"].to_numpy()
        known = run["known"].to_numpy()
        judged = known & ((probability < low) | (probability >= high))
        wrong = judged & ((probability >= high) != fake)
        shares.append((judged, wrong, wrong & confident_errors(fake, probability), known))

    def measured(weights: np.ndarray) -> np.ndarray:  # (B, N) -> (B, 4)
        found = []
        for judged, wrong, confident, known in shares:
            covered, total = weights @ judged, weights.sum(1)
            with np.errstate(invalid="ignore"):  # 0 / 0 where nothing is judged
                error = weights @ wrong / covered
            found.append([covered / total, error, weights @ confident / total,
                          weights @ known / total])  # fmt: skip
        return np.mean(found, axis=0).T

    value = measured(np.ones((1, len(fake))))[0]
    drawn = np.concatenate([measured(weights) for weights in draws(groups, resamples, seed=0)])
    found = {}
    names = "coverage", "error", "confident", "known"
    for name, mean, column in zip(names, value, drawn.T, strict=True):
        ends = zip(("value", "low", "high"), (mean, *interval(column)), strict=True)
        found[name] = {end: None if np.isnan(number) else float(number) for end, number in ends}
    return {"band": [list(band) for band in bands], **found}


def cost_curve(labels: np.ndarray, probability: np.ndarray, threshold: float) -> pd.DataFrame:
    """Expected cost against how much fakes matter: Drummond and Holte, "Cost curves", ML 65, 2006.

    Columns: `weight` in 0..1, the share of fakes times what a miss costs, normalised with that of
    reals and false alarms; `at_threshold`, the cost `w (1 - TPR) + (1 - w) FPR`; `best`, that of
    the best threshold for each weight, found on these images and so a bound rather than a promise;
    and `trivial`, that of calling everything real, or everything fake.
    """
    weight = np.linspace(0, 1, 101)
    cuts = np.append(np.unique(probability), np.inf)
    reals, fakes = (np.sort(probability[labels == label]) for label in (0, 1))
    missed = np.searchsorted(fakes, cuts, "left") / len(fakes)  # below the cut
    alarms = 1 - np.searchsorted(reals, cuts, "left") / len(reals)
    costs = weight[:, None] * missed + (1 - weight[:, None]) * alarms  # (weights, cuts)
    called = probability >= threshold
    here = weight * (~called[labels == 1]).mean() + (1 - weight) * called[labels == 0].mean()
    return pd.DataFrame({"weight": weight, "at_threshold": here, "best": costs.min(axis=1),
                         "trivial": np.minimum(weight, 1 - weight)})  # fmt: skip


def abstention(
    labels: np.ndarray,
    probability: np.ndarray,
    threshold: float,
    groups: np.ndarray,
    coverages: Sequence[float] = COVERAGES,
    resamples: int = 500,
) -> pd.DataFrame:
    """Share of wrong verdicts if only the most confident share of the images gets one.

    Confidence is the distance of the logit from the threshold's. One row a coverage: `coverage`,
    `images`, `error` with its 95 % interval `low`, `high`. After El-Yaniv and Wiener, "On the
    Foundations of Noise-free Selective Classification", JMLR 11, 2010.
    """
    inside = np.clip(np.append(probability, threshold), 1e-12, 1 - 1e-12)
    logit = np.log(inside / (1 - inside))
    order = np.argsort(-np.abs(logit[:-1] - logit[-1]), kind="stable")
    wrong = (probability >= threshold) != (labels == 1)
    rows = []
    for coverage in coverages:
        kept = order[: max(1, round(coverage * len(order)))]
        everything = np.ones(len(kept), bool)
        low, high = _interval(wrong[kept], everything, groups[kept], resamples)
        rows.append({"coverage": coverage, "images": len(kept), "error": wrong[kept].mean(),
                     "low": low, "high": high})  # fmt: skip
    return pd.DataFrame(rows)
