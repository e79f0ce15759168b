"""Damaged files of a set are named in one line or made anew, and stale is not complete."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.data import audit, cache, dataset
from mesocore.data.assembled_set import AssembledSet
from mesocore.data.assembly import assemble as assembling
from mesocore.evaluation import evaluate
from mesocore.nets.detector import load_detector
from tests.conftest import fill, picture


@pytest.fixture
def made(source, tmp_path) -> Path:
    build(source, tmp_path / "set")
    return tmp_path / "set"


def build(source: Path, out: Path, **options):
    return assembling.assemble([source], out, size=64, progress=False, **options)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


TEXTS = {"empty": "", "junk": "\x01{]", "a list": "[]\n", "a number": "3\n", "cut": None}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", ["assembly.json", "manifest.csv", "rejected.csv", "originals.csv"])
def test_a_damaged_file_of_a_set_is_named(name, kind, made, source):
    text = TEXTS[kind]
    whole = (made / name).read_text(encoding="utf-8")
    (made / name).write_text(whole[: len(whole) // 3] if text is None else text, encoding="utf-8")
    with pytest.raises(UserError, match=f"^[^\n]*{name}[^\n]*(assemble it anew)$"):
        assert AssembledSet(made).about
        AssembledSet(made).rows()
        AssembledSet(made).rejected()
        AssembledSet(made).originals()


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("assembly.json", '"seed": 0', '"seed": NaN', "no finite number"),
        ("assembly.json", '"size": 64', '"size": 1e9', "preparation.size is"),
        ("assembly.json", '"fit": "crop"', '"fit": "tear"', "preparation is .*'tear'"),
        ("assembly.json", '"groups": 24', '"groups": "all"', "counts.groups is 'all'"),
        ("manifest.csv", "images/fake", "../../fake", "row 1: path is"),
        ("manifest.csv", "images/fake", "/images/fake", "row 1: path is"),
        ("manifest.csv", ",fake,", ",forged,", "label is 'forged'"),
        ("manifest.csv", ",train,", ",training,", "split is 'training'"),
        ("manifest.csv", ",96,96,", f",{'9' * 30},96,", "width is"),
        ("originals.csv", "False", "no", "is 'no'; write True or False"),
        ("originals.csv", ",mask", ",masks", "column mask is missing"),
    ],
)
def test_a_field_that_does_not_fit_is_named(name, old, new, said, made):
    edit(made / name, old, new)
    with pytest.raises(UserError, match=f"{name}.*{said}.*assemble it anew"):
        assert AssembledSet(made).about
        AssembledSet(made).rows()
        AssembledSet(made).originals()


def test_a_broken_assembled_image_is_named(made):
    path = made / AssembledSet(made).rows("val")["path"][0]
    for data in (b"", b"no image", path.read_bytes()[:200]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=f"^{path}, an image of an assembled set: [^\n]*anew$"):
            dataset.load(made, "val")
    picture(5, 64).save(path)
    with pytest.raises(UserError, match=f"^{path}, .*: not the image of the manifest; [^\n]*anew$"):
        dataset.load(made, "val")
    path.unlink()
    with pytest.raises(UserError, match=f"^{path}, an image of an assembled set: .*not found"):
        dataset.load(made, "val")


def test_a_set_without_its_last_file_is_no_raw_folder(made, small_run):
    (made / "assembly.json").unlink()
    for judge in (audit, lambda folder: evaluate(load_detector(small_run("meso4")), folder)):
        with pytest.raises(UserError, match=f"^{made} holds an assembled set without its assembly"):
            judge(made)


def test_an_image_stands_once_in_a_manifest(made):
    lines = (made / "manifest.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (made / "manifest.csv").write_text("".join([*lines, lines[1]]), encoding="utf-8")
    path = lines[1].split(",")[0]
    with pytest.raises(UserError, match=f"manifest.csv, row {len(lines)}: {path} stands twice; "):
        dataset.load(made, "all")


def test_an_audit_names_the_table_that_lacks_an_image(made, source):
    lines = (made / "originals.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (made / "originals.csv").write_text("".join(lines[:1] + lines[2:]), encoding="utf-8")
    shutil.rmtree(source)
    with pytest.raises(UserError, match=r"originals.csv has no row of faces/"):
        audit(made)
    with pytest.raises(UserError, match=r"originals.csv has no row of faces/"):
        AssembledSet(made).original_ids("train", "val", "test")


def damaged_caches(data: bytes) -> dict[str, bytes]:
    swapped = bytearray(data)
    swapped[-100:] = bytes(100)
    return {"empty": b"", "cut": data[:-1], "longer": data + b"x", "junk": b"junk" * 50,
            "zeros": bytes(len(data)), "pixels": bytes(swapped),
            "shape": data.replace(b"(2, 3, 64, 64)", b"(3, 2, 64, 64)")}  # fmt: skip


@pytest.mark.parametrize("kind", damaged_caches(b""))
def test_a_bad_cache_is_packed_anew(kind, made):
    before = dataset.load(made, "val").images.clone()  # or it would change
    (file,) = (made / ".cache").glob("val-*.npy")
    file.write_bytes(damaged_caches(file.read_bytes())[kind])
    os.utime(file, ns=(1, 1))
    assert torch.equal(dataset.load(made, "val").images, before)


def test_a_copied_cache_is_compared_and_used(made, monkeypatch):
    before = dataset.load(made, "val")
    shutil.copytree(made, made.with_name("copy"))
    (file,) = (made.with_name("copy") / ".cache").glob("val-*.npy")
    os.utime(file, ns=(1, 1))
    monkeypatch.setattr(cache, "pack", None)
    for _ in range(2):
        assert torch.equal(dataset.load(made.with_name("copy"), "val").images, before.images)
    file.with_suffix(".json").write_text("[]", encoding="utf-8")
    shape = len(before), before.images.shape[-1]
    assert cache.mapped(file, *shape) is None


@pytest.fixture
def begun(source, tmp_path) -> Path:
    build(source, tmp_path / "begun", shard=(1, 1))
    return tmp_path / "begun"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [('"seed": 0', '"seed": "0"', "seed is '0'"), ('"seed": 0,', "", "seed is missing"),
     ('"group_by": "video",', "", "group_by is missing"), ('"split"', '"splits"', "split is miss"),
     ("{", "[", "no whole JSON")],
)  # fmt: skip
def test_settings_that_do_not_fit_are_named(old, new, said, begun):
    edit(begun / ".assembly/settings.json", old, new)
    with pytest.raises(UserError, match=f"settings.json: .*{said}"):
        assembling.merge(begun)


def test_a_journal_that_cannot_be_read_costs_its_images_alone(source, begun, tmp_path):
    """A line within a character, of other types, with a path elsewhere: all are made again."""
    (journal,) = (begun / ".assembly").glob("*.jsonl")
    lines = [line for line in journal.read_bytes().split(b"\n") if line]
    records = [json.loads(line) for line in lines]
    records[0]["phash"] = 7
    records[1]["image"] = "../../elsewhere.jpg"
    del records[2]["original"]
    records[3] = [records[3]]
    text = "\n".join(map(json.dumps, records[:4])).encode() + b"\n" + b"\n".join(lines[4:-1])
    journal.write_bytes(text + '\n{"origin": "faces/é'.encode()[:-1])
    build(source, begun)
    build(source, tmp_path / "whole")
    for name in ("manifest.csv", "originals.csv", "rejected.csv"):
        assert (begun / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_an_image_that_a_power_cut_emptied_is_made_again(source, begun):
    image = next(begun.glob("images/*/*.jpg"))
    image.write_bytes(b"")
    with pytest.raises(UserError, match="1 of 24 inputs .* not converted"):
        assembling.merge(begun)
    build(source, begun)
    assert image.stat().st_size > 0 and len(dataset.load(begun, "all")) == 24


def test_a_replaced_source_is_stale(made, source):
    assert build(source, made).already_complete
    picture(777).save(source / "real/00000.jpg")
    with pytest.raises(UserError, match="before faces/real/00000.jpg was changed; choose another"):
        build(source, made)


def test_swapped_labels_are_stale(made, source):
    (source / "real/00000.jpg").rename(source / "fake/00000.jpg")
    (source / "fake/01000.jpg").rename(source / "real/01000.jpg")
    with pytest.raises(UserError, match="without faces/fake/00000.jpg"):
        build(source, made)


def test_labels_of_a_table_that_change_are_stale(tmp_path):
    fill(tmp_path / "flat", 8)
    names = sorted(path.name for path in (tmp_path / "flat").iterdir())
    labels = ["real", "fake"] * 4
    for swap in (False, True):
        rows = [f"{name},{label}\n" for name, label in zip(names, labels, strict=True)]
        text = "path,label\n" + "".join(rows)
        (tmp_path / "flat/labels.csv").write_text(text, encoding="utf-8")
        labels[:2] = labels[1::-1]
        if swap:
            with pytest.raises(UserError, match="with flat/00000.jpg as real, and it is fake now"):
                build(tmp_path / "flat", tmp_path / "set")
        else:
            build(tmp_path / "flat", tmp_path / "set", shard=(1, 1))
            build(tmp_path / "flat", tmp_path / "set")


def test_labels_that_change_before_the_end_count(tmp_path):
    fill(tmp_path / "flat", 8)
    table = tmp_path / "flat/labels.csv"
    names = sorted(path.name for path in (tmp_path / "flat").glob("*.jpg"))
    for labels in (["real", "fake"] * 4, ["fake", "real"] * 4):
        rows = [f"{name},{label}\n" for name, label in zip(names, labels, strict=True)]
        table.write_text("path,label\n" + "".join(rows), encoding="utf-8")
        build(tmp_path / "flat", tmp_path / "set", shard=(1, 1))
    rows = assembling.merge(tmp_path / "set").manifest
    assert all(path.startswith(f"images/{label}/")
               for path, label in zip(rows["path"], rows["label"], strict=True))  # fmt: skip
    assert rows.set_index("origin").loc["flat/00000.jpg", "label"] == "fake"


def test_groups_that_change_are_stale(made, source):
    (source / "groups.csv").write_text("path,group\nreal/00000.jpg,a\nreal/00001.jpg,a\n",
                                       encoding="utf-8")  # fmt: skip
    with pytest.raises(UserError, match="with other groups.* choose another --out"):
        build(source, made)


@pytest.mark.parametrize("forget", [False, True])
def test_a_source_that_was_copied_is_the_same_by_its_content(forget, made, source):
    for path in source.rglob("*.jpg"):
        os.utime(path, ns=(5, 5))
    if forget:
        (made / ".cache/inputs.json").unlink()
    assert build(source, made).already_complete
    known = json.loads((made / ".cache/inputs.json").read_text(encoding="utf-8"))
    assert set(known["stamps"].values()) == {f"{p.stat().st_size}:5" for p in source.rglob("*.jpg")}


def test_a_rejected_source_that_was_replaced_is_stale(source, tmp_path):
    (source / "real/bad.jpg").write_bytes(b"no image")
    build(source, tmp_path / "set")
    picture(888).save(source / "real/bad.jpg")
    with pytest.raises(UserError, match="before faces/real/bad.jpg was changed"):
        build(source, tmp_path / "set")
