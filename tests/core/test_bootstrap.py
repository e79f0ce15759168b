"""Draws count as repetitions, and the fast metrics are scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mesocore.core import bootstrap
from mesocore.evaluation import metrics


def scores(n: int, seed: int, decimals: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    return labels, (1 / (1 + np.exp(-rng.normal(size=n) - labels))).round(decimals)


@pytest.mark.parametrize("decimals", [1, 12], ids=["with ties", "without"])
def test_metrics_of_a_draw_are_those_of_its_repeated_images(decimals):
    labels, probability = scores(80, seed=0, decimals=decimals)
    weights = np.random.default_rng(1).integers(0, 4, (30, 80))
    found = bootstrap.weighted_metrics(labels, probability, 0.4, weights.astype(float))
    for times, row in zip(weights, found.to_dict("records"), strict=True):
        repeated = labels.repeat(times), probability.repeat(times)
        assert row == pytest.approx(metrics.point_metrics(*repeated, 0.4), abs=1e-12)


def test_without_a_class_ranking_metrics_are_nan_and_others_are_not():
    labels, probability = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    weights = np.array([[1.0, 2, 0, 0], [0, 0, 3, 1], [1, 1, 1, 1]])
    found = bootstrap.weighted_metrics(labels, probability, 0.5, weights)
    for name in ("roc_auc", "average_precision", "eer", "tpr_at_1_fpr", "balanced_accuracy"):
        assert found[name].isna().tolist() == [True, True, False]
    assert found["accuracy"].tolist() == pytest.approx([1 / 3, 1 / 4, 1 / 2])
    assert found[["brier", "ece"]].notna().all(axis=None)


def test_draws_are_of_whole_groups_and_the_same_however_they_are_blocked(monkeypatch):
    groups = np.array(list("aabbbcdd"))
    drawn = np.concatenate(list(bootstrap.draws(groups, 250, seed=3)))
    assert drawn.shape == (250, 8)
    firsts = drawn[:, [0, 2, 5, 6]]
    assert (firsts.sum(1) == 4).all() and firsts.std() > 0.5
    assert np.array_equal(drawn, firsts[:, [0, 0, 1, 1, 1, 2, 3, 3]])
    monkeypatch.setattr(bootstrap, "_BLOCK", 7)
    again = np.concatenate(list(bootstrap.draws(groups, 250, seed=3)))
    assert np.array_equal(drawn, again)


def test_counts_give_the_area_under_the_curve():
    labels, probability = scores(50, seed=2, decimals=1)
    tp, fp = bootstrap.counts(labels, probability, np.ones((1, 50)))
    assert tp.shape == (1, len(np.unique(probability)) + 1) and tp[0, 0] == fp[0, 0] == 0
    assert bootstrap.roc_auc(tp, fp)[0] == pytest.approx(roc_auc_score(labels, probability))
