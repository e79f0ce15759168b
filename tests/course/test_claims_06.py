"""What chapter 6 says of its full version and of the records that it shows, held to the records."""

import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "results"


def committed(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def own() -> dict:
    return committed("synthfaces/06")


def test_most_of_what_stands_out_does_not_survive_the_correction(own):
    slices = own["slices"]
    assert len(slices["found"]) < slices["p_below_05"] / 2
    assert all(found["p"] <= found["q"] < 0.05 for found in slices["found"])


def test_edited_faces_are_nearly_lost_without_the_finest_octave(own):
    untouched = committed("synthfaces/02")["metrics"]["by_kind"]["edited"]["roc_auc"]["value"]
    first = own["scales"][0]
    assert (first["band"], first["kind"]) == ("2-4 px", "edited")
    assert first["without"] < untouched - 0.08


def test_the_maps_depend_on_the_weights_and_do_not_show_the_edit(own):
    assert own["gradcam"]["against_chance"]["gain"]["low"] <= 0
    survives = own["gradcam"]["sanity"]
    assert list(survives)[0] == "learnt"
    assert list(survives.values())[-1] < 0.5 < 0.999 < survives["learnt"]


def test_generated_faces_are_a_cluster_of_their_own(own):
    alike = own["neighbours"]
    assert alike["generated"] > 2 * alike["chance generated"]


def test_blur_takes_the_detector_down_to_chance_and_jpeg_does_not():
    hardest = {name: sweep["levels"][-1]["roc_auc"]["value"]
               for name, sweep in committed("synthfaces/robustness")["sweeps"].items()}  # fmt: skip
    assert hardest["blur"] < 0.6 < hardest["jpeg"]


def test_on_real_faces_it_knows_its_own_forgery_and_no_composites():
    sets = committed("real/openforensics-meso4-errors")["sets"]
    assert sets["openforensics"]["metrics"]["all"]["roc_auc"]["low"] > 0.95
    assert sets["photoshop"]["metrics"]["all"]["roc_auc"]["high"] < 0.6


def test_on_real_faces_a_tighter_crop_costs_most():
    sweeps = committed("real/openforensics-robustness")["sweeps"]
    crops = {found["level"]: found for found in sweeps["crop"]["levels"]}
    assert crops[0.8]["called_fake"]["real"] > 0.5
    assert crops[0.7]["roc_auc"]["high"] < 0.75
    for name in ("jpeg", "blur", "resize"):
        assert sweeps[name]["levels"][-1]["roc_auc"]["low"] > 0.9


def test_two_cells_off_the_diagonal_beat_chance_and_one_is_far_below():
    cells = committed("real/generalisation")["rows"]
    others = {(a, b): cells[a][b]["roc_auc"] for a in cells for b in cells if a != b}
    assert sum(auc["low"] > 0.5 for auc in others.values()) == 2
    assert others["stylegan", "openforensics"]["high"] < 0.5


def test_transfer_is_not_shown_to_help_and_more_epochs_are():
    rows = committed("real/stylegan-transfer")["rows"]
    assert rows["tuned-40"]["against"]["low"] < 0 < rows["scratch-100"]["against"]["low"]


def test_larger_composites_are_not_shown_to_help():
    gap = committed("real/photoshop-592-resolution")["rows"]["meso4+inverted 592"]["against"]
    assert gap["low"] < 0 < gap["high"]
    assert gap["value"] < 0.05
