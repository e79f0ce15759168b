"""The packed cache: right pixels, right labels, never stale."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.data import cache, dataset, synthfaces, tiers
from mesocore.data.assembled_set import SPLITS, AssembledSet
from mesocore.data.assembly.assemble import assemble
from tests.factories import assembled_set


@pytest.fixture
def faces(tmp_path):
    return assembled_set(tmp_path, per_class=15)


def test_images_and_labels_follow_the_manifest(faces):
    data = dataset.load(faces, "train")
    assert data.images.dtype == torch.uint8 and data.images.shape[1:] == (3, 64, 64)
    assert len(data) == len(data.table) == len(data.images)
    assert (data.labels.numpy() == (data.table["label"] == "fake")).all()
    for row in (0, len(data) - 1):
        pixels = np.asarray(Image.open(faces / data.table["path"][row]).convert("RGB"))
        assert np.array_equal(data.images[row].permute(1, 2, 0).numpy(), pixels)


def test_splits_are_disjoint_and_together_are_all(faces):
    paths = [set(dataset.load(faces, split).table["path"]) for split in SPLITS]
    assert sum(map(len, paths)) == len(set.union(*paths)) == len(dataset.load(faces, "all"))


def test_another_size_is_a_resize(faces):
    assert dataset.load(faces, "val", size=96).images.shape[1:] == (3, 96, 96)


def test_a_changed_manifest_never_meets_an_old_cache(faces):
    before = dataset.load(faces, "val")
    old = {p.name for p in (faces / ".cache").glob("*.npy")}
    manifest = (faces / "manifest.csv").read_text().splitlines(keepends=True)
    first = next(line for line in manifest if ",val," in line)
    (faces / "manifest.csv").write_text("".join(line for line in manifest if line != first))
    after = dataset.load(faces, "val")
    assert torch.equal(after.images, before.images[1:])
    assert old and old.isdisjoint(p.name for p in (faces / ".cache").iterdir())


def test_processes_pack_the_same_cache(faces, tmp_path, monkeypatch):
    table = AssembledSet(faces).rows()
    files = {
        faces / path: digest for path, digest in zip(table["path"], table["sha256"], strict=True)
    }
    monkeypatch.setattr(cache, "_BLOCK", 4)
    for workers in (1, 2):
        monkeypatch.setattr(cache, "workers_for", lambda _, workers=workers: workers)
        cache.pack(files, tmp_path / f"cache{workers}/all.npy", Preparation(64, quality=None), 64)
    pixels = np.load(tmp_path / "cache1/all.npy")
    assert (tmp_path / "cache2/all.npy").read_bytes() == (tmp_path / "cache1/all.npy").read_bytes()
    assert np.array_equal(pixels, dataset.load(faces, "all").images)


def test_a_full_disk_is_noticed_before_packing(faces, monkeypatch):
    monkeypatch.setattr(cache, "free_bytes", lambda _: 1000)
    with pytest.raises(UserError, match="packed cache .* make room"):
        dataset.load(faces, "train")
    assert {p.name for p in (faces / ".cache").iterdir()} <= {"lock", "inputs.json"}


def test_of_two_that_want_a_cache_one_packs_it_and_the_other_waits(faces, monkeypatch):
    both, packers = threading.Barrier(2), []

    def write(*arguments, original=cache._write):
        packers.append(threading.current_thread())
        time.sleep(0.2)  # longer than the other takes to get here, were there no lock
        original(*arguments)

    def load(_):
        both.wait()
        return dataset.load(faces, "val").images

    monkeypatch.setattr(cache, "_write", write)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(load, range(2))
    assert len(packers) == 1 and torch.equal(one, other)


def test_a_split_stays_on_the_cpu_or_moves_where_there_is_room(faces, monkeypatch):
    data = dataset.load(faces, "val")
    assert dataset.on_device(data, "cpu") is data
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (data.images.nbytes, 0))
    assert dataset.on_device(data, "cuda") is data  # half of it would have to be enough


def test_the_full_tier_says_how_it_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(tiers, "project_root", lambda: tmp_path)
    with pytest.raises(UserError, match="mesocore assemble 150k.yaml"):
        tiers.resolve("150k")
    assembled_set(tmp_path / "data", per_class=5)
    (tmp_path / "data/set").rename(tmp_path / "data/150k")
    assert tiers.resolve("150k").folder == tmp_path / "data/150k"


def test_a_cache_that_was_cut_short_is_not_used(faces):
    (faces / ".cache" / "train-64-half.part").write_bytes(b"torn")
    assert len(dataset.load(faces, "train")) > 0
    assert not list((faces / ".cache").glob("*.part"))


def test_writing_into_a_batch_leaves_the_cache_alone(faces):
    first = dataset.load(faces, "val")
    before = first.images.clone()
    first.images.zero_()
    assert torch.equal(dataset.load(faces, "val").images, before)


def test_an_embedded_set_of_another_version_is_set_aside_not_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tiers, "project_root", lambda: tmp_path)
    first = tiers.resolve("synthfaces", count=8)
    manifest, version = first.manifest_sha256, synthfaces.version()
    stamp = (first.folder / "manifest.csv").stat().st_mtime_ns
    assert tiers.resolve("synthfaces", count=8).folder == first.folder
    assert (first.folder / "manifest.csv").stat().st_mtime_ns == stamp
    monkeypatch.setattr(synthfaces, "version", lambda: "3")
    again = tiers.resolve("synthfaces", count=8)
    assert again.folder == first.folder and again.manifest_sha256 == manifest
    assert (again.folder / "manifest.csv").stat().st_mtime_ns > stamp
    aside = first.folder.with_name(f"synthfaces-8-by-{version}")
    assert aside.name in capsys.readouterr().err
    assert AssembledSet(aside).manifest_sha256 == manifest
    raw = {p.name for p in (tmp_path / "data/synthfaces-8-raw").iterdir()}
    assert raw == {version, "3"}
    stamp = (aside / "manifest.csv").stat().st_mtime_ns
    monkeypatch.setattr(synthfaces, "version", lambda: version)
    back = tiers.resolve("synthfaces", count=8)  # it is taken out again, not made again
    assert (back.folder / "manifest.csv").stat().st_mtime_ns == stamp and not aside.exists()


def test_masks_are_found_beside_the_source(tmp_path):
    synthfaces.build_raw(tmp_path / "raw", 8, 64, progress=False)
    out = assemble([tmp_path / "raw"], tmp_path / "set", size=96, progress=False).out
    rows = AssembledSet(out).rows().set_index("origin", drop=False)
    assert AssembledSet(out).mask(rows.loc["raw/real/000000.jpg"]) is None
    mask = AssembledSet(out).mask(rows.loc["raw/fake/e000000.jpg"])
    assert mask.shape == (96, 96) and mask.dtype == bool and 0 < mask.mean() < 0.9


def test_mistakes_are_named(faces, tmp_path):
    with pytest.raises(UserError, match="'testing'.*train, val, test, all"):
        dataset.load(faces, "testing")
    with pytest.raises(UserError, match="is no assembled set"):
        tiers.resolve(tmp_path)
