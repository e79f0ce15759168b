"""A set of one kind of fakes is a set like any other, and counts still add up."""

import pandas as pd
import pytest
import torch

from experiments import subset
from mesocore.core.errors import UserError
from mesocore.data import dataset
from mesocore.data.assembled_set import AssembledSet, kinds
from mesocore.data.assembly import assemble
from mesocore.training import trainer
from mesocore.training.config import TrainConfig
from tests.factories import write_images


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subset")
    raw = write_images(folder / "raw", 40)
    edits = ["generated" if n % 2 else "splice+heal" for n in range(40)]
    groups = pd.DataFrame({"path": [f"fake/{n:03d}.png" for n in range(40)],
                           "group": [f"g{n}" for n in range(40)], "edit": edits})  # fmt: skip
    groups.to_csv(raw / "groups.csv", index=False)
    assemble.assemble([raw], folder / "set", size=64, split=(0.6, 0.2, 0.2), progress=False)
    return folder / "set"


def test_reals_stay_and_one_kind_of_fake(whole, tmp_path):
    out = subset.of_kinds(whole, tmp_path / "edited", ["edited"])
    before, after = (AssembledSet(folder).rows() for folder in (whole, out))
    assert kinds(after).value_counts().to_dict() == {"real": 40, "edited": 20}
    assert after.merge(before, how="inner").shape == after.shape  # splits, groups, hashes
    counts = out.about["counts"]
    assert (counts["inputs"], counts["accepted"], counts["rejected"]) == (80, 60, 20)
    assert counts["reasons"] == {"kind left out": 20}
    assert sum(sum(split.values()) for split in counts["splits"].values()) == 60


def test_it_is_loaded_and_trained_on_like_any_set(whole, tmp_path):
    out = subset.of_kinds(whole, tmp_path / "generated", ["generated"])
    faces, all_of_them = (dataset.load(folder, "train", 64) for folder in (out, whole))
    rows = all_of_them.table["path"].isin(faces.table["path"]).tolist()
    assert torch.equal(faces.images, all_of_them.images[torch.tensor(rows)])
    history = trainer.train(TrainConfig("meso4", str(out.folder), 1, 64, 8), tmp_path / "run")
    assert len(history) == 1
    assert out.manifest_sha256 != AssembledSet(whole).manifest_sha256


def test_twice_is_once_and_mistakes_are_named(whole, tmp_path):
    out = subset.of_kinds(whole, tmp_path / "set", ["edited"])
    stamp = (out.folder / "manifest.csv").stat().st_mtime_ns
    assert subset.of_kinds(whole, out, ["edited"]).folder == out.folder
    assert (out.folder / "manifest.csv").stat().st_mtime_ns == stamp
    with pytest.raises(UserError, match="holds another set"):
        subset.of_kinds(whole, out, ["generated"])
    with pytest.raises(UserError, match="no fakes of kind 'fake'; it has: edited, generated"):
        subset.of_kinds(whole, tmp_path / "none", ["fake"])
