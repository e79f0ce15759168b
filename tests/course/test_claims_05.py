"""What chapter 5 says of its full version and of the records that it shows, held to the records."""

import json
from pathlib import Path

import numpy as np
import pytest

RESULTS = Path(__file__).parents[2] / "results"
MODELS = ("meso4", "meso4+inverted")


def committed(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def rows(model: str) -> dict:
    return committed(f"real/openforensics-128-pruning-{model}")["rows"]


@pytest.fixture(scope="module")
def own() -> dict:
    return committed("synthfaces/05")


def test_the_masks_held(own):
    assert own["rows"]["pruned"]["model"]["prune"] == 0.2
    assert own["achieved_sparsity"] == pytest.approx(0.2, abs=0.001)


def test_the_pruned_network_had_learnt_something(own):
    assert own["rows"]["before"]["val_roc_auc"][0] > 0.75


@pytest.mark.parametrize("model", MODELS)
def test_every_row_has_three_seeds_and_a_fifth_is_a_fifth(model):
    found = rows(model)
    assert all(len(row["seeds"]) == 3 for row in found.values())
    assert found["global-0.2"]["sparsity"] == pytest.approx([0.2] * 3, abs=0.001)


@pytest.mark.parametrize("model", MODELS)
def test_a_fifth_costs_nothing_that_can_be_seen_and_half_costs_little(model):
    fifth, half = (rows(model)[f"global-{amount}"]["against"] for amount in (0.2, 0.5))
    assert fifth["low"] < 0 < fifth["high"]
    assert -0.005 < half["value"] < 0


@pytest.mark.parametrize("model", MODELS)
def test_a_random_fifth_costs_more_than_the_smallest_fifth(model):
    found = rows(model)
    assert found["random-0.2"]["against"]["high"] < found["global-0.2"]["against"]["low"]


@pytest.mark.parametrize(("model", "high"), [("meso4", 0.0003), ("meso4+inverted", 0.0)])
def test_the_intervals_to_the_control_end_where_section_7_says(model, high):
    assert round(rows(model)["global-0.2"]["against"]["high"], 4) == high


def test_without_a_mask_the_epochs_gain_as_much():
    assert rows("meso4")["before"]["against"]["high"] < 0


def test_what_goes_is_in_the_last_convolution_and_not_in_the_first():
    lost = rows("meso4")["global-0.2"]["layers"]
    assert max(lost, key=lost.get) == "features.3.0"
    assert lost["features.3.0"] > 0.2 > lost["features.0.0"]


@pytest.mark.parametrize("model", MODELS)
def test_a_mask_makes_no_file_smaller(model):
    found = rows(model)
    assert found["global-0.9"]["bytes"]["raw"] == found["dense"]["bytes"]["raw"]


def test_fewer_channels_are_better_by_bytes_and_faster():
    found = rows("meso4")
    masked, slim = found["global-0.9"], found["structured-0.8"]
    assert slim["bytes"]["gzip"] < masked["bytes"]["gzip"]
    assert slim["latency_ms"] < found["dense"]["latency_ms"]
    auc, other = (row["metrics"]["all"]["roc_auc"]["value"] for row in (slim, masked))
    assert auc > other


@pytest.mark.parametrize(
    ("model", "half", "most"), [("meso4", 0.003, 0.03), ("meso4+inverted", 0.004, 0.06)]
)
def test_half_is_the_highest_measured_share_within_the_limit(model, half, most):
    found = rows(model)
    assert round(-found["global-0.5"]["against"]["value"], 3) == half
    assert round(-found["global-0.8"]["against"]["value"], 2) == most


def test_a_random_fifth_costs_a_hundredth_and_sixteen():
    lost = {model: -rows(model)["random-0.2"]["against"]["value"] for model in MODELS}
    assert lost == pytest.approx({"meso4": 0.01, "meso4+inverted": 0.16}, abs=0.001)


def test_at_90_percent_magnitude_is_hardly_better_than_chance_with_inverted_residuals():
    small, chance = (
        rows("meso4+inverted")[f"{way}-0.9"]["against"] for way in ("global", "random")
    )
    assert small["low"] < chance["value"] < small["value"] < chance["high"]
    small, chance = (rows("meso4")[f"{way}-0.9"]["against"] for way in ("global", "random"))
    assert small["low"] > chance["high"]


@pytest.mark.parametrize("share", [0.95, 0.98])
def test_with_inverted_residuals_every_picture_gets_one_answer(share):
    found = rows("meso4+inverted")[f"global-{share}"]["metrics"]["all"]["roc_auc"]
    assert found["each"] == [0.5, 0.5, 0.5]


def test_three_steps_helped_two_seeds_of_three_and_without_them_the_other():
    once, steps = (
        np.array(rows("meso4")[f"{way}-0.95"]["metrics"]["all"]["roc_auc"]["each"])
        for way in ("global", "iterative")
    )
    assert sum(steps > once) == 2
    assert 0 < (steps - once).mean() < 0.02


def test_ece_lies_below_its_interval_and_is_smallest_where_nothing_is_known():
    shown = ["before", "dense", *(f"global-{a}" for a in (0.2, 0.5, 0.8, 0.9, 0.95, 0.98))]
    ece = {name: rows("meso4")[name]["metrics"]["all"]["ece"] for name in shown}
    assert sum(found["value"] < found["low"] for found in ece.values()) >= 5
    assert min(ece, key=lambda name: ece[name]["value"]) == "global-0.98"
    assert rows("meso4")["global-0.98"]["metrics"]["all"]["roc_auc"]["value"] < 0.65


def test_by_bytes_the_order_turns_round():
    auc = {name: row["metrics"]["all"]["roc_auc"]["value"] for name, row in rows("meso4").items()}
    size = {name: row["bytes"]["gzip"] for name, row in rows("meso4").items()}
    assert (round(auc["structured-0.8"], 3), round(size["structured-0.8"] / 1000, 1)) == (
        0.903,
        11.6,
    )
    assert (round(auc["global-0.9"], 3), round(size["global-0.9"] / 1000, 1)) == (0.868, 12.5)
    for share in (0.2, 0.5, 0.8):
        assert auc[f"structured-{share}"] < auc[f"global-{share}"]


def test_a_fifth_of_the_work_takes_three_quarters_of_the_time_and_a_mask_as_long():
    found = rows("meso4")
    slim, masked, dense = found["structured-0.8"], found["global-0.9"], found["dense"]
    assert slim["latency_ms"] / dense["latency_ms"] == pytest.approx(0.75, abs=0.02)
    assert slim["multiply_adds"] / dense["multiply_adds"] == pytest.approx(0.2, abs=0.02)
    assert masked["latency_ms"] / dense["latency_ms"] == pytest.approx(1, abs=0.02)


@pytest.fixture(scope="module")
def places() -> dict:
    """The rows of the combination, on its own split and outside."""
    found = committed("real/openforensics-24-epochs-combination")["rows"]
    return {"own": found, "outside": {name: row["outside"] for name, row in found.items()}}


def measured(row: dict, metric: str) -> dict:
    return row["metrics"]["all"][metric]


def test_the_combination_has_three_seeds_and_as_many_images_as_said(places):
    assert all(len(row["seeds"]) == 3 for row in places["own"].values())
    for name, count in (("own", 1800), ("outside", 1600)):
        assert places[name]["pruned"]["metrics"]["all"]["images"] == count


def test_pruning_earned_the_target_nothing(places):
    each, lost = {}, {}
    for name, found in places.items():
        auc = {row: np.array(measured(found[row], "roc_auc")["each"]) for row in found}
        each[name] = auc["pruned"] - auc["dense"]
        values = {row: measured(found[row], "accuracy")["value"] for row in found}
        lost[name] = round(100 * (values["dense"] - values["pruned"]), 1)
    assert {name: round(found.mean(), 4) for name, found in each.items()} == {
        "own": 0.0002, "outside": 0.0003}  # fmt: skip
    both = np.concatenate(list(each.values()))
    assert (round(both.min(), 4), round(both.max(), 4)) == (-0.0001, 0.0007)
    assert lost == {"own": 0.3, "outside": 0.4}


def test_the_lead_was_there_before_and_outside_it_cannot_be_told_from_zero(places):
    assert places["own"]["attention"]["against"]["low"] > 0
    assert (
        places["own"]["pruned"]["against"]["value"] < places["own"]["attention"]["against"]["value"]
    )
    lead = places["own"]["pruned"]["against"]
    assert [round(lead[key], 4) for key in ("value", "low", "high")] == [0.0014, -0.0002, 0.0032]
    for name in ("attention", "dense", "pruned"):
        against = places["outside"][name]["against"]
        assert against["low"] < 0 < against["high"]
        assert all(0 < found[name]["against"]["value"] < 0.002 for found in places.values())


def test_no_row_and_no_seed_reaches_97(places):
    for found in places.values():
        for row in found.values():
            assert max(*measured(row, "accuracy")["each"], measured(row, "accuracy")["high"]) < 0.97
    said = {"own": [94.8, 94.0, 95.6], "outside": [92.1, 91.2, 93.0]}
    for name, numbers in said.items():
        accuracy = measured(places[name]["pruned"], "accuracy")
        assert [round(100 * accuracy[key], 1) for key in ("value", "low", "high")] == numbers
    outside = measured(places["outside"]["pruned"], "accuracy")["each"]
    assert round(100 * (max(outside) - min(outside)), 1) == 2.7
    assert round(100 * measured(places["outside"]["dense"], "accuracy")["value"], 1) == 92.5


def test_the_file_is_an_eighth_smaller_and_the_first_dense_layer_loses_most(places):
    pruned, dense = places["own"]["pruned"], places["own"]["dense"]
    sizes = [row["bytes"]["gzip"] for row in (pruned, dense)]
    assert [round(size / 1000) for size in sizes] == [199, 228]
    assert 1 - sizes[0] / sizes[1] == pytest.approx(1 / 8, abs=0.005)
    lost = pruned["layers"]
    assert max(lost, key=lost.get) == "classifier.2"
    assert round(lost["classifier.2"], 2) == 0.26
    depthwise = [round(share, 2) for name, share in lost.items() if "depthwise" in name]
    assert (min(depthwise), max(depthwise)) == (0.07, 0.09)
    assert lost["classifier.5"] == 0
