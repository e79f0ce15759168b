"""What chapter 5 says of its full version and of the records that it shows, held to the records."""

import json
from pathlib import Path

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
