"""The shortcut audit's measurement: cross-validated ROC AUC of trivial features.

Folds are by group and stratified by label, so no image is scored by a model that saw its relatives.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mesocore.core import bootstrap
from mesocore.core.errors import UserError

FOLDS = 5
RESAMPLES = 200
MIN_GROUPS = 10  # in each class; below it an AUC says nothing


@dataclass
class Score:
    """AUC of one feature family in one scope ("all" or a source), fake as positive.

    strongest: the single feature that separates best by itself, its AUC (below 0.5: lower in
    fakes) and its medians in real and fake.
    """

    scope: str
    family: str
    auc: float
    low: float
    high: float
    images: int
    strongest: dict

    def to_dict(self) -> dict:
        """Plain values, for JSON."""
        return asdict(self)


def classifier() -> Pipeline:
    """The model of all trivial baselines: standardised features, L2 logistic regression."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


def scores(
    families: dict[str, pd.DataFrame], table: pd.DataFrame, seed: int, scope: str
) -> list[Score]:
    """One `Score` per family, and one for "together".

    table: label, group; its rows match those of each family. Raises `UserError` if a class has
    fewer than `MIN_GROUPS` groups.
    """
    fake = (table["label"] == "fake").to_numpy().astype(int)
    groups = pd.factorize(table["group"])[0]
    fewest = min(len(set(groups[fake == label])) for label in (0, 1))
    if fewest < MIN_GROUPS:
        raise UserError(
            f"too few images to audit: {fewest} unrelated ones in the smaller class, "
            f"at least {MIN_GROUPS} needed"
        )
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    together = pd.concat(families, axis=1) if len(families) > 1 else None
    result = []
    for family, features in {**families, "together": together}.items():
        if features is None:
            continue
        decision = cross_val_predict(
            classifier(), features.to_numpy(), fake, groups=groups, cv=folds,
            method="decision_function",
        )  # fmt: skip
        low, high = _interval(fake, decision, groups, seed)
        auc = float(roc_auc_score(fake, decision))
        strongest = _strongest(features, fake)
        result.append(Score(scope, family, auc, low, high, len(fake), strongest))
    return result


def _interval(
    fake: np.ndarray, decision: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float]:
    """95 % bootstrap interval over groups."""
    rank = np.unique(decision, return_inverse=True)[1]
    aucs = []
    for times in bootstrap.choices(groups.max() + 1, RESAMPLES, seed):
        weight = times[groups]
        if len(set(fake[weight > 0])) == 2:
            aucs.append(_auc(rank, weight * fake, weight * (1 - fake)))
    return bootstrap.interval(aucs)


def _auc(rank: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> float:
    """Weighted AUC from dense ranks: scikit-learn's to rounding, at a fiftieth of the time."""
    positive, negative = np.bincount(rank, positive), np.bincount(rank, negative)
    below = np.cumsum(negative) - negative / 2
    return float(positive @ below / positive.sum() / negative.sum())


def _strongest(features: pd.DataFrame, fake: np.ndarray) -> dict:
    singles = {
        name: _auc(np.unique(values, return_inverse=True)[1], fake, 1 - fake)
        for name, values in features.items()
    }
    name = max(singles, key=lambda key: abs(singles[key] - 0.5))
    shown = ": ".join(name) if isinstance(name, tuple) else name
    medians = {
        label: float(features.loc[fake == value, [name]].median().iloc[0])
        for label, value in (("real", 0), ("fake", 1))
    }
    return {"feature": shown, "auc": float(singles[name]), **medians}
