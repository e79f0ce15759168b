"""Where a detector errs: slices of a set, and whether they fare worse than the rest of it.

Looking at a hundred slices finds five that differ at p < .05 where nothing differs. So every p has
its q beside it: the share of false findings that must be expected among all slices with a q as
small (Benjamini, Hochberg, "Controlling the False Discovery Rate", JRSS B 57, 1995).
"""

import numpy as np
import pandas as pd
from scipy import stats

VERDICTS = ("real", "fake")


def verdicts(scored: pd.DataFrame, threshold: float) -> pd.Series:
    """Real or fake for each row, as the detector called it from P(fake) in `probability`."""
    called = scored["probability"] >= threshold
    return called.map({True: "fake", False: "real"}).rename("verdict")


def confusion(scored: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Counts of images: a row for each label, a column for each verdict."""
    table = pd.crosstab(scored["label"], verdicts(scored, threshold))
    return table.reindex(index=VERDICTS, columns=VERDICTS, fill_value=0)


def most_confident(scored: pd.DataFrame, threshold: float, count: int) -> pd.DataFrame:
    """The `count` misclassified images of each label that lie furthest beyond the threshold.

    Distance is measured in logits, in a column `beyond`; most confident first.
    """
    wrong = scored[verdicts(scored, threshold) != scored["label"]]
    beyond = (_logit(wrong["probability"]) - _logit(threshold)).abs()
    return (
        wrong.assign(beyond=beyond)
        .sort_values("beyond", ascending=False, kind="stable")
        .groupby("label", sort=False)
        .head(count)
        .sort_values(["label", "beyond"], ascending=[False, False], kind="stable")
    )


def _logit(probability):
    inside = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.log(inside / (1 - inside))


def slices(
    scored: pd.DataFrame, facts: pd.DataFrame, threshold: float, least: int = 10
) -> pd.DataFrame:
    """Error rates of the images that share a value of a fact, against the others of their label.

    `scored`: `label`, `group`, `probability`; `facts`: a column each, of values joined by "+"
    (attributes.py), with the same index. Images with one label and group are no independent
    evidence, so the first of them counts. For reals an error is a false alarm, for fakes a miss.

    Columns: `label`, `fact`, `value`, `images`, `errors`, `rate` with its 95 % interval `low`,
    `high` (Wilson, 1927), `rest` (the rate of the others), `p` (Fisher's exact test of the two) and
    `q` (Benjamini and Hochberg, over all rows that were tested). A slice is tested if it and the
    rest have `least` images; else p and q are missing. Of the two values of a two-valued fact one
    is tested, for the other is the rest. Sorted by p.
    """
    independent = scored.drop_duplicates(["label", "group"])
    wrong = verdicts(independent, threshold) != independent["label"]
    rows = []
    for label in VERDICTS:
        errors = wrong[independent["label"] == label]
        for fact in facts:
            values = facts.loc[errors.index, fact].dropna()
            rows += [
                {"label": label, "fact": fact} | row for row in _slices_of(values, errors, least)
            ]
    table = pd.DataFrame(rows, columns=["label", "fact", "value", "images", "errors", "rate", "low",
                                        "high", "rest", "p"])  # fmt: skip
    tested = table["p"].notna()
    table["q"] = np.nan
    if tested.any():
        table.loc[tested, "q"] = stats.false_discovery_control(table.loc[tested, "p"])
    return table.sort_values("p", kind="stable", ignore_index=True)


def _slices_of(values: pd.Series, errors: pd.Series, least: int) -> list[dict]:
    members = values.str.get_dummies("+").astype(bool)  # (images, values)
    exclusive = len(members.columns) == 2 and (members.sum(axis=1) == 1).all()
    rows = []
    for place, value in enumerate(members):
        inside, outside = (errors[values.index][m] for m in (members[value], ~members[value]))
        counts = [[part.sum(), (~part).sum()] for part in (inside, outside)]
        test = min(len(inside), len(outside)) >= least and not (exclusive and place)
        interval = stats.binomtest(int(inside.sum()), len(inside)).proportion_ci(method="wilson")
        rows.append(
            {
                "value": value,
                "images": len(inside),
                "errors": int(inside.sum()),
                "rate": inside.mean(),
                "low": interval.low,
                "high": interval.high,
                "rest": outside.mean() if len(outside) else np.nan,
                "p": stats.fisher_exact(counts).pvalue if test else np.nan,
            }
        )
    return rows


def mcnemar(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Are two detectors right on the same images equally often? McNemar's exact test.

    `first`, `second`: bool `(N,)`, was the image classified correctly. Only images on which they
    differ count: `only_first` and `only_second` are right in one alone, and `p` is the probability
    that a fair coin splits them so unevenly (McNemar, Psychometrika 12, 1947). Images are taken to
    be independent; where they come in groups use `metrics.paired_difference`.
    """
    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    differ = only_first + only_second
    p = stats.binomtest(only_first, differ).pvalue if differ else 1.0
    return {"only_first": only_first, "only_second": only_second, "p": float(p)}
