"""What chapter 4 says about numbers of the full version holds in the committed records."""

import json

import numpy as np
import pytest

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
    lost = recipe["metrics"]["all"]["roc_auc"]["value"] - recipe["jpeg_50"]["roc_auc"]["value"]
    levels = committed("synthfaces/robustness")["sweeps"]["jpeg"]["levels"]
    flip = {level["level"]: level["roc_auc"]["value"] for level in levels}
    assert lost < flip[100] - flip[50]


def test_the_range_test_went_up_to_a_rate_that_training_does_not_survive(recipe):
    tested = recipe["range_test"]
    assert len(tested["learning_rate"]) > 10
    assert (np.diff(tested["learning_rate"]) > 0).all()
    assert tested["smoothed"][-1] > 3 * min(tested["smoothed"])


def test_the_chosen_augmentation_loses_next_to_nothing_to_jpeg_on_real_faces():
    rows = committed("real/openforensics-augmentation")["rows"]
    means = {n: np.mean([auc["value"] for auc in row["val"].values()]) for n, row in rows.items()}
    chosen = max(means, key=means.get)
    aucs = rows[chosen]["test"]
    assert chosen == "flip"
    assert aucs["clean"]["value"] - aucs["JPEG 50"]["value"] < 0.03


def test_the_error_falls_with_the_number_of_images():
    assert committed("real/openforensics-learning-curve")["law"]["exponent"] > 0
