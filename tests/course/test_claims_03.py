"""What chapter 3 says about numbers of the full version holds in the committed records."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from mesocore.core.runtime import project_root
from mesocore.nets.models import CHOSEN


def rows_of(record: str) -> dict:
    return json.loads((project_root() / "results" / f"{record}.json").read_text())["rows"]


@pytest.fixture(scope="module")
def openforensics():
    return rows_of("real/openforensics-128-ablation")


def test_every_row_of_the_ablation_has_three_seeds(openforensics):
    assert {name: row["seeds"] for name, row in openforensics.items()} == dict.fromkeys(
        openforensics, [0, 1, 2]
    )


def test_the_rule_chooses_mesonetplus_on_validation(openforensics):
    own = pd.DataFrame({
        name: {"parameters": row["parameters"], "mean": np.mean(row["val_roc_auc"]),
               "sd": np.std(row["val_roc_auc"], ddof=1)}
        for name, row in openforensics.items()
        if name.startswith("meso4") and row["parameters"] <= 100_000
    }).T  # fmt: skip
    best = own.loc[own["mean"].idxmax()]
    fine = own[own["mean"] >= best["mean"] - best["sd"] / math.sqrt(3)]
    assert fine["parameters"].idxmin() == CHOSEN


@pytest.fixture(scope="module")
def longer():
    return rows_of("real/openforensics-24-epochs-ablation")


@pytest.fixture(scope="module")
def target():
    return rows_of("real/openforensics-24-epochs-combination")


TARGET = "meso4+inverted+eca"


def auc(row):
    return row["metrics"]["all"]["roc_auc"]


def accuracy(row):
    found = row["metrics"]["all"]["accuracy"]
    return tuple(round(100 * found[name], 1) for name in ("value", "low", "high"))


def ahead(row):
    return round(row["against"]["value"], 3)


def above(row, other):
    """Is every seed of `row` above every seed of `other`?"""
    return min(auc(row)["each"]) > max(auc(other)["each"])


def test_two_parts_help_outside_and_on_the_own_split_with_every_seed(openforensics):
    for name in ("meso4+inverted", "meso4+highpass"):
        row = openforensics[name]
        assert row["against"]["low"] > 0 and row["outside"]["against"]["low"] > 0
        assert above(row, openforensics["meso4"])
        assert above(row["outside"], openforensics["meso4"]["outside"])


def test_outside_the_filter_alone_is_as_far_ahead_as_with_inverted_residuals(openforensics):
    assert ahead(openforensics["meso4+highpass"]["outside"]) == 0.043
    assert ahead(openforensics[CHOSEN]["outside"]) == 0.044
    assert ahead(openforensics[CHOSEN]) > ahead(openforensics["meso4+highpass"])
    weights = [openforensics[name]["parameters"] for name in (CHOSEN, "meso4+highpass")]
    assert round(weights[0] / weights[1]) == 3


def test_eca_adds_a_third_digit_to_inverted_residuals_and_its_sign_depends(openforensics):
    both, inverted = openforensics[TARGET], openforensics["meso4+inverted"]
    assert (ahead(both["outside"]), ahead(inverted["outside"])) == (0.026, 0.030)
    assert 0 < ahead(both) - ahead(inverted) < 0.005


def test_eca_alone_has_an_interval_above_zero_and_seeds_on_both_sides(openforensics):
    eca, meso = openforensics["meso4+eca"], openforensics["meso4"]
    for row, base in ((eca, meso), (eca["outside"], meso["outside"])):
        assert row["against"]["low"] > 0
        assert min(auc(row)["each"]) < auc(base)["value"] < max(auc(row)["each"])


def test_other_attention_and_blur_and_size_do_little(openforensics):
    assert ahead(openforensics["meso4+se"]) < ahead(openforensics["meso4+highpass"]) / 2
    outside = openforensics["meso4+se"]["outside"]
    assert ahead(outside) < ahead(openforensics["meso4+highpass"]["outside"]) / 2
    assert openforensics["meso4+cbam"]["against"]["high"] < 0
    for name in ("meso4+blur", "mobilenet_v3_small"):
        assert openforensics[name]["against"]["low"] < 0 < openforensics[name]["against"]["high"]


def test_with_more_epochs_meso4_nearly_catches_up(openforensics, longer, target):
    rows = longer | {TARGET: target["attention"]}
    for name in ("meso4", "meso4+inverted", TARGET, CHOSEN):
        assert auc(rows[name])["value"] > max(auc(row)["value"] for row in openforensics.values())
    assert (
        round(openforensics[CHOSEN]["against"]["value"] / longer[CHOSEN]["against"]["value"]) == 8
    )
    assert ahead(longer[CHOSEN]) == 0.004 and above(longer[CHOSEN], longer["meso4"])
    found = {name: (ahead(rows[name]["outside"]), rows[name]["outside"]["against"]["low"] > 0)
             for name in (CHOSEN, "meso4+inverted", TARGET)}  # fmt: skip
    assert found == {CHOSEN: (0.003, False), "meso4+inverted": (0.004, True),
                     TARGET: (0.001, False)}  # fmt: skip


def test_the_target_without_pruning_does_not_reach_97(target):
    row = target["attention"]
    assert row["model"]["model"] == TARGET
    assert accuracy(row)[0] == 95.4 and accuracy(row["outside"])[0] == 93.0
    for name in ("attention", "dense"):
        assert accuracy(target[name])[2] < 97 and accuracy(target[name]["outside"])[2] < 97
    assert accuracy(target["dense"])[0] <= accuracy(row)[0]
    assert accuracy(target["dense"]["outside"])[0] <= accuracy(row["outside"])[0]


def test_three_networks_have_97_on_their_own_split_and_93_8_outside(longer):
    trio = longer[f"3*{CHOSEN}"]
    assert accuracy(trio) == (97.0, 96.2, 97.8)
    assert accuracy(trio["outside"]) == (93.8, 92.5, 94.9)
    assert longer[CHOSEN]["parameters"] == 58_745
    assert 1.9 < (100 - accuracy(trio["outside"])[0]) / (100 - accuracy(trio)[0]) < 2.2
    assert accuracy(longer["3*meso4+inverted"]["outside"])[0] == 94.3
    trios = [name for name in longer if "*" in name]
    assert max(trios, key=lambda name: longer[name]["val_roc_auc"][0]) == f"3*{CHOSEN}"


def test_averaging_adds_more_outside_than_any_part(longer):
    gains = {name: auc(longer[f"3*{name}"]["outside"])["value"] - auc(row["outside"])["value"]
             for name, row in longer.items() if "*" not in name}  # fmt: skip
    assert (round(min(gains.values()), 3), round(max(gains.values()), 3)) == (0.006, 0.010)
    assert min(gains.values()) > max(
        row["outside"]["against"]["value"] for name, row in longer.items() if "*" not in name
    )
    assert accuracy(longer[CHOSEN]["outside"])[0] == 92.2


def test_meso4_on_validation_and_on_test_are_not_the_same_number():
    text = (project_root() / "results/synthfaces/dropout.json").read_text()
    curves = json.loads(text)["val_roc_auc"]["0.0"]
    assert [round(max(curve), 3) for curve in curves.values()] == [0.855, 0.894, 0.903]
    own = json.loads((project_root() / "results/synthfaces/02.json").read_text())
    assert round(auc(own)["value"], 3) == 0.854


def test_the_filter_alone_is_best_on_the_embedded_set():
    drawn = rows_of("synthfaces/ablation")
    assert ahead(drawn["meso4+highpass"]) == 0.062 > ahead(drawn[CHOSEN])
    for name, row in drawn.items():
        assert name == "meso4+highpass" or above(drawn["meso4+highpass"], row)


def test_mesonetplus_is_not_ahead_of_meso4_on_the_few_faces_of_stylegan():
    few = rows_of("real/stylegan-ablation")
    assert few[CHOSEN]["against"]["low"] < 0 < few[CHOSEN]["against"]["high"]
    assert above(few["meso4"], few[CHOSEN])


def test_the_run_of_the_chapter_has_learnt():
    record = json.loads((project_root() / "results/synthfaces/03.json").read_text())
    assert record["model"]["model"] == CHOSEN
    assert 0.80 < record["metrics"]["all"]["roc_auc"]["value"] <= 1


def test_neither_a_smaller_nor_a_larger_field_is_ahead():
    rows = rows_of("real/openforensics-receptive-field")
    behind = {name: rows[f"meso4+{name}"]["outside"]["against"] for name in ("kernel3", "dilated")}
    assert {name: round(gap["value"], 3) for name, gap in behind.items()} == {
        "kernel3": -0.014, "dilated": -0.023}  # fmt: skip
    assert all(gap["high"] < 0 for gap in behind.values())
    seeds = {name: rows[name]["outside"]["metrics"]["all"]["roc_auc"]["each"]
             for name in ("meso4", "meso4+kernel3")}  # fmt: skip
    best = max(seeds["meso4+kernel3"])
    assert sum(best > each for each in seeds["meso4"]) == 2
    assert rows["meso4+dilated"]["parameters"] == rows["meso4"]["parameters"]
    assert rows["meso4+kernel3"]["parameters"] / rows["meso4"]["parameters"] < 0.6
