"""Thresholds keep their limit, costs are right by hand, and confident verdicts are better ones."""

import numpy as np
import pandas as pd
import pytest

from mesocore.evaluation import thresholds


def scores(count: int = 2000, seed: int = 0, gap: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    return labels, 1 / (1 + np.exp(-(rng.normal(size=count) + gap * (labels - 0.5))))


def test_the_threshold_allows_as_many_reals_as_it_says_and_no_more():
    labels, probability = scores()
    for limit in (0.1, 0.01, 0.005):
        threshold = thresholds.threshold_at(labels, probability, limit)
        reals = probability[labels == 0]
        assert (reals >= threshold).sum() == limit * 1000
        assert (reals >= np.nextafter(threshold, 0)).sum() == limit * 1000 + 1  # and is the least


def test_equal_scores_fall_on_the_safe_side_and_few_reals_allow_none():
    labels, probability = np.array([0, 0, 0, 0, 1]), np.array([0.1, 0.7, 0.7, 0.7, 0.9])
    threshold = thresholds.threshold_at(labels, probability, 0.5)
    assert (probability[labels == 0] >= threshold).sum() == 0
    assert thresholds.threshold_at(labels, probability, 0.01) > 0.7


def test_a_limit_chosen_on_validation_is_measured_on_test():
    (labels, probability), validation = scores(seed=1), scores(seed=2)
    found = thresholds.at_limits(validation, (labels, probability), np.arange(2000), resamples=100)
    assert found["limit"].tolist() == [0.01, 0.005] and found["allowed"].tolist() == [10, 5]
    for row in found.to_dict("records"):
        called = probability >= row["threshold"]
        assert row["fpr"] == called[labels == 0].mean()
        assert row["tpr"] == called[labels == 1].mean()
        assert row["fpr_low"] <= row["fpr"] <= row["fpr_high"]
        assert row["tpr_low"] < row["tpr"] < row["tpr_high"]
    assert found["tpr"].is_monotonic_decreasing


def test_copies_in_one_group_do_not_narrow_the_interval():
    labels, probability = scores(200)
    widths = []
    for times in (1, 4):
        test = labels.repeat(times), probability.repeat(times)
        groups = np.arange(200).repeat(times)
        found = thresholds.at_limits((labels, probability), test, groups, (0.1,), resamples=400)
        widths.append(float((found["tpr_high"] - found["tpr_low"]).iloc[0]))
    assert widths[1] == pytest.approx(widths[0], rel=0.1)


def test_costs_by_hand():
    labels, probability = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    curve = thresholds.cost_curve(labels, probability, 0.5).set_index("weight")
    assert curve.loc[0.0, "at_threshold"] == 0.5  # one of two reals is called fake
    assert curve.loc[1.0, "at_threshold"] == 0.5
    assert curve.loc[0.5, "trivial"] == 0.5 and curve.loc[0.5, "best"] == 0.25
    assert (curve["best"] <= curve[["at_threshold", "trivial"]].min(axis=1) + 1e-12).all()


def test_confident_verdicts_are_wrong_less_often():
    labels, probability = scores(4000)
    found = thresholds.abstention(labels, probability, 0.5, np.arange(4000), resamples=50)
    error = found.set_index("coverage")["error"]
    assert error[1.0] == ((probability >= 0.5) != labels).mean()
    assert error[0.5] < 0.5 * error[1.0] and error.is_monotonic_decreasing
    assert found["images"].tolist()[:2] == [4000, 3600]
    assert (found["low"] <= found["error"]).all() and (found["error"] <= found["high"]).all()
    blind = thresholds.abstention(labels, np.random.default_rng(0).random(4000), 0.5,
                                 np.arange(4000), (1.0, 0.3), 20)  # fmt: skip
    assert blind["error"].diff().abs().max() < 0.05


def test_verdicts_by_hand():
    table = pd.DataFrame({"label": ["real", "real", "fake", "fake", "fake"], "group": list("abcde"),
                          "probability": [0.1, 0.95, 0.5, 0.9, 0.05], "known": True})  # fmt: skip
    found = thresholds.verdicts([table], [(0.3, 0.9)], resamples=200)
    assert found["coverage"]["value"] == 0.8 and found["error"]["value"] == 0.5
    assert found["confident"]["value"] == 0.4 and found["known"]["value"] == 1
    for name in ("coverage", "error", "confident"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    two = thresholds.verdicts([table, table], [(0.3, 0.9), (0.5, 0.5)], resamples=20)
    assert two["coverage"]["value"] == pytest.approx(0.9)
    assert two["error"]["value"] == pytest.approx((0.5 + 0.4) / 2)
    assert thresholds.verdicts([table], [(0.0, 1.0)], 20)["error"] == {
        "value": None, "low": None, "high": None}  # fmt: skip
    table["known"] = [True, False, True, True, True]  # the real one that would be called fake
    careful = thresholds.verdicts([table], [(0.3, 0.9)], resamples=20)
    assert careful["coverage"]["value"] == 0.6 and careful["error"]["value"] == pytest.approx(1 / 3)
    assert careful["confident"]["value"] == 0.2 and careful["known"]["value"] == 0.8
