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


def test_what_the_chapter_says_of_the_gap_is_what_was_measured():
    gap = json.loads((project_root() / "results/real/openforensics-gap.json").read_text())
    own, more, other = gap["by_folder"]["3*meso4+inverted+highpass"].values()
    assert [round(f["roc_auc"]["value"], 3) for f in (own, more, other)] == [0.996, 0.996, 0.986]
    assert [own["images"], more["images"], other["images"]] == [1800, 4000, 1600]
    right = [part["balanced_accuracy"]["value"] for part in (own, other)]
    assert right[0] == pytest.approx(0.97) and right[1] == pytest.approx(0.9375)
    assert 1 - right[1] > 2 * (1 - right[0])
    near = list(gap["mates"]["by_nearest_training_number"]["3*meso4+inverted+highpass"].values())
    assert near[-1]["roc_auc"]["low"] < near[0]["roc_auc"]["value"] < near[-1]["roc_auc"]["high"]
    between = gap["shift"]["roc_auc_between_folders"]
    spectra = {pair: [kinds[label]["spectrum"]["value"] for label in ("real", "fake")]
               for pair, kinds in between.items()}  # fmt: skip
    assert all(abs(auc - 0.5) < 0.03 for auc in spectra.pop("openforensics and openforensics-more"))
    assert len(spectra) == 2 and all(min(aucs) > 0.7 for aucs in spectra.values()), spectra
