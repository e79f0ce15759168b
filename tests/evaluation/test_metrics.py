"""Metrics against values worked out by hand, intervals against theory, and hygiene."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mesocore.evaluation import metrics


def noisy_scores(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    return labels, 1 / (1 + np.exp(-(rng.normal(size=n) + 1.5 * labels - 0.75)))


def test_metrics_of_four_images_by_hand():
    labels, probability = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    found = metrics.point_metrics(labels, probability, threshold=0.5)
    assert found["roc_auc"] == 0.75  # three of the four real/fake pairs are in order
    assert found["eer"] == 0.5
    assert found["accuracy"] == found["balanced_accuracy"] == 0.5
    assert found["tpr_at_1_fpr"] == 0.5  # only .9 lies above every real
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)


def test_a_perfect_and_an_inverted_ranking():
    labels = np.array([0, 0, 1, 1])
    right = metrics.point_metrics(labels, np.array([0.1, 0.2, 0.8, 0.9]), 0.5)
    wrong = metrics.point_metrics(labels, np.array([0.9, 0.8, 0.2, 0.1]), 0.5)
    assert (right["roc_auc"], right["eer"], right["tpr_at_1_fpr"]) == (1, 0, 1)
    assert (wrong["roc_auc"], wrong["eer"], wrong["tpr_at_1_fpr"]) == (0, 1, 0)


def test_ece_is_zero_for_calibrated_and_large_for_overconfident_scores():
    labels = np.array([0, 1] * 50)
    assert metrics.expected_calibration_error(labels, np.full(100, 0.5)) == 0
    assert metrics.expected_calibration_error(labels, np.full(100, 0.99)) == pytest.approx(0.49)


def test_one_class_leaves_ranking_metrics_undefined():
    found = metrics.point_metrics(np.ones(5, int), np.linspace(0.1, 0.9, 5), 0.5)
    assert found["roc_auc"] is None and found["eer"] is None
    assert found["accuracy"] == 0.6


def test_temperature_undoes_overconfidence():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=5000) * 2
    labels = (rng.random(5000) < 1 / (1 + np.exp(-logits))).astype(int)
    assert metrics.fit_temperature(labels, logits * 4) == pytest.approx(4, rel=0.1)


def test_threshold_separates_what_can_be_separated():
    labels = np.array([0, 0, 1, 1])
    assert metrics.fit_threshold(labels, np.array([0.1, 0.2, 0.6, 0.9])) == pytest.approx(0.4)
    assert metrics.fit_threshold(labels, np.array([0.9, 0.8, 0.2, 0.1])) == 0.5


def test_a_band_leaves_out_what_would_be_wrong_too_often_and_no_more():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 4000)
    probability = 1 / (1 + np.exp(-rng.normal(1.5 * (2 * labels - 1), 1)))
    threshold = metrics.fit_threshold(labels, probability)
    low, high = metrics.fit_band(labels, probability, threshold, risk=0.02)
    assert 0 < low < threshold < high < 1
    for judged, wrong in ((probability < low, labels == 1), (probability >= high, labels == 0)):
        assert 0.015 < wrong[judged].mean() <= 0.02
    wider = metrics.fit_band(labels, probability, threshold, risk=0.2)
    assert wider == (threshold, threshold)  # the threshold alone is right more often
    assert metrics.fit_band(labels, probability, threshold, risk=0.01)[0] < low


def test_a_band_is_all_there_is_if_no_verdict_can_be_trusted():
    labels, probability = np.array([1, 0] * 50), np.linspace(0.01, 0.99, 100)
    low, high = metrics.fit_band(labels, probability, 0.5, risk=0.02)
    assert low == 0 and high > 1


def test_interval_covers_the_value_and_is_the_same_twice():
    labels, probability = noisy_scores(300)
    groups = np.arange(300)
    first = metrics.metrics_with_intervals(labels, probability, groups, 0.5, 200)
    second = metrics.metrics_with_intervals(labels, probability, groups, 0.5, 200)
    assert first == second
    for name, part in first.items():
        if name != "ece":  # resampling can only make bins less calibrated: its interval lies above
            assert part["low"] <= part["value"] <= part["high"], name
    auc = first["roc_auc"]
    assert auc["value"] == pytest.approx(roc_auc_score(labels, probability))
    assert 0.03 < auc["high"] - auc["low"] < 0.15


def test_copies_in_one_group_do_not_narrow_the_interval():
    labels, probability = noisy_scores(150)
    alone = metrics.metrics_with_intervals(labels, probability, np.arange(150), 0.5, 200)
    copied = metrics.metrics_with_intervals(
        labels.repeat(4), probability.repeat(4), np.arange(150).repeat(4), 0.5, 200
    )
    width = [part["roc_auc"]["high"] - part["roc_auc"]["low"] for part in (alone, copied)]
    assert width[1] == pytest.approx(width[0], rel=0.05)


def test_measure_reports_all_and_every_source():
    labels, probability = noisy_scores(80)
    table = pd.DataFrame(
        {
            "label": np.where(labels == 1, "fake", "real"),
            "source": ["a", "b"] * 40,
            "group": np.arange(80).astype(str),
            "probability": probability,
        }
    )
    found = metrics.measure([table], [0.5], resamples=20)
    assert found["all"]["images"] == 80
    assert found["all"]["fakes"] == labels.sum()
    assert sorted(found["by_source"]) == ["a", "b"]
    assert sum(part["fakes"] for part in found["by_source"].values()) == labels.sum()
    assert "by_kind" not in found


def test_kinds_of_fakes_are_measured_against_all_reals():
    labels, probability = noisy_scores(90)
    table = pd.DataFrame({"label": np.where(labels == 1, "fake", "real"), "source": "a",
                          "group": np.arange(90), "probability": probability})  # fmt: skip
    table["edit"] = np.where(labels == 1, ["generated", "splice+heal", ""] * 30, "")
    found = metrics.measure([table], [0.5], resamples=5)["by_kind"]
    assert sorted(found) == ["edited", "fake", "generated"]
    assert sum(part["fakes"] for part in found.values()) == labels.sum()
    assert all(part["images"] - part["fakes"] == (labels == 0).sum() for part in found.values())


def test_several_runs_give_the_mean_and_their_spread():
    labels, first = noisy_scores(120)
    second, groups = np.roll(first, 7), np.arange(120)
    alone = [metrics.metrics_with_intervals(labels, p, groups, t, 100)["roc_auc"]
             for p, t in ((first, 0.5), (second, 0.4))]  # fmt: skip
    both = metrics.metrics_with_intervals(labels, np.stack([first, second]), groups, [0.5, 0.4],
                                           100)["roc_auc"]  # fmt: skip
    values = [part["value"] for part in alone]
    assert both["each"] == values and both["value"] == pytest.approx(np.mean(values))
    assert both["sd"] == pytest.approx(np.std(values, ddof=1)) and "sd" not in alone[0]
    assert both["low"] < both["value"] < both["high"]
    twice = metrics.metrics_with_intervals(labels, np.stack([first] * 2), groups, [0.5] * 2, 100)
    assert {k: twice["roc_auc"][k] for k in alone[0]} == pytest.approx(alone[0])
    assert twice["roc_auc"]["sd"] == 0


def test_a_paired_difference_is_narrower_than_two_intervals_apart():
    labels, theirs = noisy_scores(400)
    ours = theirs + 0.02 * (2 * labels - 1)  # the same scores, a little better
    groups = np.arange(400)
    found = metrics.paired_difference(labels, ours, theirs, groups, resamples=200)
    assert found["value"] == pytest.approx(
        roc_auc_score(labels, ours) - roc_auc_score(labels, theirs)
    )
    assert 0 < found["low"] < found["value"] < found["high"]
    alone = metrics.metrics_with_intervals(labels, theirs, groups, 0.5, resamples=200)["roc_auc"]
    assert found["high"] - found["low"] < 0.5 * (alone["high"] - alone["low"])


def test_a_paired_difference_of_a_model_to_itself_is_nothing_and_turns_sign():
    labels, a = noisy_scores(100)
    _, b = noisy_scores(100, seed=1)
    groups = np.arange(100) // 2
    same = metrics.paired_difference(labels, a, a, groups, resamples=20)
    assert same == {"value": 0, "low": 0, "high": 0}
    runs = np.stack([a, b])  # two seeds of one model
    one = metrics.paired_difference(labels, runs, a, groups, resamples=50)
    other = metrics.paired_difference(labels, a, runs, groups, resamples=50)
    assert one["value"] == pytest.approx(-other["value"])
    assert one["low"] == pytest.approx(-other["high"])
