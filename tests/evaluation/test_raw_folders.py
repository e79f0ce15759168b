"""Folders as people have them: the split that is asked for, or a refusal; what was trained on."""

from pathlib import Path

import numpy as np
import pytest

from mesocore.core.errors import UserError
from mesocore.data.assembly.assemble import assemble
from mesocore.data.sources import labels
from mesocore.evaluation import records
from mesocore.evaluation.labelled_images import LabelledImages
from mesocore.nets import load_detector
from mesocore.training import trainer
from mesocore.training.config import TrainConfig
from mesocore.training.ensembles import ensemble
from tests.conftest import fill, picture
from tests.factories import write_images


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`raw`, `set` and the run `run` that was trained on it for an epoch."""
    root = tmp_path_factory.mktemp("trained")
    write_images(root / "raw", 30)
    assemble([root / "raw"], root / "set", size=64, split=(0.6, 0.2, 0.2), progress=False)
    trainer.train(TrainConfig("meso4", str(root / "set"), epochs=1, size=64), root / "run")
    return root


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A collection with the splits train and test."""
    for split, first in (("train", 0), ("test", 10)):
        fill(tmp_path / f"x/{split}/real", 8 if split == "train" else 3, first=first)
        fill(tmp_path / f"x/{split}/fake", 8 if split == "train" else 3, first=first + 100)
    return tmp_path / "x"


@pytest.mark.parametrize(("asked", "split", "images"), [
    (None, "test", 6), ("test", "test", 6), ("train", "train", 16), ("all", "all", 22),
])  # fmt: skip
def test_the_split_of_a_collection_is_measured(trained, given, asked, split, images):
    record = records.evaluate(load_detector(trained / "run"), given, asked)
    assert record["data"]["split"] == split
    assert record["metrics"]["all"]["images"] == images
    assert record["seen_in_training"] == 0 and "warning" not in record
    assert (f"only {images} groups of images" in records.summary(record)) == (images < 20)


def test_files_of_the_split_that_have_no_label_are_counted(trained, given):
    fill(given / "test/elsewhere", 2, first=50)
    fill(given / "train/elsewhere", 3, first=60)
    record = records.evaluate(load_detector(trained / "run"), given)
    assert record["data"]["rejected"] == 2 and record["metrics"]["all"]["images"] == 6


def test_a_split_that_is_not_there_is_refused(trained, given):
    detector = load_detector(trained / "run")
    with pytest.raises(UserError, match=r"no val folder \(it has train, test\).*--split all"):
        records.evaluate(detector, given, "val")
    with pytest.raises(UserError, match=r"no test folder \(it is not split\)"):
        records.evaluate(detector, trained / "raw", "test")
    with pytest.raises(UserError, match="no split is called 'dev'"):
        records.evaluate(detector, given, "dev")


def test_images_that_a_run_was_trained_on_are_noticed_wherever_they_lie(trained, tmp_path):
    detector = load_detector(trained / "run")
    raw = records.evaluate(detector, trained / "raw")
    assert raw["data"]["split"] == "all" and raw["seen_in_training"] == 48  # train and val
    assert "trained or tuned on 48 of the 60 images" in raw["warning"]
    assert records.evaluate(detector, trained / "set", "test")["seen_in_training"] == 0
    assemble([trained / "raw"], tmp_path / "other", size=64, seed=7, progress=False)
    other = records.evaluate(detector, tmp_path / "other", "test")
    assert 0 < other["seen_in_training"] < other["metrics"]["all"]["images"]
    assert "trained or tuned on" in other["warning"]


def test_an_ensemble_and_a_run_that_goes_on_remember_too(trained, tmp_path):
    config = TrainConfig("meso4", str(trained / "set"), epochs=1, size=64, seed=1)
    trainer.train(config, tmp_path / "second")
    both = ensemble([load_detector(trained / "run"), load_detector(tmp_path / "second")],
                    trained / "set")  # fmt: skip
    assert len(both.trained_on) == 48
    write_images(tmp_path / "raw", 30, seed=5)
    assemble([tmp_path / "raw"], tmp_path / "set", size=64, progress=False)
    later = TrainConfig("meso4", str(tmp_path / "set"), epochs=1, size=64,
                        init=str(trained / "run"))  # fmt: skip
    trainer.train(later, tmp_path / "later")
    seen = load_detector(tmp_path / "later").trained_on
    assert np.isin(both.trained_on, seen).all() and len(seen) == 48 + 48
    (tmp_path / "second/trained_on.npy").unlink()
    unknown = records.evaluate(load_detector(tmp_path / "second"), tmp_path / "set", "test")
    assert unknown["seen_in_training"] is None and "is not known" in records.summary(unknown)


def test_names_can_be_given_their_labels(trained, tmp_path):
    fill(tmp_path / "x/0", 4)
    fill(tmp_path / "x/1", 4, first=100)
    detector = load_detector(trained / "run")
    with pytest.raises(UserError, match="--label"):
        records.evaluate(detector, tmp_path / "x")
    given = labels.parse_given(["0=real", "1=fake"])
    assert records.evaluate(detector, tmp_path / "x", labels=given)["metrics"]["all"]["fakes"] == 4


def test_where_the_label_is_a_coin_an_honest_figure_is_one_half(tmp_path):
    """Nothing is forged: labels are tossed by video, and each video has its own background."""
    for video in range(12):
        scene = picture(video, 140)
        for frame in range(16):
            x, y = np.random.default_rng([video, frame]).integers(0, 76, 2)
            place = tmp_path / "x" / ("fake" if video % 2 else "real") / f"{video:03d}"
            place.mkdir(parents=True, exist_ok=True)
            scene.crop((x, y, x + 64, y + 64)).save(place / f"{frame:05d}.png")
    found = {}
    for group_by in ("video", "image"):
        out = tmp_path / group_by
        assemble([tmp_path / "x"], out, size=64, progress=False, group_by=group_by,
                 split=(0.5, 0.2, 0.3))  # fmt: skip
        config = TrainConfig("meso4", str(out), epochs=20, size=64, batch_size=16)
        trainer.train(config, tmp_path / f"run-{group_by}")
        record = records.evaluate(load_detector(tmp_path / f"run-{group_by}"), out)
        found[group_by] = record["metrics"]["all"]["roc_auc"]
    assert found["video"]["low"] < 0.5 < found["video"]["high"]
    assert found["image"]["low"] > 0.5  # what frames on both sides of a split make of it


def test_labels_of_an_assembled_set_are_settled(small_set):
    with pytest.raises(UserError, match="an assembled set, whose labels are settled; leave out"):
        LabelledImages(small_set, labels={"x": "fake"})
