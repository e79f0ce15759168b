"""Rows trained on several collections, and without each: what is left out, and what is measured."""

import json
import shutil

import numpy as np
import pytest

from experiments import by_family, cli, leave_one_out, pruning, recommended, runner
from experiments.runner import Job
from mesocore.core import runtime
from mesocore.core.images import Preparation
from mesocore.data import AssembledSet, load
from mesocore.data.assembly.assemble import assemble
from mesocore.nets import Detector, build, load_detector
from tests.factories import write_images


@pytest.fixture(scope="module")
def joint(tmp_path_factory):
    """Three collections, two of one family, in one set of 64 px; and a set of others."""
    folder = tmp_path_factory.mktemp("joint")
    raw = [write_images(folder / name, 16, seed=seed)
           for seed, name in enumerate(("photos", "photos-more", "swaps"))]  # fmt: skip
    options = {"size": 64, "split": (0.5, 0.25, 0.25), "progress": False}
    assemble(raw, folder / "joint", **options)
    assemble([write_images(folder / "others-raw", 8, seed=9)], folder / "others", **options)
    return folder


def test_rows_of_more_and_of_fewer_seeds_are_compared_over_those_of_both(joint):
    faces = load(joint / "joint", "test", 64)
    runs = [Detector(build("meso4", 64).eval(), Preparation(size=64), 64, 0.5, 1.0, {}, None)
            for _ in range(3)]  # fmt: skip
    scores = by_family.Scores()
    assert "against" not in scores.of("one", runs[:1], "test", faces)
    more = scores.of("three", runs, "test", faces, "one")
    assert more["against"]["value"] == 0  # the first of the three is the one
    assert len(more["roc_auc"]["each"]) == 3
    assert scores.of("one again", runs[:1], "test", faces, "three")["against"]["value"] == 0


def test_what_is_left_out_is_a_whole_family(joint):
    job = Job((AssembledSet(joint / "joint"),))
    assert leave_one_out.families(job.data) == {
        "photos": ["photos", "photos-more"], "swaps": ["swaps"]}  # fmt: skip
    rows = leave_one_out.rows(job)
    assert rows[:3] == ["pooled", "pooled-without-photos", "pooled-without-swaps"]
    assert "mesonetplus" in rows and "mesonetplus-without-photos" not in rows  # tried, no more
    assert "cooccurrences-without-swaps" in rows
    assert "pooled-blends-without-swaps" not in rows  # asked of dfdc and photoshop alone
    assert leave_one_out.seeds("cooccurrences-without-photos") == (0, 1, 2)
    assert leave_one_out.seeds("pooled-without-photos") == (0,)
    without = leave_one_out.config("pooled-blends-without-photos", job, 1)
    assert without.leave_out == "photos+photos-more" and without.self_blend == 0.2
    whole = leave_one_out.config("pooled", job, 0)
    assert whole.leave_out is None and whole.model.endswith("pooled")


def test_the_record_reads_each_family_once_known_and_once_left_out(joint, monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "project_root", lambda: tmp_path)
    monkeypatch.setattr(leave_one_out, "SEEDS", (0, 1))
    small = {"MOST_EPOCHS": 1, "EVERY_SEED": ("plain", "blends"),
             "LEFT_OUT": {"plain": None, "blends": ("photos",)},
             "COMMON": leave_one_out.COMMON | {"size": 64, "batch_size": 8},
             "SETTINGS": {"plain": {"model": "meso4"}, "blends": {"model": "meso4",
                          "self_blend": 0.25}, "once": {"model": "meso4"}}}  # fmt: skip
    for name, value in small.items():
        monkeypatch.setattr(leave_one_out, name, value)
    words = ["leave-one-out", str(joint / "joint"), "--outside", str(joint / "others")]
    assert cli.main(words) == 0
    record = json.loads((tmp_path / "results/real/joint-leave-one-out.json").read_text())
    rows = record["rows"]
    assert len(rows) == 6 and record["families"]["photos"] == ["photos", "photos-more"]
    assert set(rows["plain"]["columns"]) == {"photos", "swaps", "others"}
    assert rows["once"]["seeds"] == [0] and rows["plain"]["seeds"] == [0, 1]
    both = rows["once"]["columns"]["photos"], rows["plain"]["columns"]["photos"]
    assert both[0]["against"]["value"] == 0  # the same run as the first seed of the row before
    assert both[0]["roc_auc"]["value"] == both[1]["roc_auc"]["each"][0]
    assert set(both[0]["verdicts"]) == {"band", "coverage", "error", "confident", "known"}
    assert rows["plain"]["columns"]["photos"]["images"] == 16  # the test split of two collections
    left_out = rows["blends-without-photos"]["columns"]
    assert set(left_out) == {"photos"} and left_out["photos"]["images"] == 64  # all of them
    assert {"value", "low", "high"} == set(left_out["photos"]["against"])
    assert "against" not in rows["plain"]["columns"]["photos"]
    run = load_detector(tmp_path / "runs/leave-one-out/joint/blends-without-photos-0")
    assert len(run.trained_on) == 24  # of swaps alone
    assert record["trivial_baseline"]["left_out"]["swaps"]["together"] > 0.9  # softer, as all
    check_runs_that_lack_a_family(joint, tmp_path, left_out["photos"], monkeypatch)


def check_runs_that_lack_a_family(joint, tmp_path, column, monkeypatch):
    """They are measured by themselves too, and what is kept is not trained again."""
    runs, data = tmp_path / "runs/leave-one-out/joint", str(joint / "joint")
    lacking = [str(runs / f"blends-without-photos-{seed}") for seed in (0, 1)]
    assert cli.main(["left-out", *lacking, data]) == 0
    found = json.loads((tmp_path / "results/real/joint-left-out.json").read_text())
    assert found["rows"]["photos"]["seeds"] == [0, 1]
    columns = found["rows"]["photos"]["columns"]
    assert [*columns] == ["photos", "swaps"]
    assert columns["photos"] == {k: v for k, v in column.items() if k != "against"}
    assert cli.main(["left-out", str(runs / "plain-0"), data]) == 2
    name = "leave-one-out/joint/blends-without-photos-1"
    assert cli.main(["keep", name]) == 0
    job = Job((AssembledSet(joint / "joint"),))
    monkeypatch.setattr(runner, "trained", lambda settings, name: name)
    kept = tmp_path / "results/runs/joint/blends-without-photos-1"
    assert leave_one_out.trained("blends-without-photos", job, 1) == kept
    monkeypatch.setattr(leave_one_out, "MOST_EPOCHS", 2)  # other settings than it was trained with
    assert leave_one_out.trained("blends-without-photos", job, 1) == name


def test_the_detector_to_use_is_pruned_beside_a_control_and_kept(joint, monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "project_root", lambda: tmp_path)
    monkeypatch.setattr(recommended, "COMMON", leave_one_out.COMMON | {"batch_size": 8})
    own = leave_one_out.COUNTING_SETTINGS | {"size": 64, "batch_size": 8}
    for name, value in {"COUNTING_SETTINGS": own, "EPOCHS": 1, "SEEDS": (0,)}.items():
        monkeypatch.setattr(recommended, name, value)
    monkeypatch.setattr(runner, "SEEDS", (0,))
    monkeypatch.setattr(pruning, "EPOCHS", 1)
    words = ["recommended", str(joint / "joint"), "--outside", str(joint / "others")]
    assert cli.main(words) == 0
    path = tmp_path / "results/real/joint-recommended.json"
    record = json.loads(path.read_text())
    rows = record["rows"]
    assert [*rows] == ["recommended", "dense", "pruned"]
    assert rows["pruned"]["sparsity"][0] == pytest.approx(0.2, abs=1e-3)
    assert rows["dense"]["sparsity"][0] < 0.01 and rows["dense"]["model"]["init"] == "recommended-0"
    assert "against" in rows["pruned"]["columns"]["swaps"]
    assert rows["recommended"]["model"]["kind_balance"] == 0.5
    assert cli.main(["keep", "recommended/joint/recommended-0"]) == 0
    kept = tmp_path / "results/runs/joint/recommended-0"
    assert (load_detector(kept).trained_on == np.sort(load_detector(kept).trained_on)).all()
    monkeypatch.setattr(runner, "trained", None)  # what is kept is not trained again
    assert recommended.trained("recommended", Job((AssembledSet(joint / "joint"),)), 0) == kept
    shutil.copytree(joint / "others", tmp_path / "joint")  # another set of that name
    asked = []
    monkeypatch.setattr(runner, "trained", lambda settings, name: asked.append(name))
    recommended.trained("recommended", Job((AssembledSet(tmp_path / "joint"),)), 0)
    assert asked == ["recommended/joint/recommended-0"]
