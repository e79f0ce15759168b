"""Assembly: manifest, duplicates, groups, splits, determinism, and kill -9 at any moment."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mesocore.core.errors import UserError
from mesocore.core.files import sha256_file
from mesocore.core.images import Preparation, encode_jpeg, open_rgb, prepare
from mesocore.data.assembled_set import MANIFEST, AssembledSet
from mesocore.data.assembly import assemble as assembling
from mesocore.data.assembly import convert, duplicates, fingerprints, splits
from mesocore.data.assembly.assemble import assemble, load
from mesocore.data.assembly.fingerprints import THUMBNAIL
from mesocore.evaluation import scored
from mesocore.faces import find_faces, render
from mesocore.nets import Detector, models
from tests import victims
from tests.conftest import fill, picture


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, with its content."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def build(source: Path, out: Path, **options):
    return assemble([source], out, **{"size": 64, "progress": False, "workers": 1, **options})


def test_every_input_is_accounted_for(source, tmp_path):
    (source / "elsewhere.jpg").write_bytes((source / "real/00000.jpg").read_bytes())
    (source / "notes.csv").write_text("a,b\n")
    (source / "README.txt").write_text("about")
    (source / "real/notes.txt").write_text("not an image")
    result = build(source, tmp_path / "out")
    counts = result.counts
    assert (counts["inputs"], counts["accepted"], counts["rejected"]) == (27, 24, 3)
    assert "inputs 27 = accepted 24 + rejected 3" in result.to_text()
    reasons = dict(zip(result.rejected["origin"], result.rejected["reason"], strict=True))
    assert reasons == {
        "faces/elsewhere.jpg": "no real or fake folder above it",
        "faces/notes.csv": "no real or fake folder above it",
        "faces/real/notes.txt": "not an image",
    }


def test_manifest_tells_the_truth(source, tmp_path):
    out = tmp_path / "out"
    table = build(source, out).manifest
    assert list(table.columns) == MANIFEST
    on_disk = {p.relative_to(out).as_posix() for p in out.glob("images/*/*")}
    assert set(table["path"]) == on_disk
    for row in table.itertuples():
        assert row.path.startswith(f"images/{row.label}/") and f"/{row.label}/" in row.origin
        assert sha256_file(out / row.path) == row.sha256
        ready = prepare(open_rgb(source.parent / row.origin), Preparation(64))
        assert row.phash == fingerprints.measure(ready)[0]
        assert encode_jpeg(ready, 90) == (out / row.path).read_bytes()
        assert Image.open(out / row.path).size == (64, 64)
        assert (row.width, row.height, row.source) == (96, 96, "faces")
        assert (source.parent / row.origin).exists()
    description = json.loads((out / "assembly.json").read_text())
    assert description["manifest_sha256"] == sha256_file(out / "manifest.csv")
    assert sorted(os.listdir(out)) == [
        ".cache", "assembly.json", "images", "manifest.csv", "originals.csv", "rejected.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "label"),
    [("REAL", "real"), ("Fake", "fake"), ("training_real", "real"), ("df", "fake"),
     ("real_vs_fake/real-vs-fake/train/real", "real")],
)  # fmt: skip
def test_nearest_labelled_folder_wins(source, tmp_path, folder, label):
    fill(source / "deep" / folder, 1, first=77)
    table = build(source, tmp_path / "out").manifest
    assert table.loc[table["origin"].str.contains("deep"), "label"].tolist() == [label]


def test_exact_duplicates_are_dropped_and_contradictions_rejected(source, tmp_path):
    shutil.copy(source / "real/00003.jpg", source / "real/copy.jpg")
    Image.open(source / "real/00004.jpg").save(source / "real/lossless.png")
    shutil.copy(source / "real/00005.jpg", source / "fake/stolen.jpg")
    result = build(source, tmp_path / "out")
    reasons = dict(zip(result.rejected["origin"], result.rejected["reason"], strict=True))
    assert reasons == {
        "faces/real/copy.jpg": "duplicate: same file as faces/real/00003.jpg",
        "faces/real/lossless.png": "duplicate: same image as faces/real/00004.jpg",
        "faces/fake/stolen.jpg": "both labels: same image as faces/real/00005.jpg",
        "faces/real/00005.jpg": "both labels: same image as faces/fake/stolen.jpg",
    }
    assert len(list((tmp_path / "out/images").glob("*/*"))) == result.counts["accepted"] == 23


def test_near_duplicates_share_a_group_across_labels(source, tmp_path):
    base = Image.open(source / "real/00001.jpg")
    base.save(source / "real/again.jpg", quality=40)
    base.resize((80, 80)).save(source / "real/small.png")
    edited = base.copy()
    edited.paste("red", (60, 60, 80, 80))
    edited.save(source / "fake/edited.jpg")
    groups = build(source, tmp_path / "out").manifest.set_index("origin")["group"]
    names = ["real/00001.jpg", "real/again.jpg", "real/small.png", "fake/edited.jpg"]
    assert len({groups[f"faces/{name}"] for name in names}) == 1
    assert groups.nunique() == len(groups) - 3


def test_masks_beside_the_label_folders_are_no_images(source, tmp_path):
    fill(source / "masks/fake", 2)
    fill(source / "fake/masks", 3, first=2000)
    counts = assemble([source], tmp_path / "out", size=64, progress=False).counts
    assert counts["inputs"] == counts["accepted"] == 24


def test_groups_come_from_the_sidecar_and_their_names_are_stable(source, tmp_path):
    rows = "path,base_photo_group,edit\nreal/00000.jpg,7,\nfake/01001.jpg,7,splice\n"
    (source / "groups.csv").write_text(rows)
    first = build(source, tmp_path / "a").manifest.set_index("origin")
    assert first.at["faces/real/00000.jpg", "group"] == first.at["faces/fake/01001.jpg", "group"]
    assert first.at["faces/fake/01001.jpg", "edit"] == "splice"
    assert "groups.csv" not in (tmp_path / "a/rejected.csv").read_text()
    fill(source / "real", 5, first=500)
    second = build(source, tmp_path / "b").manifest.set_index("origin")
    assert (second.loc[first.index, "group"] == first["group"]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [("file,group\na,1\n", "lacks the columns"), ("path,group\nx.jpg,1\n", "names no file"),
     ("", "no readable CSV")],
)  # fmt: skip
def test_a_bad_sidecar_is_named(source, tmp_path, content, message):
    (source / "groups.csv").write_text(content)
    with pytest.raises(UserError, match=f"groups.csv .*{message}"):
        build(source, tmp_path / "out")


def test_splits_are_exact_and_stratified(tmp_path):
    generator = np.random.default_rng(0)
    label = generator.choice(["real", "fake"], 4000)
    source = np.where(generator.random(4000) < 0.2, "small", "large")
    table = pd.DataFrame({"stratum": pd.Series(label) + "/" + source})
    table["group"] = [f"g{k}" for k in range(4000)]
    table["split"] = splits.assign(table["group"], table["stratum"], (0.7, 0.1, 0.2), seed=0)
    for _, rows in table.groupby("stratum"):
        counts = rows["split"].value_counts()
        for name, share in zip(splits.SPLITS, (0.7, 0.1, 0.2), strict=True):
            assert abs(counts[name] - share * len(rows)) < 1
    shuffled = table.sample(frac=1, random_state=1)
    again = splits.assign(shuffled["group"], shuffled["stratum"], (0.7, 0.1, 0.2), seed=0)
    assert (again.sort_index() == table["split"]).all()
    other = splits.assign(table["group"], table["stratum"], (0.7, 0.1, 0.2), seed=1)
    assert (other != table["split"]).mean() > 0.2


def test_groups_stay_whole_and_shares_hold_with_large_groups():
    generator = np.random.default_rng(0)
    group = pd.Series(generator.zipf(1.7, 3000).clip(max=400)).astype(str)
    stratum = pd.Series(generator.choice(["real/a", "fake/a"], 3000))
    split = splits.assign(group, stratum, (0.7, 0.1, 0.2), seed=0)
    assert (split.groupby(group).nunique() == 1).all()
    assert abs((split == "train").mean() - 0.7) < 0.02 and (split == "val").mean() > 0.05


def test_pairs_do_not_crowd_a_kind_into_one_split():
    """Originals with their edits, and as many photographs and generated faces by themselves."""
    group = pd.Series([f"p{k}" for k in range(300)] * 2 + [f"s{k}" for k in range(600)])
    kind = ["real"] * 300 + ["edited"] * 300 + ["real", "generated"] * 300
    split = splits.assign(group, pd.Series(kind), (0.7, 0.1, 0.2), seed=0)
    counts = pd.crosstab(pd.Series(kind), split)
    assert counts.loc["edited"].to_dict() == {"train": 210, "val": 30, "test": 60}
    assert counts.loc["real"].to_dict() == {"train": 420, "val": 60, "test": 120}
    assert counts.loc["generated"].to_dict() == {"train": 210, "val": 30, "test": 60}


def test_near_duplicate_search_finds_what_a_full_comparison_finds():
    generator = np.random.default_rng(0)
    hashes = generator.integers(0, 2**64, 1500, dtype=np.uint64)
    for index in range(0, 600, 2):
        bits = generator.choice(64, generator.integers(0, 14), replace=False)
        hashes[index + 1] = hashes[index] ^ np.uint64(sum(1 << int(bit) for bit in bits))
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None])
    wanted = np.argwhere(np.triu(distance <= duplicates.MAX_DISTANCE, 1))
    assert len(wanted) > 200
    assert np.array_equal(duplicates.candidate_pairs(hashes), wanted)


def test_hashes_are_those_of_imagehash(real_faces):
    for path in sorted((real_faces / "openforensics/real").iterdir())[:20]:
        for side in (64, 96, 256, 600):
            image = prepare(open_rgb(path), Preparation(side))
            small = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS, reducing_gap=2)
            assert fingerprints.measure(image)[0] == str(imagehash.phash(small))
            assert imagehash.phash(small) - imagehash.phash(image) <= 4
    flat = Image.new("RGB", (64, 64), "grey")
    assert fingerprints.measure(flat)[0] == str(imagehash.phash(flat))


def test_a_file_measures_as_the_pixels_that_it_was_made_of(real_faces, tmp_path):
    bits, pairs = [], []
    for path in sorted((real_faces / "openforensics/real").iterdir())[:40]:
        image = prepare(open_rgb(path), Preparation(256))
        (tmp_path / "x.jpg").write_bytes(encode_jpeg(image, 90))
        own, of_file = fingerprints.measure(image), fingerprints.of_file(tmp_path / "x.jpg")
        bits.append((int(own[0], 16) ^ int(of_file[0], 16)).bit_count())
        pairs.append([own[1], of_file[1]])
    assert max(bits) <= 4 and np.mean(bits) < 1
    thumbs = np.frombuffer(b"".join(sum(pairs, [])), np.uint8).reshape(-1, 2, *THUMBNAIL)
    own, of_file = (thumbs[:, k] / duplicates.contrasts(thumbs[:, k]) for k in (0, 1))
    assert duplicates.differences(own, of_file).max() < 0.05
    assert duplicates.differences(own[:-1], of_file[1:]).min() > duplicates.MAX_DIFFERENCE


def test_green_alone_tells_apart_what_all_three_channels_do(tmp_path):
    """Near and far pairs, among them such that agree in green and in nothing else."""
    rng = np.random.default_rng(0)
    thumbs = rng.integers(0, 256, (200, *THUMBNAIL), dtype=np.uint8)
    noise = rng.integers(-40, 41, (100, *THUMBNAIL)) * rng.uniform(0, 1, (100, 1, 1, 1))
    thumbs[100:] = (thumbs[:100] + noise).clip(0, 255)
    thumbs[180:, ..., 0] = thumbs[180:, ..., 2]
    thumbs.tofile(tmp_path / "thumbnails")
    pairs = duplicates.near_duplicates(["0" * 16] * 200, tmp_path / "thumbnails", np.arange(200))
    scaled = thumbs / duplicates.contrasts(thumbs)
    first, second = np.triu_indices(200, 1)
    near = duplicates.differences(scaled[first], scaled[second]) <= duplicates.MAX_DIFFERENCE
    assert 20 < near.sum() < 80
    assert np.array_equal(pairs, np.stack([first, second], 1)[near])


def test_workers_and_batches_do_not_change_near_duplicates(tmp_path):
    fill(tmp_path / "pictures", 12)
    for path in sorted((tmp_path / "pictures").iterdir())[:6]:
        Image.open(path).save(tmp_path / f"pictures/again-{path.name}", quality=50)
    files = sorted((tmp_path / "pictures").iterdir())
    hashes = ["0" * 16] * len(files)  # everything is a candidate
    thumbnails, places = tmp_path / "thumbnails", np.arange(len(files))[::-1]
    thumbnails.write_bytes(b"".join(fingerprints.of_file(file)[1] for file in files[::-1]))
    pairs = duplicates.near_duplicates(hashes, thumbnails, places)
    named = {(files[i].name, files[j].name) for i, j in pairs}
    assert named == {(f"{seed:05d}.jpg", f"again-{seed:05d}.jpg") for seed in range(6)}
    again = duplicates.near_duplicates(hashes, thumbnails, places, workers=2)
    assert np.array_equal(again, pairs)


def test_different_pictures_are_not_joined(real_faces, tmp_path):
    result = build(real_faces / "openforensics", tmp_path / "out")
    assert result.counts["accepted"] >= 119
    assert result.manifest.groupby("group").size().max() <= 3
    assert result.counts["groups"] >= 0.95 * result.counts["accepted"]


def test_result_depends_on_neither_workers_nor_order_of_sources(source, tmp_path):
    fill(tmp_path / "more/real", 3, first=300)
    fill(tmp_path / "more/fake", 3, first=400)
    both = [source, tmp_path / "more"]
    assemble(both, tmp_path / "a", size=64, workers=1, progress=False)
    assemble(both[::-1], tmp_path / "b", size=64, workers=2, progress=False)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert set(load(tmp_path / "a").manifest["source"]) == {"faces", "more"}


def test_shards_merge_into_the_set_of_one_run(source, tmp_path):
    shutil.copy(source / "real/00003.jpg", source / "fake/00003.jpg")
    Image.open(source / "real/00001.jpg").save(source / "real/again.jpg", quality=40)
    build(source, tmp_path / "whole")
    out = tmp_path / "out"
    for index in (2, 3):
        done = build(source, out, shard=(index, 3))
        assert f"shard {index}/3 is done" in done.to_text() and not (out / "manifest.csv").exists()
    with pytest.raises(UserError, match="9 of 26 inputs .* not converted yet, the first is faces/"):
        assembling.merge(out)
    with pytest.raises(UserError, match="begun with seed 0, not 1"):
        build(source, out, shard=(1, 3), seed=1)
    build(source, out, shard=(1, 3))
    assembling.merge(out)
    assert tree(out) == tree(tmp_path / "whole")
    assert assembling.merge(out).already_complete


def test_one_run_finishes_what_shards_began(source, tmp_path, monkeypatch):
    build(source, tmp_path / "whole")
    build(source, tmp_path / "out", shard=(1, 2))
    redone = []
    genuine = convert.convert_file
    monkeypatch.setattr(
        convert, "convert_file", lambda c, *rest: redone.append(c.origin) or genuine(c, *rest)
    )
    build(source, tmp_path / "out")
    assert len(redone) == 12
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4"])
def test_a_shard_is_a_part_of_a_whole(text):
    assert assembling.parse_shard("2/8") == (2, 8)
    with pytest.raises(UserError, match="is no part of a whole"):
        assembling.parse_shard(text)


def test_merging_what_was_never_begun(tmp_path):
    with pytest.raises(UserError, match="holds no shards"):
        assembling.merge(tmp_path)


def test_sources_of_one_name_are_told_apart(source, tmp_path):
    other = tmp_path / "other/faces"
    fill(other / "real", 2, first=300)
    table = assemble([source, other], tmp_path / "out", size=64, progress=False).manifest
    parents = {f"{tmp_path.name}-faces", "other-faces"}
    assert set(table["source"]) == parents


def test_a_complete_set_is_returned_as_it_is(source, tmp_path):
    build(source, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    again = build(source, tmp_path / "out")
    assert again.already_complete and "already complete" in again.to_text()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_other_settings_or_other_inputs_need_another_folder(source, tmp_path):
    build(source, tmp_path / "out")
    with pytest.raises(UserError, match="seed 0, not 1.*choose another --out"):
        build(source, tmp_path / "out", seed=1)
    fill(source / "real", 1, first=700)
    with pytest.raises(UserError, match="from 24 files and the sources now have 25"):
        build(source, tmp_path / "out")


def assert_group_ends(group: int):
    """The workers of a killed parent must not live on and write."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("workers outlived their parent")


def count(out: Path) -> int:
    return len(list(out.glob("images/*/*.jpg")))


def test_kill_9_at_any_moment_and_resume_gives_the_same_tree(tmp_path, moments):
    source = tmp_path / "faces"
    fill(source / "real", 150)
    fill(source / "fake", 150, first=1000)
    shutil.copy(source / "real/00003.jpg", source / "real/copy.jpg")
    (source / "real/broken.jpg").write_bytes(b"\xff\xd8 no")
    build(source, tmp_path / "whole")
    out = tmp_path / "out"
    for wanted in (1, *sorted(moments.integers(2, 280, 2))):
        print(f"killed after {wanted} images")
        victim = victims.start(assemble, [source], out, size=64, workers=2)
        victims.wait_until(lambda least=wanted: count(out) >= least, victim)
        victims.kill(victim)
        assert_group_ends(victim.pid)
        assert not (out / "assembly.json").exists(), "killed too late to test anything"
    (out / "images/fake/.half.jpg.1.tmp").write_bytes(b"half")  # fakes come first
    build(source, out)
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.parametrize("step", ["manifest.csv", "originals.csv", "assembly.json"])
def test_interrupted_between_the_last_files(source, tmp_path, monkeypatch, step):
    build(source, tmp_path / "whole")
    genuine = os.replace

    def stopped(origin, target):
        if Path(target).name == step:
            raise KeyboardInterrupt
        genuine(origin, target)

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        build(source, tmp_path / "out")
    monkeypatch.undo()
    build(source, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_torn_journal_and_a_changed_source_are_noticed(source, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(
        assembling.finalise, "write_set", lambda *_: (_ for _ in ()).throw(KeyError)
    )
    with pytest.raises(KeyError):
        build(source, out)
    monkeypatch.undo()
    journal = out / ".assembly/journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    picture(9999).save(source / "real/00000.jpg")
    os.utime(source / "real/00000.jpg", ns=(1, 1))
    redone = []
    genuine = convert.convert_file
    monkeypatch.setattr(
        convert, "convert_file", lambda c, *rest: redone.append(c.origin) or genuine(c, *rest)
    )
    build(source, out)
    assert sorted(redone) == ["faces/real/00000.jpg", "faces/real/00011.jpg"]
    build(source, tmp_path / "whole")
    assert tree(out) == tree(tmp_path / "whole")


def test_records_without_thumbnails_are_converted_anew(source, tmp_path):
    """Such are in the journals of earlier versions; their hashes were of other pixels."""
    build(source, tmp_path / "whole")
    out = tmp_path / "out"
    build(source, out, shard=(1, 2))
    journal = out / ".assembly/journal-1-of-2.jsonl"
    records = list(convert.read_journals([journal]))
    for record in records[:5]:
        del record["thumbnail"]
        record["phash"] = "0" * 16
    journal.write_text("".join(json.dumps(record) + "\n" for record in records))
    build(source, out)
    assert tree(out) == tree(tmp_path / "whole")


def test_faces_are_cut_out_alike_and_pictures_without_one_are_rejected(tmp_path):
    images, _ = render(range(12), 128)
    for n, image in enumerate(images):
        label = ("real", "fake")[n % 2]
        pixels = image.permute(1, 2, 0).numpy()
        if label == "real":  # wide, and not in the middle
            pixels = np.pad(pixels, ((90, 10), (20, 80), (0, 0)), mode="edge")
        (tmp_path / "faces" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "faces" / label / f"{n}.png")
    picture(3, 200).save(tmp_path / "faces/fake/none.png")
    made = assemble([tmp_path / "faces"], tmp_path / "set", size=128, margin=1.3, progress=False,
                    split=(0.5, 0.25, 0.25))  # fmt: skip
    assert made.rejected["reason"].tolist() == ["no face was found"]
    assert AssembledSet(made.out).preparation.margin == 1.3
    sides = {"real": [], "fake": []}
    for path, label in zip(made.manifest["path"], made.manifest["label"], strict=True):
        (face,) = find_faces(np.asarray(Image.open(made.out / path)))
        sides[label].append(128 / face.side)
    assert all(1.1 < side < 1.5 for side in sides["real"] + sides["fake"])
    assert np.median(sides["real"]) == pytest.approx(np.median(sides["fake"]), abs=0.1)
    with pytest.raises(UserError, match="judges whole pictures, and .* assemble it without --face"):
        scored(Detector(models.build("meso4", 64), Preparation(64), 64, 0.5, 1.0), made.out, "test")
    with pytest.raises(UserError, match="margin goes with the fit 'crop'"):
        assemble([tmp_path / "faces"], tmp_path / "two", size=64, native=True, margin=1.3)
