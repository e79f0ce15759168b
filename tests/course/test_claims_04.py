"""What chapter 4 says about numbers of the full version holds in the committed records."""

import json

import numpy as np
import pytest
from scipy import stats

from mesocore.core.runtime import project_root


def committed(record: str) -> dict:
    return json.loads((project_root() / "results" / f"{record}.json").read_text())


@pytest.fixture(scope="module")
def recipe():
    return committed("synthfaces/04")


def test_the_recipe_has_learnt_for_all_its_epochs(recipe):
    clean = recipe["metrics"]["all"]["roc_auc"]
    assert recipe["model"]["epochs"] == 24
    assert 0.75 < clean["low"] <= clean["value"] <= clean["high"]


def test_training_with_jpeg_leaves_less_to_lose_at_quality_50(recipe):
    clean = {name: row["roc_auc"]["value"] for name, row in recipe["clean"].items()}
    after = {"flip": recipe["flip_jpeg_50"]["roc_auc"]["value"],
             "flip+jpeg": recipe["jpeg_50"]["roc_auc"]["value"]}  # fmt: skip
    lost = {name: round(clean[name] - auc, 3) for name, auc in after.items()}
    assert lost == {"flip": 0.069, "flip+jpeg": 0.046}
    assert clean["flip+jpeg"] > clean["flip"]


def test_the_range_test_went_up_to_a_rate_that_training_does_not_survive(recipe):
    tested = recipe["range_test"]
    assert len(tested["learning_rate"]) > 10
    assert (np.diff(tested["learning_rate"]) > 0).all()
    assert tested["smoothed"][-1] > 3 * min(tested["smoothed"])


@pytest.fixture(scope="module")
def augmentation():
    return committed("real/openforensics-augmentation")["rows"]


def test_no_schedule_wins_at_the_peak_and_none_learns_at_ten_times_it():
    rows = committed("synthfaces/schedules")["rows"]
    best = {name: np.max(row["val_roc_auc"], axis=1) for name, row in rows.items()}
    tenfold = [each.mean() for name, each in best.items() if "10x" in name]
    usual = {name: each for name, each in best.items() if "10x" not in name}
    assert len(tenfold) == 3
    assert max(tenfold) < 0.6
    means = [each.mean() for each in usual.values()]
    deviations = {name: each.std(ddof=1) for name, each in usual.items()}
    assert max(means) - min(means) < bar(np.mean(list(deviations.values())), 3)
    assert min(deviations, key=deviations.get) == "warm-up and cosine"


def test_the_chosen_augmentation_loses_next_to_nothing_to_jpeg_on_real_faces(augmentation):
    means = {
        name: np.mean([auc["value"] for auc in row["val"].values()])
        for name, row in augmentation.items()
    }
    chosen = max(means, key=means.get)
    aucs = augmentation[chosen]["test"]
    assert chosen == "flip"
    assert aucs["clean"]["value"] - aucs["JPEG 50"]["value"] < 0.005


def test_seeds_move_the_auc_more_than_rows_and_one_is_the_best_in_all(augmentation):
    each = np.array([row["val"]["clean"]["each"] for row in augmentation.values()])
    assert np.ptp(each, axis=1).min() > np.ptp(each.mean(axis=1))
    assert (each.argmax(axis=1) == 1).all()
    assert each.shape == (8, 3)


def bar(deviation: float, seeds: int) -> float:
    """Section 5's: what a difference of means of so many seeds has to beat."""
    return 2 * deviation * np.sqrt(2 / seeds)


def compared(one: dict, other: dict) -> list[float]:
    """Difference on the test split, the bar, that for pairs, and that with Student's t: 3 digits"""
    a, b = (row["test"]["clean"] for row in (one, other))
    apart = np.subtract(a["each"], b["each"])
    paired = apart.std(ddof=1) / np.sqrt(len(apart))
    both = np.sqrt((a["sd"] ** 2 + b["sd"] ** 2) / 2)
    t = stats.t.ppf(0.975, len(apart) - 1) * paired
    return [round(float(x), 3) for x in (apart.mean(), bar(both, len(apart)), 2 * paired, t)]


def test_mirroring_is_below_our_own_bar_and_all_six_together_are_a_finding(augmentation):
    *_, everything = augmentation.values()
    assert compared(augmentation["flip"], augmentation["none"]) == [0.013, 0.016, 0.007, 0.016]
    cost = compared(everything, augmentation["flip"])
    assert cost[0] == -0.016
    assert cost[2:] == [0.005, 0.010]
    flip = augmentation["flip"]["test"]["clean"]["each"]
    for row in (augmentation["none"], everything):
        assert (np.subtract(flip, row["test"]["clean"]["each"]) > 0).all()


def test_one_run_of_each_needs_six_points_on_the_embedded_set():
    deviation = committed("synthfaces/meso4-seeds")["metrics"]["all"]["roc_auc"]["sd"]
    assert round(bar(deviation, 1), 3) == 0.063


def test_the_error_falls_with_the_number_of_images_to_987_at_the_targets():
    curve = committed("real/openforensics-learning-curve")
    assert curve["law"]["exponent"] > 0
    assert curve["prediction"]["images"] == 105_000
    assert round(1 - curve["prediction"]["error"]["value"], 3) == 0.987
    assert max(map(int, curve["rows"])) == 6300


def percent(row: dict, where: str) -> float:
    found = row["outside"]["metrics"] if where == "outside" else row["metrics"]
    return round(100 * found["all"]["accuracy"]["value"], 1)


def test_longer_training_earns_more_than_the_parts_and_less_than_97():
    few = committed("real/openforensics-128-ablation")["rows"]
    many = committed("real/openforensics-24-epochs-ablation")["rows"]
    attention = committed("real/openforensics-24-epochs-combination")["rows"]["attention"]
    accuracy = [
        row["outside"]["metrics"]["all"]["accuracy"]
        for row in (few["meso4"], few["meso4+inverted+eca"], many["meso4"], attention)
    ]
    values = [100 * each["value"] for each in accuracy]
    assert [round(value, 1) for value in values] == [83.8, 86.9, 92.0, 93.0]
    gains = (values[2] - values[0], values[1] - values[0], values[3] - values[2])
    assert [round(gain, 1) for gain in gains] == [8.2, 3.1, 0.9]
    assert [round(100 * each["sd"], 1) for each in accuracy[::2]] == [1.9, 0.5]
    assert 5 < 100 * bar(accuracy[0]["sd"], 1) < 6
    assert round(many["meso4"]["metrics"]["all"]["roc_auc"]["value"], 3) == 0.990
    three = many["3*meso4+inverted+highpass"]
    assert (percent(three, "own"), percent(three, "outside")) == (97.0, 93.8)


def test_the_long_runs_had_what_the_chapter_says():
    few, many = (committed(f"real/openforensics-{name}-ablation")["rows"]["meso4"]["model"]
                 for name in ("128", "24-epochs"))  # fmt: skip
    wanted = ("epochs", "size", "batch_size", "learning_rate", "dropout")
    assert [few[name] for name in wanted] == [8, 128, 8, 0.001, 0.0]
    assert [many[name] for name in wanted] == [24, 256, 32, 0.003, 0.2]
    assert few["manifest_sha256"] == many["manifest_sha256"]
