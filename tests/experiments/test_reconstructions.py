"""Photographs and their reconstructions: one family, one group, and no decoder without traces."""

import numpy as np
import pytest
import torch

from experiments import by_family, leave_one_out, reconstructions, runner
from experiments.reconstructions import with_reconstructions
from experiments.runner import Job
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.data import AssembledSet, load
from mesocore.data.assembly.assemble import assemble
from tests.factories import write_images


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reconstructions")
    raw = [write_images(folder / name, 12, seed=seed) for seed, name in enumerate(("a", "b"))]
    assemble(raw, folder / "set", size=64, split=(0.5, 0.25, 0.25), progress=False)
    data = AssembledSet(folder / "set")
    return data, with_reconstructions(data, folder / "more", 64, steps=3)


def test_each_training_photograph_has_one_of_its_group(sets):
    data, more = sets
    fakes = more.rows()[more.rows()["source"].str.endswith("-reconstructions")]
    train = data.rows("train")
    photographs = train[train["label"] == "real"]
    assert set(fakes["label"]) == {"fake"} and set(fakes["split"]) == {"train"}
    assert fakes["group"].tolist() == photographs["group"].tolist()
    assert len(more.rows("test")) == len(data.rows("test"))
    assert by_family.families(more) == {
        "a": ["a", "a-reconstructions"], "b": ["b", "b-reconstructions"]}  # fmt: skip
    assert set(more.original_ids("train")) == set(data.original_ids("train"))
    assert load(more, "train").images.shape == (len(train) + len(fakes), 3, 64, 64)


def test_what_is_there_is_not_made_again(sets, monkeypatch):
    data, more = sets
    monkeypatch.setattr(reconstructions, "load", None)
    assert with_reconstructions(data, more.folder, 64, steps=3).folder == more.folder
    with pytest.raises(UserError, match="another set"):
        with_reconstructions(data, more.folder, 64, steps=4)


def test_decoders_learn_the_photographs_that_they_are_shown():
    smooth = torch.nn.functional.interpolate(
        torch.rand(8, 3, 4, 4, generator=torch.Generator().manual_seed(0)), 32, mode="bicubic"
    )
    photographs = (255 * smooth).clamp(0, 255).to(torch.uint8)
    errors = {}
    for steps in (1, 40):
        found = list(reconstructions.reconstructed(photographs, steps))
        assert [growing for growing, _ in found[:4]] == [
            "nearest", "transposed", "shuffle", "nearest"]  # fmt: skip
        off = [np.abs(image.numpy().astype(int) - own.numpy()).mean()
               for (_, image), own in zip(found, photographs, strict=True)]  # fmt: skip
        errors[steps] = np.mean(off)
    assert errors[40] < 60 < 100 < errors[1]


def test_a_row_learns_from_them_and_leaves_both_out(sets, monkeypatch, tmp_path):
    data, more = sets
    monkeypatch.setattr(runtime, "project_root", lambda: tmp_path)
    monkeypatch.setattr(runner, "folder_of", lambda name: more.folder)
    monkeypatch.setattr(leave_one_out, "COMMON", leave_one_out.COMMON | {"size": 64})
    monkeypatch.setattr(leave_one_out, "with_reconstructions",
                        lambda *words: with_reconstructions(*words, steps=3))  # fmt: skip
    found = leave_one_out.config("pooled-reconstructions-without-a", Job((data,)), 0)
    assert (found.data, found.leave_out) == (str(more.folder), "a+a-reconstructions")
