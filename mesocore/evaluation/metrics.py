"""Scores to metrics, each with a 95 % interval; calibration and thresholds.

Metrics are scikit-learn's; their intervals come from a bootstrap over groups (core/bootstrap.py).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from sklearn import metrics

from mesocore.core.bootstrap import (
    ECE_BINS,
    confident_errors,
    counts,
    draws,
    interval,
    roc_auc,
    weighted_metrics,
)
from mesocore.data.assembled_set import kinds
from mesocore.evaluation.record_types import Interval, Metrics, Sections
from mesocore.nets.inference.calibration import (
    Examined,
    check_scores,
    tempered,
    to_probability,
)
from mesocore.nets.schemas import ABOVE_ALL

RESAMPLES = 1000
KNOWN = 0.8  # share of validation images that count as known; chosen by leaving sources out
RISK = 0.02  # share of wrong verdicts that is allowed on validation, if "unsure" is an answer


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """The temperature T in .05..20 for which `sigmoid(logit / T)` has the least log loss.

    `labels` int `(N,)` with 1 = fake, `logits` float `(N,)`; for the validation split only.
    After Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    margin = np.where(labels == 1, logits, -logits)

    def loss(log_temperature: float) -> float:
        return np.logaddexp(0, -margin / np.exp(log_temperature)).mean()

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.05, 20]), method="bounded").x))


def fit_threshold(labels: np.ndarray, probability: np.ndarray) -> float:
    """The threshold on P(fake) with the best balanced accuracy, for the validation split only.

    It lies midway between the two neighbouring scores, so that no single image decides it.
    """
    false_positive, true_positive, cuts = metrics.roc_curve(
        labels, probability, drop_intermediate=False
    )
    best = int(np.argmax(true_positive - false_positive))
    if best == 0:  # no cut is better than calling nothing fake
        return 0.5
    below = cuts[best + 1] if best + 1 < len(cuts) else 0.0
    return float((cuts[best] + below) / 2)


def fit_band(
    labels: np.ndarray, probability: np.ndarray, threshold: float, risk: float = RISK
) -> tuple[float, float]:
    """P(fake) below which an image may be called real, and from which fake: `(low, high)`.

    Of the images on either side at most a share `risk` is of the other class; between the two no
    verdict is given. As few images as can be lie there. For the validation split only; `threshold`
    lies within. After El-Yaniv and Wiener, "On the Foundations of Noise-free Selective
    Classification", JMLR 11, 2010, with a limit for each class.
    """
    low = _sure(np.where(probability < threshold, probability, np.inf), labels == 1, risk)
    high = -_sure(np.where(probability >= threshold, -probability, np.inf), labels == 0, risk)
    return max(0.0, min(low, threshold)), min(ABOVE_ALL, max(high, threshold))


def _sure(score: np.ndarray, wrong: np.ndarray, risk: float) -> float:
    """The score up to which most images can be judged with at most a share `risk` of wrong ones.

    It lies midway to the next score, below all if there is none; infinite scores are not judged.
    """
    order = np.argsort(score, kind="stable")
    score, wrong = score[order], wrong[order]
    ends = np.append(score[:-1] < score[1:], True) & np.isfinite(score)  # equal ones go together
    good = np.flatnonzero(ends & (wrong.cumsum() <= risk * np.arange(1, len(score) + 1)))
    if not len(good):
        return -np.inf
    last = good[-1]
    following = score[last + 1] if last + 1 < len(score) else np.inf
    return float((score[last] + following) / 2)


def fit(labels: np.ndarray, examined: Examined) -> tuple[dict, dict]:
    """What validation images say: metrics; `threshold`, `band`, `temperature`, and `known` of a
    network that tells kinds apart.

    Raises `UserError` if a logit is not finite.
    """
    logits = check_scores(examined.logits)
    temperature = fit_temperature(labels, logits)
    probability, known = to_probability(logits, temperature), fit_known(examined.kind)
    if known:
        probability = tempered(probability, examined.kind < known["known"]["kind_from"])
    threshold = fit_threshold(labels, probability)
    scores = point_metrics(labels, probability, threshold)
    row = {
        "val_loss": float(np.mean(np.logaddexp(0, np.where(labels == 1, -logits, logits)))),
        "val_roc_auc": scores["roc_auc"],
        "val_balanced_accuracy": scores["balanced_accuracy"],
    }
    low, high = fit_band(labels, probability, threshold)
    return row, {
        "threshold": threshold,
        "band": {"real_below": low, "fake_from": high, "risk": RISK},
        **known,
        "temperature": temperature,
        "threshold_from": "balanced accuracy on the validation split",
    }


def fit_known(kind: np.ndarray | None, share: float = KNOWN) -> dict:
    """From which probability of its likeliest kind `(N,)` an image counts as known, so that a
    `share` of the validation images do; nothing of a network without kinds.

    A fifth of them are given up, most of which lie within the band anyway. Of generated faces that
    a network never saw hardly any is wrongly judged then, where by the band up to a third is, but
    on these the share was chosen; swapped faces it takes for kinds that it knows
    (results/real/joint-faces-left-out.json).
    """
    if kind is None:
        return {}
    return {"known": {"kind_from": float(np.quantile(kind, 1 - share)), "share": share}}


def expected_calibration_error(labels: np.ndarray, probability: np.ndarray) -> float:
    """ECE over 15 equal-width bins: mean distance between P(fake) and the share of fakes.

    Naeini, Cooper, Hauskrecht, AAAI 2015, for the probability of the positive class.
    """
    bins = np.minimum((probability * ECE_BINS).astype(int), ECE_BINS - 1)
    gap = np.bincount(bins, probability - labels, minlength=ECE_BINS)
    return float(np.abs(gap).sum() / len(labels))


def point_metrics(
    labels: np.ndarray, probability: np.ndarray, threshold: float
) -> dict[str, float | None]:
    """All metrics of `labels` `(N,)` (1 = fake) and P(fake) `(N,)`, without intervals.

    Metrics that need both classes are None when only one is there.
    """
    called_fake = probability >= threshold
    result = {
        "roc_auc": None,
        "average_precision": None,
        "eer": None,
        "tpr_at_1_fpr": None,
        "accuracy": metrics.accuracy_score(labels, called_fake),
        "balanced_accuracy": None,
        "brier": float(np.mean((probability - labels) ** 2)),
        "ece": expected_calibration_error(labels, probability),
        "confident_errors": confident_errors(labels, probability).mean(),
    }
    if len(np.unique(labels)) == 2:
        fpr, tpr, _ = metrics.roc_curve(labels, probability, drop_intermediate=False)
        result["roc_auc"] = metrics.auc(fpr, tpr)
        result["average_precision"] = metrics.average_precision_score(labels, probability)
        # where the curve meets false positives = false negatives; the difference is monotone
        result["eer"] = np.interp(0.0, fpr - (1 - tpr), fpr)
        result["tpr_at_1_fpr"] = tpr[fpr <= 0.01].max()
        result["balanced_accuracy"] = metrics.balanced_accuracy_score(labels, called_fake)
    return {name: None if value is None else float(value) for name, value in result.items()}


def metrics_with_intervals(
    labels: np.ndarray,
    probability: np.ndarray,
    groups: np.ndarray,
    threshold: float | Sequence[float],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """`point_metrics`, each as `{"value", "low", "high"}`: the 95 % percentile interval.

    `probability` is float `(N,)`, or `(R, N)` from R runs of one model, which differ in their seed,
    with R thresholds. Then values are means over the runs, `"each"` has those of the runs and
    `"sd"` their standard deviation, and the interval says how the mean would move with other test
    images. Whole groups are drawn; draws without both classes do not count for metrics that need
    both.
    ECE is biased upwards in every draw (a resample is less calibrated than the sample), so its
    interval may lie above its value; read it as an upper bound.
    """
    runs = list(zip(np.atleast_2d(probability), np.atleast_1d(threshold), strict=True))
    found = pd.DataFrame([point_metrics(labels, *run) for run in runs], dtype=float)
    drawn = pd.concat(
        sum(weighted_metrics(labels, *run, weights) for run in runs) / len(runs)
        for weights in draws(groups, resamples, seed)
    )
    table = pd.DataFrame({"value": found.mean(), "low": drawn.quantile(0.025),
                          "high": drawn.quantile(0.975)})  # fmt: skip
    table[table["value"].isna()] = np.nan  # metrics that need both classes, with only one there
    if len(runs) > 1:
        table["sd"] = found.std(ddof=1)
    table = table.astype(object).where(table.notna(), None)
    if len(runs) > 1:
        table["each"] = [found[name].tolist() for name in table.index]
    return table.to_dict("index")


def paired_difference(
    labels: np.ndarray,
    ours: np.ndarray,
    theirs: np.ndarray,
    groups: np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """ROC AUC of one model minus that of another on the same images, with its 95 % interval.

    `ours` and `theirs` are scores that grow with P(fake): float `(N,)`, or `(R, N)` from R runs
    each, whose AUCs are averaged. Both models are measured on the same draws of groups, so what
    makes an image hard for both cancels: the interval is narrower than two intervals apart. If it
    excludes 0, other test images would hardly turn the ranking round.
    """
    ours, theirs = np.atleast_2d(ours), np.atleast_2d(theirs)

    def difference(weights: np.ndarray) -> np.ndarray:  # (B, N) -> (B,), NaN without both classes
        means = [
            np.mean([roc_auc(*counts(labels, run, weights)) for run in runs], axis=0)
            for runs in (ours, theirs)
        ]
        return means[0] - means[1]

    drawn = np.concatenate([difference(weights) for weights in draws(groups, resamples, seed)])
    low, high = interval(drawn)
    value = difference(np.ones((1, len(labels))))[0]
    found = {"value": float(value), "low": low, "high": high}
    return {name: None if np.isnan(number) else number for name, number in found.items()}


def measure(
    runs: Sequence[pd.DataFrame],
    thresholds: Sequence[float],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Sections:
    """Metrics over all images, by source, and by kind of fake; means over the runs.

    `runs` holds one table a run, of the same images: `label` (`real` or `fake`), `source`, `group`,
    `probability` and perhaps `edit`. Returns `{"all": ..., "by_source": {source: ...}, "by_kind":
    {kind: ...}}`; every part holds `images`, `fakes`, `groups` and the metrics with their
    intervals. A kind is measured against all reals; with one kind of fake there is no `by_kind`.
    """
    kind = kinds(runs[0])
    fakes = sorted(set(kind) - {"real"})

    def part(rows: pd.Series) -> dict:
        return overall([run[rows.to_numpy()] for run in runs], thresholds, resamples, seed)

    source = runs[0]["source"]
    result = {
        "all": part(source.notna()),
        "by_source": {str(name): part(source == name) for name in sorted(set(source))},
    }
    if len(fakes) > 1:
        result["by_kind"] = {name: part(kind.isin(["real", name])) for name in fakes}
    return result


def overall(
    runs: Sequence[pd.DataFrame],
    thresholds: Sequence[float],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Metrics:
    """`images`, `fakes`, `groups` and the metrics with their intervals, of all images together."""
    table = runs[0]
    labels = (table["label"] == "fake").to_numpy(int)
    counts = {
        "images": len(table),
        "fakes": int(labels.sum()),
        "groups": int(table["group"].nunique()),
    }
    probability = np.stack([run["probability"].to_numpy(float) for run in runs])
    groups = table["group"].to_numpy()
    return counts | metrics_with_intervals(labels, probability, groups, thresholds, resamples, seed)
