"""What chapter 1 says of its numbers holds for the record that is committed."""

import json
from statistics import mean

import pytest

from mesocore.core.runtime import project_root


@pytest.fixture(scope="module")
def record():
    return json.loads((project_root() / "results" / "synthfaces" / "01.json").read_text())


def test_headers_betray_labels_that_a_coin_chose(record):
    assert record["coin_labels"]["header"] == pytest.approx(1, abs=5e-4)


def test_the_history_of_a_file_survives_conversion(record):
    auc = {score["family"]: score["auc"] for score in record["coin_labels"]["converted"]}
    assert (round(auc["spectrum"], 3), round(auc["header"], 3)) == (0.999, 0.937)


def test_jpeg_90_is_the_best_quality_that_leaves_a_trace(record):
    history = record["coin_labels"]["history"]
    assert history["no history"]["low"] < 0.5 < history["no history"]["high"]
    seen = [q for q in (95, 90, 75, 60, 40) if history[f"JPEG {q}"]["low"] > 0.5]
    assert seen == [90, 75, 60, 40]
    assert round(history["JPEG 90"]["auc"], 2) == 0.87


def test_what_each_history_changes_is_what_the_text_says(record):
    change = record["history_db"]
    most, least = ({name: round(of(c), 1) for name, c in change.items()} for of in (max, min))
    assert (most["JPEG 95"], least["JPEG 95"]) == (0, 0)
    assert (most["JPEG 90"], least["7/8 size, JPEG 75"]) == (3.9, -3.8)
    assert [least[f"JPEG {q}"] for q in (75, 60, 40)] == [-1.7, -1.6, -2.1]
    assert [change[f"JPEG {q}"][-1] > 0 for q in (75, 60, 40)] == [False, True, True]


def test_how_much_power_the_generator_lacks(record):
    lacking = record["generator_lacks_percent"]
    assert round(max(abs(value) for value in lacking["value"][:16])) == 7
    assert [round(lacking[key][-1]) for key in ("value", "high", "low")] == [14, 10, 17]


def test_a_split_by_frame_measures_memory_and_one_by_video_does_not(record):
    accuracy = {name: round(mean(values), 2) for name, values in record["leakage"].items()}
    assert accuracy == {"split by frame": 0.96, "split by video": 0.5}
    assert min(record["leakage"]["split by frame"]) > 0.9


def test_every_input_of_the_spoiled_folder_is_accounted_for(record):
    counts = record["spoiled_folder"]
    assert counts["accepted"] + counts["rejected"] == counts["inputs"] == 20


def test_twins_with_two_labels_mislead_the_nearest_neighbour(record):
    accuracy = record["nearest_neighbour"]  # these hang on how a processor rounds the pictures
    assert accuracy["split by image"] == pytest.approx(0.4, abs=0.02)
    assert accuracy["split by group"] == pytest.approx(0.56, abs=0.02)
    assert round(record["careless_share"], 2) == 0.35


def test_the_spectrum_notices_levels_most_and_heal_least(record):
    auc = {name: round(row["auc"], 2) for name, row in record["spectrum_by_edit"].items()}
    assert auc["generated"] < auc["splice"]
    auc.pop("generated")
    assert sorted(auc, key=auc.get)[-3:] == ["splice", "liquify", "levels"]
    assert min(auc, key=auc.get) == "heal"
    assert [auc[n] for n in ("levels", "liquify", "splice", "heal")] == [0.74, 0.7, 0.66, 0.52]


def test_generated_fakes_are_known_better_than_edited_ones(record):
    scores = {(s["scope"], s["family"]): s["auc"] for s in record["audit"]["after"]}
    together = [round(scores[scope, "together"], 2) for scope in ("all", "generated", "edited")]
    assert together == [0.67, 0.75, 0.67]
    edited = {family: auc for (scope, family), auc in scores.items() if scope == "edited"}
    edited.pop("together")
    assert max(edited, key=edited.get) == "spectrum"


def test_framing_gives_labels_away_and_meso4_leans_on_it_most():
    path = project_root() / "results/real/openforensics-framing.json"
    sets = json.loads(path.read_text())["sets"]
    alone = [round(found["size_alone"], 2) for found in sets.values()]
    assert sorted(alone) == [0.89, 0.91]
    audit = json.loads((project_root() / "results/real/openforensics-audit.json").read_text())
    assert max(score["auc"] for score in audit["after"]) < min(alone)
    models = sets["openforensics-validation"]["models"]
    lost = {name: found["all"] - found["alike"]["value"] for name, found in models.items()}
    assert round(lost["meso4"], 3) == 0.022 == round(max(lost.values()), 3)
    assert round(lost["meso4+inverted+highpass"], 4) == 0.0165
    against = models["meso4+inverted+highpass"]["against"]
    assert [round(against[key], 3) for key in ("value", "low", "high")] == [0.008, 0.001, 0.016]
    tight = [found["reals_by_size"][1]["called_fake"] for found in models.values()]
    assert all(0.17 < share < 0.22 for share in tight)


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
