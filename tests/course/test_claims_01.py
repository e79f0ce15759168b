"""What chapter 1 says of its numbers holds for the record that is committed."""

import json
from statistics import mean

import pytest

from mesocore.core.runtime import project_root


@pytest.fixture(scope="module")
def record():
    return json.loads((project_root() / "results" / "synthfaces" / "01.json").read_text())


def test_headers_betray_labels_that_a_coin_chose(record):
    assert record["coin_labels"]["header"] > 0.99


def test_the_history_of_a_file_survives_conversion(record):
    auc = {score["family"]: score["auc"] for score in record["coin_labels"]["converted"]}
    assert auc["spectrum"] > 0.85


def test_without_a_history_there_is_nothing_to_learn(record):
    assert record["coin_labels"]["history"]["no history"]["low"] < 0.55


def test_a_split_by_frame_measures_memory_and_one_by_video_does_not(record):
    assert mean(record["leakage"]["split by frame"]) > 0.9
    assert abs(mean(record["leakage"]["split by video"]) - 0.5) < 0.1


def test_every_input_of_the_spoiled_folder_is_accounted_for(record):
    counts = record["spoiled_folder"]
    assert counts["accepted"] + counts["rejected"] == counts["inputs"] == 20


def test_twins_with_two_labels_mislead_the_nearest_neighbour(record):
    assert record["nearest_neighbour"]["split by image"] < 0.45


def test_smoothing_leaves_a_trace_in_the_spectrum_if_a_faint_one(record):
    assert record["spectrum_by_edit"]["smooth"]["low"] > 0.5


def test_the_embedded_set_passes_its_audit_and_leaks_nothing(record):
    assert record["audit"]["passed"]
    assert record["audit"]["leaks"] == {}
