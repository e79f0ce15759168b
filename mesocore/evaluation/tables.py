"""A results record as a person reads it: tables and bands, always with their intervals."""

import numpy as np
import pandas as pd

from mesocore.core.bootstrap import counts, draws, shown
from mesocore.evaluation.metrics import metrics_with_intervals
from mesocore.evaluation.record_types import Evaluation, Interval, Metrics

NAMES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "eer": "equal error rate",
    "tpr_at_1_fpr": "true positives at 1 % false positives",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "confident_errors": "confident errors (P over .9 for the wrong class)",
}


def metric_table(record: Evaluation) -> pd.DataFrame:
    """The metrics of a results file over all its images, with their 95 % intervals, as text."""
    measured = record["metrics"]["all"]
    rows = {
        name: {
            "value": f"{measured[key]['value']:.3f}",
            "95 % interval": f"{measured[key]['low']:.3f} to {measured[key]['high']:.3f}",
        }
        for key, name in NAMES.items()
        if _is_there(measured, key)
    }
    return pd.DataFrame(rows).T


def metric_columns(record: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Header and rows: each metric with its interval, and the best that trivial features reach.

    A record with figures from outside has two columns, and those come first.
    """
    header, columns = ["metric", "value and 95 % interval"], [record]
    if there := record.get("outside"):  # it speaks first: it is what a user may expect
        header = ["metric, with 95 % interval", f"outside: {there['data']['path']}",
                  f"{record['data']['path']}, {record['data']['split']} split"]  # fmt: skip
        columns = [there, record]
    measured = [column["metrics"]["all"] for column in columns]
    rows = [[name, *(interval(part[key]) for part in measured)] for key, name in NAMES.items()
            if all(key in part for part in measured)
            and any(_is_there(part, key) for part in measured)]  # fmt: skip
    trivial = [max((column["trivial_baseline"] or {}).values(), default=None) for column in columns]
    if any(trivial):
        values = [f"{value:.3f}" if value else "" for value in trivial]
        rows.append(["ROC AUC of trivial features", *values])
    return header, rows


def _is_there(measured: Metrics, key: str) -> bool:
    """False for a metric that needs both classes where one is missing, or that is newer than the
    record."""
    return key in measured and measured[key]["value"] is not None


def interval(metric: Interval, form: str = ".3f") -> str:
    """A metric of a record as text, "0.970 [0.962, 0.978]"; "" if it has no value.

    `form`: "+.3f" for a difference, ".1%" for a share.
    """
    if metric["value"] is None:
        return ""
    return shown(metric["value"], metric["low"], metric["high"], form)


def by_edit(scored: pd.DataFrame, threshold: float, resamples: int = 500) -> pd.DataFrame:
    """ROC AUC of each kind of fake against all reals: columns `fakes`, `value`, `low`, `high`.

    `scored` has one row an image: `label`, `edit`, `group`, `probability`. A fake with several
    edits ("splice+heal") counts for each of them. Sorted by value.
    """
    real = scored[scored["label"] == "real"]
    fake = scored[scored["label"] == "fake"]
    edits = fake["edit"].replace("", "unnamed").str.split("+").explode()
    rows = {}
    for edit, chosen in edits.groupby(edits):
        part = pd.concat([real, fake.loc[chosen.index]])
        labels = (part["label"] == "fake").to_numpy(int)
        probability, groups = part["probability"].to_numpy(), part["group"].to_numpy()
        found = metrics_with_intervals(labels, probability, groups, threshold, resamples)
        rows[edit] = {"fakes": len(chosen), **found["roc_auc"]}
    return pd.DataFrame(rows).T.astype({"fakes": int}).sort_values("value", ascending=False)


def roc_band(
    labels: np.ndarray, probability: np.ndarray, groups: np.ndarray, resamples: int = 500
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pointwise 95 % band of the ROC curve: false-positive rates, lowest and highest TPR.

    `labels` int `(N,)` with 1 = fake, `probability` `(N,)`, `groups` `(N,)`: whole groups are
    drawn, as for every interval of the course.
    """
    grid, curves = np.linspace(0, 1, 101), []
    for weights in draws(groups, resamples, seed=0):
        for tp, fp in zip(*counts(labels, probability, weights), strict=True):
            if tp[-1] and fp[-1]:
                curves.append(np.interp(grid, fp / fp[-1], tp / tp[-1]))
    low, high = np.percentile(curves, [2.5, 97.5], axis=0)
    return grid, low, high
