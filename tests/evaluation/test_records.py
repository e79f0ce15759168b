"""Several models on one split: each row measured as if alone, and paired with the baseline; and
outside, on every image of another set or folder."""

import json
from dataclasses import replace

import pytest
from torch import Tensor, nn

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.data.assembled_set import AssembledSet
from mesocore.data.assembly.assemble import assemble
from mesocore.evaluation import records
from mesocore.nets.detector import Detector, load_detector
from tests.commands import mesocore
from tests.factories import assembled_set, write_images


@pytest.fixture
def rows(small_set, small_run):
    models = ("meso4", "meso4+eca")
    return small_set, {m: [load_detector(small_run(m, seed)) for seed in (0, 1)] for m in models}


def test_a_row_is_measured_as_if_alone_and_against_the_baseline(rows):
    faces, found = rows
    record = records.compare(found, faces, baseline="meso4")
    json.dumps(record)
    base, other = (record["rows"][name] for name in ("meso4", "meso4+eca"))
    alone = records.evaluate(found["meso4+eca"], faces, "test")
    assert other["metrics"] == {"all": alone["metrics"]["all"]}
    assert other["seeds"] == [0, 1] and len(other["val_roc_auc"]) == 2
    assert base["against"] == {"value": 0, "low": 0, "high": 0}
    gap = [row["metrics"]["all"]["roc_auc"]["value"] for row in (other, base)]
    assert other["against"]["value"] == pytest.approx(gap[0] - gap[1])
    assert other["parameters"] > base["parameters"]
    assert record["data"]["split"] == "test" and str(faces.parent) not in json.dumps(record)


def test_runs_that_do_not_belong_together_are_named(rows):
    faces, found = rows
    mixed = {"meso4": [found["meso4"][0], found["meso4+eca"][1]]}
    with pytest.raises(UserError, match="differ in more than their seed"):
        records.compare(mixed, faces, baseline="meso4")


def test_a_run_that_is_older_than_a_setting_belongs_to_those_that_leave_it_off(rows):
    faces, found = rows
    old, new = found["meso4"]

    def with_config(**changes):
        about = new.description | {"config": new.description["config"] | changes}
        return replace(new, description=about)

    older = {k: v for k, v in old.description["config"].items() if k not in ("crop", "teacher")}
    old = replace(old, description=old.description | {"config": older})
    assert records.one_model([old, with_config()]) == old.description
    pupils = [with_config(seed=seed, teacher=f"taught-{seed}") for seed in (0, 1)]
    assert records.one_model(pupils) == pupils[0].description
    for other in ({"crop": 64}, {"teacher": "a"}):
        with pytest.raises(UserError, match="differ in more than their seed"):
            records.one_model([old, with_config(**other)])


class Sharpness(nn.Module):
    """High for sharp pictures, which in these sets are the reals: ROC AUC near 0."""

    def forward(self, images: Tensor) -> Tensor:
        return images.float().diff(dim=-1).abs().mean((1, 2, 3))  # (N,)


def test_scores_that_are_turned_round_are_said(small_set):
    def record(split: str = "test", **config) -> dict:
        about = {"config": {"model": "sharpness", **config}, "threshold_from": "a test"}
        sharpness = Detector(Sharpness(), Preparation(size=64), 64, 0.5, 20.0, about)
        return records.evaluate(sharpness, small_set, split)

    assert record()["metrics"]["all"]["roc_auc"]["high"] < 0.5
    assert "ranks the classes the wrong way on this data" in record()["warning"]
    assert "give --fake-class 1" in record(fake_class=0)["warning"]
    other = record(fake_class=1)
    assert "give --fake-class 0" in other["warning"]
    assert other["warning"] in records.summary(other)
    manifest = AssembledSet(small_set).manifest_sha256
    both = record("train", manifest_sha256=manifest)["warning"]
    assert "turned round" in both and "the train split took part" in both


def test_scores_in_the_right_direction_need_no_word(rows):
    faces, found = rows
    record = records.evaluate(found["meso4"], faces, "test")
    assert record["metrics"]["all"]["roc_auc"]["high"] > 0.5 and "warning" not in record


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """An assembled set of 20 images that no run has seen."""
    return assembled_set(tmp_path_factory.mktemp("elsewhere"), per_class=10, seed=5)


def test_outside_is_measured_like_a_set_of_its_own_and_paired_too(rows, elsewhere):
    faces, found = rows
    plain = records.compare(found, faces, baseline="meso4")
    record = records.compare(found, faces, baseline="meso4", outside=elsewhere)
    alone = records.evaluate(found["meso4+eca"], elsewhere, "all")
    other = record["rows"]["meso4+eca"]
    assert other["outside"]["metrics"] == {"all": alone["metrics"]["all"]}
    base = record["rows"]["meso4"]["outside"]
    gap = [row["metrics"]["all"]["roc_auc"]["value"] for row in (other["outside"], base)]
    assert other["outside"]["against"]["value"] == pytest.approx(gap[0] - gap[1])
    assert record["outside"]["data"] == alone["data"]
    assert set(record["outside"]["trivial_baseline"]) == {
        "header", "colour", "spectrum", "together"
    }  # fmt: skip
    for row in record["rows"].values():
        del row["outside"]
    assert record["rows"] == plain["rows"] and "outside" not in plain


def test_one_model_has_figures_outside_of_a_set_or_a_raw_folder(rows, elsewhere):
    faces, found = rows
    record = records.evaluate(found["meso4"], faces, outside=elsewhere)
    there = records.evaluate(found["meso4"], elsewhere, "all")
    assert record["outside"]["metrics"] == there["metrics"]
    raw = records.evaluate(found["meso4"], faces, outside=elsewhere.parent / "raw")
    assert raw["outside"]["data"]["manifest_sha256"] is None
    assert raw["outside"]["trivial_baseline"] is None
    auc = [part["outside"]["metrics"]["all"]["roc_auc"]["value"] for part in (record, raw)]
    assert auc[1] == pytest.approx(auc[0], abs=0.05)  # prepared in the same way
    assert "outside, set: 20 images, ROC AUC" in records.summary(record)


def test_each_of_several_sources_has_what_trivial_features_reach_there(rows, tmp_path):
    raw = [write_images(tmp_path / name, 12, seed=seed) for seed, name in enumerate(("a", "b"))]
    assemble(raw, tmp_path / "both", size=64, split=(0.5, 0.25, 0.25), progress=False)
    record = records.evaluate(rows[1]["meso4"], tmp_path / "both")
    assert set(record["trivial_by_source"]) == set(record["metrics"]["by_source"]) == {"a", "b"}
    assert all(set(found) == set(record["trivial_baseline"])
               for found in record["trivial_by_source"].values())  # fmt: skip
    assert "trivial_by_source" not in records.evaluate(rows[1]["meso4"], rows[0])


def test_what_is_not_outside_is_refused(rows, elsewhere):
    faces, found = rows
    with pytest.raises(UserError, match="set is not outside: 80 of its images are in"):
        records.compare(found, faces, baseline="meso4", outside=faces)
    with pytest.raises(UserError, match="nowhere: no such folder"):
        records.evaluate(found["meso4"], faces, outside=elsewhere / "nowhere")


def test_the_command_puts_outside_first_in_the_card(small_set, small_run, elsewhere, tmp_path):
    run = small_run("meso4", seed=1)
    done = mesocore("evaluate", run, "--data", small_set, "--outside", elsewhere,
                    "--json", tmp_path / "r.json", "--card", tmp_path / "c.md")  # fmt: skip
    assert done.returncode == 0, done.stderr
    record, text = json.loads((tmp_path / "r.json").read_text()), (tmp_path / "c.md").read_text()
    auc = [part["metrics"]["all"]["roc_auc"]["value"] for part in (record["outside"], record)]
    row = next(line for line in text.splitlines() if line.startswith("| ROC AUC |"))
    assert [float(cell.split()[0]) for cell in row.split("|")[2:4]] == pytest.approx(auc, abs=6e-4)
    assert "| outside: set | set, test split |" in text and "20 images, 10 of them fake" in text
    assert "of the reals fake. (Outside.)" in text
