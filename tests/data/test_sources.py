"""What folders are taken to be: labels, videos, sidecars, tables, splits, as people have them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mesocore.core.errors import UserError
from mesocore.data import AssembledSet
from mesocore.data.assembly.assemble import assemble
from mesocore.data.auditing.audit import audit
from mesocore.data.sources import given_splits, grouping, labels, scanning, sidecars, tables
from tests.conftest import fill, picture


def build(source: Path, out: Path, **options):
    return assemble([source], out, **{"size": 64, "progress": False, "workers": 1, **options})


def touch(folder: Path, *paths: str) -> Path:
    """Empty files, for what is decided by names alone."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def labelled(folder: Path, **options) -> dict[str, str]:
    """path -> label of the candidates, of a scan."""
    found = scanning.scan(folder, **options).candidates
    return {c.origin.partition("/")[2]: c.label for c in found}


REAL = ("real", "Real Images", "0_real", "real_train", "REAL", "training_real", "Celeb-real",
        "original_sequences", "nature", "Au", "RealVideo-RealAudio", "realFaces",
        "real ")  # fmt: skip
FAKE = ("fake", "Fake Images", "1_fake", "FAKE_test", "df", "Celeb-synthesis", "ai", "Tp",
        "manipulated_sequences", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "forged",
        "FakeVideo-RealAudio", "fakeimages", "altered", "DeepFakes_v2", "synthetic",
        "DeepFakeDetection")  # fmt: skip
NONE = (
    "0",
    "1",
    "train",
    "faces",
    "imagenet_ai",
    "unreal",
    "deepfake-detection-challenge",
    "CASIA2",
)
BOTH = ("real_vs_fake", "real-vs-fake", "deepfake and real images")


@pytest.mark.parametrize(
    ("name", "label"),
    [(name, "real") for name in REAL] + [(name, "fake") for name in FAKE]
    + [(name, None) for name in NONE] + [(name, labels.BOTH) for name in BOTH],
)  # fmt: skip
def test_names_of_folders(name, label):
    assert labels.of_name(name) == label


def test_a_name_above_labels_is_inherited_by_nobody(tmp_path):
    root = touch(tmp_path / "deepfakes", "real/1.jpg", "Celeb-real/1.jpg", "Celeb-synthesis/1.jpg",
                 "unknown/1.jpg", "stray.jpg")  # fmt: skip
    assert labelled(root) == {"real/1.jpg": "real", "Celeb-real/1.jpg": "real",
                              "Celeb-synthesis/1.jpg": "fake"}  # fmt: skip
    left = dict(scanning.scan(root).unlabelled)
    assert set(left) == {"deepfakes/unknown/1.jpg", "deepfakes/stray.jpg"}
    assert "beside folders that say real" in left["deepfakes/unknown/1.jpg"]


def test_a_label_is_inherited_where_nothing_below_contradicts_it(tmp_path):
    root = touch(tmp_path / "x", "fake/deepfakes/1.jpg", "fake/mymethod/1.jpg", "real/a/b/1.jpg")
    assert labelled(root) == {"fake/deepfakes/1.jpg": "fake", "fake/mymethod/1.jpg": "fake",
                              "real/a/b/1.jpg": "real"}  # fmt: skip


def test_two_words_on_one_path_are_no_label(tmp_path):
    root = touch(tmp_path / "x", "real/1.jpg", "real/fake/2.jpg", "fake/3.jpg",
                 "real_and_fake/4.jpg")  # fmt: skip
    assert labelled(root) == {"real/1.jpg": "real", "fake/3.jpg": "fake"}
    left = dict(scanning.scan(root).unlabelled)
    assert left["x/real/fake/2.jpg"] == "two labels: real says real, fake says fake"
    assert "names both labels" in left["x/real_and_fake/4.jpg"]


def test_other_names_are_mapped_and_an_unknown_layout_says_how(tmp_path):
    fill(tmp_path / "x/0", 12)
    fill(tmp_path / "x/1", 12, first=100)
    with pytest.raises(UserError, match=r"no real .*Folders: 0, 1\..*original.*--label FOLDER="):
        build(tmp_path / "x", tmp_path / "out")
    with pytest.raises(UserError, match=r"--label 7=fake: no folder .* 0, 1"):
        build(tmp_path / "x", tmp_path / "out", labels=labels.parse_given(["7=fake", "0=real"]))
    mapped = labels.parse_given(["0=real", "1=fake"])
    made = build(tmp_path / "x", tmp_path / "out", labels=mapped)
    assert made.manifest["label"].value_counts().to_dict() == {"real": 12, "fake": 12}
    assert "real: 0 12" in made.to_text() and "fake: 1 12" in made.to_text()


@pytest.mark.parametrize("pair", ["0", "0=maybe", "=fake"])
def test_a_label_option_that_says_nothing_is_refused(pair):
    with pytest.raises(UserError, match="--label"):
        labels.parse_given([pair])


def videos(*paths: str, label: str = "fake", depth: int = 1, **options) -> list[tuple[str, ...]]:
    """The videos of images of one label."""
    count = len(paths)
    return grouping.of_paths(paths, [label] * count, [depth] * count, **options).videos


def test_a_folder_a_video():
    found = videos("fake/000/1.png", "fake/000/2.png", "fake/001/1.png")
    assert found == [("000",), ("000",), ("001",)]
    deep = videos("manipulated/Deepfakes/c23/frames/000_003/1.png",
                  "manipulated/FaceSwap/c23/frames/003_000/9.png")  # fmt: skip
    assert deep == [("000", "003"), ("003", "000")]
    above = [f"{v:03d}/{kind}/{t}.png" for v in range(4) for kind in ("real",) for t in range(2)]
    assert videos(*above, label="real", depth=2)[::2] == [("000",), ("001",), ("002",), ("003",)]


def test_a_person_has_several_folders():
    paths = [f"real/{who}/{session}/1.png" for who in "abcde" for session in ("01", "02")]
    assert videos(*paths, label="real") == [(who,) for who in "abcde" for _ in range(2)]


def test_a_name_a_video_and_a_number_a_frame():
    stems = [f"fake/id{v}_0000_{t:03d}.png" for v in range(2) for t in range(6)]
    assert set(videos(*stems)) == {("id0_0000",), ("id1_0000",)}
    assert videos("fake/id0_id1_0000/1.png", "fake/id2_id1_0003/1.png") == [
        ("id0_0000",), ("id2_0003",)
    ]  # fmt: skip
    flat = videos(
        *(f"fake/{pair}_{t:03d}.png" for pair in ("000_003", "001_002") for t in range(6))
    )
    assert set(flat) == {("000", "003"), ("001", "002")}
    faces = videos(
        "real/v1_00012_0.png", "real/v1_00018_0.png", "real/v2_00012_0.png", label="real"
    )
    assert "v1" in faces[0] and "v1" in faces[1] and "v1" not in faces[2]


@pytest.mark.parametrize(
    "names",
    [[f"real_{n}" for n in range(9)], [f"{n:05d}" for n in range(9)], ["IMG_1", "DSC_2", "IMG_3"],
     ["easy_1_1000", "mid_2_0100", "hard_3_0010", "easy_4_1111", "mid_5_0001"]],
)  # fmt: skip
def test_names_that_only_count_are_no_videos(names):
    found = videos(*(f"fake/{name}.jpg" for name in names))
    assert all(len(set(found) & {one}) == 1 and found.count(one) == 1 for one in found if one)


def test_a_few_kinds_of_images_are_no_videos():
    paths = [f"fake/{kind}/{n}.jpg" for kind in ("StyleGAN", "ProGAN") for n in range(5)]
    found = grouping.of_paths(paths, ["fake"] * 10, [1] * 10)
    assert set(found.videos) == {()}
    assert "fake images in ProGAN, StyleGAN: taken as kinds" in found.notes[0]


def write_videos(folder: Path, count: int = 12, frames: int = 3, ring: bool = True) -> Path:
    """`{train,val,test}/{real,fake}/VIDEO/FRAME.png`; a fake is of its video and of the next."""
    for v in range(count):
        split = "train" if v < count * 0.6 else "val" if v < count * 0.8 else "test"
        other = (v + 1) % count if ring else v ^ 1
        for t in range(frames):
            real, fake = f"{v:03d}", f"{v:03d}_{other:03d}"
            for label, name, first in (("real", real, 0), ("fake", fake, 5000)):
                place = folder / split / label / name
                place.mkdir(parents=True, exist_ok=True)
                picture(first + v * 100 + t).save(place / f"{t:05d}.png")
    return folder


def splits_of_videos(table: pd.DataFrame) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for origin, split in zip(table["origin"], table["split"], strict=True):
        for video in origin.split("/")[-2].split("_"):
            found.setdefault(video, set()).add(split)
    return found


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("ring", [False, True])
def test_no_video_lies_in_two_splits(tmp_path, ring, keep):
    source = write_videos(tmp_path / "x", ring=ring)
    made = build(source, tmp_path / "out", keep_splits=keep)
    where = splits_of_videos(made.manifest)
    assert len(where) == 12 and all(len(splits) == 1 for splits in where.values())
    reals = made.manifest[made.manifest["label"] == "real"]
    assert len(reals) == 36  # only swaps are left out, of videos in two splits
    assert ("kept" if keep else "replaced") in made.to_text()
    if keep:
        given = reals["origin"].str.split("/").str[1]
        assert (given == reals["split"]).all()
    if ring:
        reasons = made.rejected["reason"].str.split(":").str[0]
        assert 0 < len(reasons) <= 18 and set(reasons) == {"between splits"}
    else:
        assert made.counts["rejected"] == 0


def test_an_image_can_be_a_group_of_its_own(tmp_path):
    source = write_videos(tmp_path / "x", count=4, ring=False)
    assert build(source, tmp_path / "a").counts["groups"] == 2
    assert build(source, tmp_path / "b", group_by="image").counts["groups"] == 24
    with pytest.raises(UserError, match="--group-by 'x'"):
        build(source, tmp_path / "c", group_by="x")


def test_an_audit_finds_videos_across_splits(tmp_path):
    source = write_videos(tmp_path / "x", count=24, frames=1)
    build(source, tmp_path / "out", group_by="image", keep_splits=True)
    for folder in (tmp_path / "out", source):
        leaks = audit(folder).leakage.findings
        assert "folders or names that look like one video in more than one split" in leaks


def test_an_audit_of_a_raw_folder_looks_across_its_splits_or_says_that_it_did_not(tmp_path):
    for split, first in (("train", 0), ("test", 20)):
        fill(tmp_path / f"x/{split}/real", 20, first=first)
        fill(tmp_path / f"x/{split}/fake", 20, first=first + 1000)
    clean = audit(tmp_path / "x")
    assert clean.leakage.findings == {}
    picture(0).save(tmp_path / "x/test/real/again.png")
    assert "near-duplicates in more than one split" in audit(tmp_path / "x").leakage.findings
    fill(tmp_path / "y/real", 12)
    fill(tmp_path / "y/fake", 12, first=1000)
    assert any("were not looked for" in note for note in audit(tmp_path / "y").notes)


def test_given_splits_that_leak_are_left_out_of_train(tmp_path):
    for split, first in (("train", 0), ("test", 20)):
        fill(tmp_path / f"x/{split}/real", 20, first=first)
        fill(tmp_path / f"x/{split}/fake", 20, first=first + 1000)
    picture(25).save(tmp_path / "x/train/real/copy.png")  # of test/real/00025.jpg
    picture(26).save(tmp_path / "x/train/real/small.jpg", quality=40)
    made = build(tmp_path / "x", tmp_path / "out", keep_splits=True)
    left = dict(zip(made.rejected["origin"], made.rejected["reason"], strict=True))
    assert set(left) == {"x/train/real/copy.png", "x/train/real/small.jpg"}
    assert all("leak" in reason or "duplicate" in reason for reason in left.values())
    counts = made.counts["splits"]
    assert counts["test"] == {"real": 20, "fake": 20}
    assert counts["val"] == {"real": 2, "fake": 2}  # none is given: it is taken from train
    fill(tmp_path / "y/real", 12)
    fill(tmp_path / "y/fake", 12, first=1000)
    with pytest.raises(UserError, match="--keep-splits: no folder is called train"):
        build(tmp_path / "y", tmp_path / "other", keep_splits=True)


@pytest.mark.parametrize(("name", "split"), [
    ("train", "train"), ("real_train", "train"), ("Validation", "val"), ("dev", "val"),
    ("Testing", "test"), ("train_test", None), ("contest", None), ("faces", None),
])  # fmt: skip
def test_names_of_splits(name, split):
    assert given_splits.of_name(name) == split


def test_sidecars_are_never_images_and_masks_find_their_frames(tmp_path):
    root = tmp_path / "x"
    fill(root / "original/frames/000", 3)
    for method, mask in (("Deepfakes", "masks/frames/000_001"), ("FaceSwap", "c23/masks/000_001")):
        fill(root / f"manipulated/{method}/c23/frames/000_001", 3, first=len(method) * 100)
        (root / f"manipulated/{method}/{mask}").mkdir(parents=True)
        for frame in (root / f"manipulated/{method}/c23/frames/000_001").iterdir():
            mask_image = np.zeros((96, 96), np.uint8)
            mask_image[:48] = 255
            Image.fromarray(mask_image).save(root / f"manipulated/{method}/{mask}/{frame.stem}.png")
    place = root / "manipulated/FaceSwap/c23/landmarks/000_001"
    place.mkdir(parents=True)
    np.save(place / "00800.npy", np.zeros((81, 2)))
    (root / "original/frames/000/00000.txt").write_text("beside 00000.jpg")
    made = build(root, tmp_path / "out")
    assert made.counts["inputs"] == made.counts["accepted"] == 9
    assert "6 masks" in made.to_text() and "6 images have a mask" in made.to_text()
    assembled = AssembledSet(tmp_path / "out")
    for _, row in assembled.rows().iterrows():
        mask = assembled.mask(row)
        assert mask is None if row["label"] == "real" else mask[:32].all() and not mask[32:].any()


@pytest.mark.parametrize(("name", "kind"), [
    ("masks", "masks"), ("CASIA 2 Groundtruth", "masks"), ("Gt", "masks"), ("edit_masks", "masks"),
    ("landmarks", "landmarks"), ("depth", "depth"), ("with_mask", None), ("without_mask", None),
    ("in_depth_tests", None), ("faces", None),
])  # fmt: skip
def test_names_of_sidecar_folders(name, kind):
    assert sidecars.of_folder(name) == kind


def test_a_mask_beside_its_frame_by_name():
    paths = ["fake/a.jpg", "fake/a_mask.png", "fake/b_mask.png", "fake/a.json"]
    found = sidecars.kinds(paths)
    assert found == {"fake/a_mask.png": "masks", "fake/a.json": "annotations"}
    assert sidecars.masks(["fake/a.jpg", "fake/b_mask.png"], found) == {
        "fake/a.jpg": "fake/a_mask.png"
    }


def test_metadata_of_dfdc(tmp_path):
    entries = {}
    for n in range(24):
        fake = n % 2
        entries[f"{n:03d}.mp4"] = {"label": "FAKE" if fake else "REAL", "split": "train",
                                   "original": f"{n - 1:03d}.mp4" if fake else None}  # fmt: skip
        (tmp_path / "x").mkdir(exist_ok=True)
        picture(n).save(tmp_path / f"x/{n:03d}.jpg")
    (tmp_path / "x/metadata.json").write_text(json.dumps(entries))
    made = build(tmp_path / "x", tmp_path / "out")
    assert made.counts["inputs"] == made.counts["accepted"] == 24
    assert made.counts["groups"] == 12
    number = made.manifest["origin"].str[-7:-4].astype(int)
    assert (made.manifest["label"] == np.where(number % 2, "fake", "real")).all()


def test_labels_and_videos_of_a_csv_table(tmp_path):
    rows = ["filename,label,video"]
    (tmp_path / "x/frames").mkdir(parents=True)
    for n in range(24):
        picture(n).save(tmp_path / f"x/frames/{n}.jpg")
        rows.append(f"frames/{n}.jpg,{n % 2},clip{n // 4}")
    (tmp_path / "x/labels.csv").write_text("\n".join(rows))
    with pytest.raises(UserError, match="no real image"):
        build(tmp_path / "x", tmp_path / "out")
    left = scanning.scan(tmp_path / "x").unlabelled
    assert left[0][1] == "label '0' of labels.csv is unknown: --label 0=fake"
    given = labels.parse_given(["0=real", "1=fake"])
    made = build(tmp_path / "x", tmp_path / "out", labels=given)
    assert made.counts["accepted"] == 24 and made.counts["groups"] == 6


def test_a_table_that_contradicts_a_folder_leaves_no_label(tmp_path):
    touch(tmp_path / "x", "real/a.jpg", "real/b.jpg")
    (tmp_path / "x/labels.csv").write_text("file,label\nreal/a.jpg,fake\nreal/b.jpg,real\n")
    found = scanning.scan(tmp_path / "x")
    assert [c.origin for c in found.candidates] == ["x/real/b.jpg"]
    assert found.unlabelled == [
        ("x/real/a.jpg", "two labels: its folder says real, labels.csv says fake")
    ]


def by_table(folder: Path, table: str, content: str) -> dict[str, str | None]:
    """path -> what the table says of its label, as written."""
    (folder / table).write_text(content)
    images = [p.relative_to(folder).as_posix() for p in folder.rglob("*.*") if p.suffix != ".csv"]
    return {path: said.label for path, said in tables.read(folder, table, images).items()}


def test_a_row_speaks_of_its_own_file_alone(tmp_path):
    touch(tmp_path, "000.png", "000.jpg", "0.png", "0_2.png", "a/1.png", "b/1.png", "clip_3.png")
    said = by_table(tmp_path, "x.csv", "file,label\n000.png,real\n000.jpg,fake\n0.png,real\n"
                    "1.png,fake\nclip.mp4,fake\n")  # fmt: skip
    assert said == {"000.png": "real", "000.jpg": "fake", "0.png": "real",
                    "a/1.png": tables.TWICE, "b/1.png": tables.TWICE,
                    "clip_3.png": "fake"}  # fmt: skip


def test_rows_and_tables_that_differ_give_no_label(tmp_path):
    touch(tmp_path / "x", "1.jpg", "2.jpg", "3.jpg")
    (tmp_path / "x/a.csv").write_text(
        "file,label\n1.jpg,real\n2.jpg,real\n3.jpg,real\n3.jpg,fake\n"
    )
    (tmp_path / "x/b.csv").write_text("file,label\n1.jpg,real\n2.jpg,fake\n")
    found = scanning.scan(tmp_path / "x")
    assert [c.origin for c in found.candidates] == ["x/1.jpg"]
    assert all("two labels" in reason for _, reason in found.unlabelled)
    assert len(found.unlabelled) == 2


@pytest.mark.parametrize("content", ["", "\n\n", "file,label\n1.jpg\n", "a\n", "file,file\n1,2\n"])
def test_a_broken_table_is_no_traceback(tmp_path, content):
    touch(tmp_path / "x", "real/1.jpg")
    (tmp_path / "x/t.csv").write_text(content)
    assert len(scanning.scan(tmp_path / "x").candidates) == 1


def test_a_category_is_no_label_and_is_fake_is(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "x.csv").write_text("file,class,is_fake\n1.jpg,nature,1\n2.jpg,nature,0\n")
    said = tables.read(tmp_path, "x.csv", ["1.jpg", "2.jpg"])
    assert [tables.label_of(said[name], {}) for name in ("1.jpg", "2.jpg")] == ["fake", "real"]
    assert tables.label_of(tables.Said("x.csv", "nature"), {}) is None


@pytest.mark.parametrize("name", ["not_fake", "non-manipulated", "RealVisXL", "Real-ESRGAN"])
def test_names_that_only_hold_a_label_word(name):
    assert labels.of_name(name) is None


def test_a_code_below_a_label_is_only_a_name(tmp_path):
    root = touch(tmp_path / "x", "real/nature/1.jpg", "fake/nature/2.jpg", "fake/ai/3.jpg")
    assert labelled(root) == {"real/nature/1.jpg": "real", "fake/nature/2.jpg": "fake",
                              "fake/ai/3.jpg": "fake"}  # fmt: skip


@pytest.mark.parametrize("name", ["masks_png", "FakeMask", "mask_fake", "masks2", "edgemask",
                                  "GroundTruthMasks", "trimap"])  # fmt: skip
def test_more_names_of_mask_folders(name):
    assert sidecars.of_folder(name) == "masks"


def test_a_picture_of_black_and_white_alone_is_no_photograph(source, tmp_path):
    mask = np.zeros((96, 96), np.uint8)
    mask[20:60, 30:70] = 255
    Image.fromarray(mask).save(source / "fake/looks_like_a_frame.png")
    rejected = build(source, tmp_path / "out").rejected
    assert rejected["reason"].tolist() == ["looks like a mask: black and white alone"]


def test_videos_that_label_words_hide():
    paths = [f"fake/{v:04d}_fake/{t}.png" for v in range(4) for t in range(2)]
    assert videos(*paths, depth=2)[::2] == [("0000",), ("0001",), ("0002",), ("0003",)]
    names = [f"fake/fake_{v:03d}_frame_{t:04d}.png" for v in range(3) for t in range(5)]
    assert set(videos(*names)) == {("000",), ("001",), ("002",)}
    ends = [f"fake/{v:03d}_{t:04d}_fake.png" for v in range(3) for t in range(5)]
    assert set(videos(*ends)) == {("000",), ("001",), ("002",)}


@pytest.mark.parametrize("form", ["vid{v:02d}frame{t:04d}", "frame{t:04d}_clip{v:02d}",
                                  "clip{v:02d}_{t}.50s", "{v:03d}_{t:04d}_face"])  # fmt: skip
def test_forms_of_frame_names(form):
    found = videos(*(f"fake/{form.format(v=v, t=t)}.png" for v in range(3) for t in range(5)))
    assert len(set(found)) == 3 and all(found)


def test_nested_folders_are_one_video():
    paths = [f"fake/video{v}/face{f}_8/{t}.png" for v in range(4) for f in range(2) for t in (0, 1)]
    assert set(videos(*paths)) == {(f"video{v}",) for v in range(4)}


def test_reals_and_fakes_as_two_sources_share_their_videos(tmp_path):
    source = write_videos(tmp_path / "x", ring=False)
    for label in ("real", "fake"):
        for split in ("train", "val", "test"):
            for video in (source / split / label).iterdir():
                (tmp_path / label).mkdir(exist_ok=True)
                video.rename(tmp_path / label / video.name)
    made = assemble([tmp_path / "real", tmp_path / "fake"], tmp_path / "out", size=64, workers=1,
                    progress=False)  # fmt: skip
    assert made.counts["groups"] == 6  # of two videos and their swaps each
    assert all(len(splits) == 1 for splits in splits_of_videos(made.manifest).values())


def test_what_was_left_open_is_said(tmp_path):
    root = touch(tmp_path / "x", "fake/1_real.jpg", "real/2.jpg", "splits/train.json",
                 "real/.thumbs/3.jpg")  # fmt: skip
    (root / "groups.csv").write_text("path,group\nreal/2.jpg,a\nreal/gone.jpg,a\n")
    found = scanning.scan(root)
    said = " ".join(found.notes)
    assert "1 files have a name that says another label" in said
    assert "groups.csv: 1 rows name no image" in said
    assert "lists of splits that are not read: x/splits/train.json" in said
    assert ("x/real/.thumbs/3.jpg", "in a hidden folder or one of the system's") in found.unlabelled


def test_an_image_without_a_row_goes_where_its_video_went(tmp_path):
    root = touch(tmp_path / "x", *(f"real/{v:03d}/{t}.jpg" for v in range(3) for t in range(2)))
    (root / "groups.csv").write_text("path,group\nreal/000/0.jpg,a\n")
    found = {c.origin[2:]: (c.group, c.videos) for c in scanning.scan(root).candidates}
    assert found["real/000/0.jpg"] == ("x/a", ("x/000",))
    assert found["real/000/1.jpg"] == (None, ("x/000",))
