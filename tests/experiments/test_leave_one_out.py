"""Rows trained on several collections, and without each: what is left out, and what is measured."""

import json

import pytest

from experiments import cli, leave_one_out, runner
from experiments.runner import Job
from mesocore.core import runtime
from mesocore.data import AssembledSet
from mesocore.data.assembly.assemble import assemble
from mesocore.nets import load_detector
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


def test_what_is_left_out_is_a_whole_family(joint):
    job = Job((AssembledSet(joint / "joint"),))
    assert leave_one_out.families(job.data) == {
        "photos": ["photos", "photos-more"], "swaps": ["swaps"]}  # fmt: skip
    rows = leave_one_out.rows(job)
    assert rows[:3] == ["mesonetplus", "mesonetplus-without-photos", "mesonetplus-without-swaps"]
    without = leave_one_out.config("pooled-blends-without-photos", job, 1)
    assert without.leave_out == "photos+photos-more" and without.self_blend == 0.2
    whole = leave_one_out.config("pooled", job, 0)
    assert whole.leave_out is None and whole.model.endswith("pooled")


def test_the_record_reads_each_family_once_known_and_once_left_out(joint, monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "project_root", lambda: tmp_path)
    for module in (leave_one_out, runner):
        monkeypatch.setattr(module, "SEEDS", (0, 1))
    small = {"SIZE": 64, "MOST_EPOCHS": 1,
             "COMMON": leave_one_out.COMMON | {"size": 64, "batch_size": 8},
             "SETTINGS": {"plain": {"model": "meso4"}, "blends": {"model": "meso4",
                          "self_blend": 0.25}}}  # fmt: skip
    for name, value in small.items():
        monkeypatch.setattr(leave_one_out, name, value)
    words = ["leave-one-out", str(joint / "joint"), "--outside", str(joint / "others")]
    assert cli.main(words) == 0
    record = json.loads((tmp_path / "results/real/joint-leave-one-out.json").read_text())
    rows = record["rows"]
    assert len(rows) == 6 and record["families"]["photos"] == ["photos", "photos-more"]
    assert set(rows["plain"]["columns"]) == {"photos", "swaps", "others"}
    assert rows["plain"]["columns"]["photos"]["images"] == 16  # the test split of two collections
    left_out = rows["blends-without-photos"]["columns"]
    assert set(left_out) == {"photos"} and left_out["photos"]["images"] == 64  # all of them
    assert {"value", "low", "high"} == set(left_out["photos"]["against"])
    assert "against" not in rows["plain"]["columns"]["photos"]
    run = load_detector(tmp_path / "runs/leave-one-out/joint/blends-without-photos-0")
    assert len(run.trained_on) == 24  # of swaps alone
    assert record["trivial_baseline"]["left_out"]["swaps"]["together"] > 0.9  # softer, as all
