"""What the gap record asks: near numbers, trivial features between folders, weighted images."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from experiments import cli
from experiments.measure import gap, shift
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.data.assembly.assemble import assemble
from mesocore.data.auditing import shortcuts
from mesocore.evaluation import metrics
from tests.factories import write_images


def table(names: list[str], label: str = "real") -> pd.DataFrame:
    return pd.DataFrame({"origin": [f"faces/{label}/{name}" for name in names], "label": label})


def test_numbers_are_those_at_the_end_of_a_name():
    assert gap.numbers(table(["real_7.jpg", "2024-0012.png"])).tolist() == [7, 12]
    with pytest.raises(UserError, match="faces/real/anna.jpg has no number in its name"):
        gap.numbers(table(["1.jpg", "anna.jpg"]))


def test_images_of_one_photograph_are_near_in_number_and_alike():
    rng = np.random.default_rng(0)
    scenes = rng.uniform(0, 255, (300, 12))
    thumbnails = np.repeat(scenes, 2, axis=0) + rng.normal(0, 1, (600, 12))  # two faces each
    found = gap.distances(thumbnails, np.arange(600))
    assert found["1"]["pairs"] == 599 and found["50"]["pairs"] == 550
    assert found["1"]["high"] < found["2"]["low"]  # half of the neighbours are mates
    assert found["2"]["low"] < found["random"]["value"] < found["2"]["high"]
    assert list(gap.distances(thumbnails[:3], np.array([4, 8, 100]))) == ["random"]


def test_the_nearest_training_number_is_of_the_same_label():
    train = pd.concat([table(["10.jpg", "20.jpg"]), table(["13.jpg"], "fake")])
    asked = pd.concat([table(["12.jpg", "19.jpg", "99.jpg"]), table(["12.jpg"], "fake")])
    assert gap.nearest(asked, train).tolist() == [2, 1, 79, 1]


def test_weights_bring_the_spectra_of_one_folder_to_those_of_the_other():
    rng = np.random.default_rng(0)
    here, there = rng.normal(0, 1, 2000), rng.normal(1, 1, 2000)
    spectrum = pd.DataFrame({"ring": np.r_[here, there]})
    label = pd.Series(np.tile(["real", "fake"], 2000))
    weights = shift.importance(spectrum, label, np.repeat([False, True], 2000))
    assert weights.sum() == pytest.approx(2)
    assert weights @ here / 2 == pytest.approx(1, abs=0.15)


def test_equal_weights_change_nothing():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2, (2, 200)), 0, 1)
    found = shift.weighted(labels, scores, [0.5, 0.4], np.arange(200), np.full(200, 0.01))
    plain = metrics.metrics_with_intervals(labels, scores, np.arange(200), [0.5, 0.4])
    for name, value in found.items():
        assert value == pytest.approx({end: plain[name][end] for end in value})


@pytest.fixture
def sets(small_set, tmp_path):
    """Two further sets: MORE like `small_set`, and OTHER whose images are softer."""
    folders = {"more": write_images(tmp_path / "more-raw", 12, seed=7),
               "other": write_images(tmp_path / "other-raw", 24, seed=8)}  # fmt: skip
    for image in [*folders["more"].glob("*/*")]:
        image.rename(image.with_stem(f"{int(image.stem) + 50}"))
    shutil.rmtree(folders["other"] / "real")
    shutil.copytree(folders["other"] / "fake", folders["other"] / "real")
    for image in (folders["other"] / "fake").iterdir():
        (image if int(image.stem) % 2 else folders["other"] / "real" / image.name).unlink()
    for name, raw in folders.items():
        assemble([raw], tmp_path / name, size=64, split=(0.6, 0.2, 0.2), progress=False)
    return tmp_path


def test_the_record_answers_for_every_model_and_folder(small_set, small_run, sets, monkeypatch):
    runs = [str(small_run("meso4", seed)) for seed in (0, 1)]
    monkeypatch.setattr(runtime, "project_root", lambda: sets)
    monkeypatch.setattr(shortcuts, "MIN_GROUPS", 8)  # so small is the test split
    words = ["gap", *runs, str(small_set), "--outside", str(sets / "more"), str(sets / "other")]
    assert cli.main(words) == 0
    text = (sets / "results/real/set-gap.json").read_text()
    record = json.loads(text)
    by_folder = record["by_folder"]["meso4"]
    assert {name: part["images"] for name, part in by_folder.items()} == {
        "set": 16, "more": 24, "other": 24
    }  # fmt: skip
    assert len(by_folder["more"]["roc_auc"]["each"]) == 2 and ".jpg" not in text
    near = record["mates"]["by_nearest_training_number"]["meso4"]
    assert 36 <= sum(part["images"] for part in near.values()) <= 40
    between = record["shift"]["roc_auc_between_folders"]
    assert between["set and other"]["real"]["together"]["low"] > 0.8  # softer
    assert between["set and more"]["real"]["together"]["low"] < 0.6


def test_what_would_give_a_wrong_answer_is_refused(small_set, small_run, sets, capsys):
    run, more, other = str(small_run("meso4", 0)), str(sets / "more"), str(sets / "other")
    for words, said in (
        ([run, more, "--outside", str(small_set), other], "was not trained on"),
        ([run, str(small_set), "--outside", other, more], "images have the number"),
        ([run, str(small_set), "--outside", str(small_set), more], "is not outside"),
    ):
        assert cli.main(["gap", *words]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1
