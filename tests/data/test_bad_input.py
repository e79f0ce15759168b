"""Bad files and bad arguments: converted or rejected with a reason, or one line; never a trace."""

import errno
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mesocore.core import files, images
from mesocore.core.errors import UserError
from mesocore.data import assembled_set
from mesocore.data.assembly import assemble as assembling
from mesocore.data.assembly import convert
from mesocore.data.assembly.assemble import Assembly, assemble
from tests.conftest import fill, picture


def build(source: Path, out: Path, **options) -> Assembly:
    return assemble([source], out, **{"size": 64, "progress": False, "workers": 1, **options})


def jpeg(path: Path, **save) -> bytes:
    picture(4242).save(path, "JPEG", **save)
    return path.read_bytes()


def bomb(path: Path):
    """A PNG whose header promises 50,000 x 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    image = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + image)


def just_over_the_limit(path: Path):
    Image.new("1", (10_000, images.MAX_PIXELS // 10_000 + 1)).save(path)


REJECTED = {
    "truncated.jpg": (lambda p: p.write_bytes(jpeg(p)[:-700]), "damaged: Premature end of JPEG"),
    "zero.jpg": (lambda p: p.write_bytes(b""), "empty file"),
    "text.jpg": (lambda p: p.write_text("this is a letter"), "not an image"),
    "torn.png": (lambda p: (picture(1).save(p), p.write_bytes(p.read_bytes()[:900])), "damaged: "),
    "bomb.png": (bomb, "too large: "),
    "wide.png": (just_over_the_limit, "too large: "),
    "pixel.png": (lambda p: Image.new("RGB", (1, 1)).save(p), "too small: 1 x 1 pixels"),
    "strip.png": (lambda p: picture(2, (400, 63)).save(p), "too small: 400 x 63 pixels"),
    "float.tif": (lambda p: picture(3).convert("F").save(p), "floating-point pixels"),
    "broken link.jpg": (lambda p: p.symlink_to("nowhere.jpg"), "broken symbolic link"),
    "loop.jpg": (lambda p: p.symlink_to(p.name), "cannot be read: too many levels of symbolic"),
    "pipe.jpg": (os.mkfifo, "not a regular file"),
    "metadata.json": (os.mkfifo, "not a regular file"),  # nor is it read as a table
    "device.jpg": (lambda p: p.symlink_to("/dev/zero"), "not a regular file"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_unusable_files_are_rejected_with_a_reason(source, tmp_path, name):
    make, reason = REJECTED[name]
    make(source / "fake" / name)
    result = build(source, tmp_path / "out")
    assert result.rejected["origin"].tolist() == [f"faces/fake/{name}"]
    assert result.rejected["reason"].iloc[0].startswith(reason)
    assert (result.counts["accepted"], result.counts["inputs"]) == (24, 25)


def deep(seed: int) -> np.ndarray:
    """A 16-bit grey picture."""
    return np.asarray(picture(seed).convert("L")) * np.uint16(257)


CONVERTED = {
    "cmyk.jpg": lambda p: picture(50).convert("CMYK").save(p),
    "deep.png": lambda p: Image.fromarray(deep(51)).save(p),
    "palette.png": lambda p: picture(52).quantize(64).save(p),
    "grey.jpg": lambda p: picture(53).convert("L").save(p),
    "alpha.png": lambda p: picture(54).convert("RGBA").save(p),
    "moving.gif": lambda p: picture(55).save(p, save_all=True, append_images=[picture(56)]),
    "renamed.jpg": lambda p: picture(57).save(p, "PNG"),
    "no extension": lambda p: picture(58).save(p, "JPEG"),
    "été 顔 😀.jpg": lambda p: picture(59).save(p),
    "comma, \"quote\"\nline.jpg": lambda p: picture(60).save(p),
    "landscape.jpg": lambda p: picture(61, (200, 96)).save(p),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERTED)
def test_odd_files_are_converted(source, tmp_path, name):
    CONVERTED[name](source / "real" / name)
    result = build(source, tmp_path / "out")
    row = result.manifest.set_index("origin").loc[f"faces/real/{files.printable(name)}"]
    written = Image.open(tmp_path / "out" / row["path"])
    assert (written.mode, written.size, result.counts["rejected"]) == ("RGB", (64, 64), 0)


def test_a_name_that_is_no_text_is_survived(source, tmp_path):
    path = os.fsencode(source / "real") + b"/caf\xe9.jpg"
    with open(path, "wb") as file:
        picture(62).save(file, "JPEG")
    result = build(source, tmp_path / "out")
    assert result.counts["accepted"] == 25
    assert result.manifest["origin"].str.endswith("caf\\xe9.jpg").any()


def test_two_names_that_print_alike_are_left_out_and_carriage_returns_lose_no_row(source, tmp_path):
    folder = os.fsencode(source / "real")
    names = [b"/caf\xe9.jpg", b"/caf\\xe9.jpg", b"/re\rturn.jpg"]
    for seed, name in enumerate(names):
        with open(folder + name, "wb") as file:
            picture(80 + seed).save(file, "JPEG")
    (source / "fake/Icon\r").write_text("of macOS")
    result = build(source, tmp_path / "out")
    assert result.counts["inputs"] == len(result.manifest) + len(result.rejected) == 28
    assert "faces/real/re\\x0dturn.jpg" in set(result.manifest["origin"])
    assert result.rejected["origin"].tolist() == [
        "faces/fake/Icon\\x0d", "faces/real/caf\\xe9.jpg", "faces/real/caf\\xe9.jpg"]  # fmt: skip
    assert result.rejected["reason"].str.startswith("two names that print alike").sum() == 2
    assert "\r" not in (tmp_path / "out/rejected.csv").read_bytes().decode()


def test_an_exif_rotated_file_is_matched_upright(source, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    upside_down = picture(63).transpose(Image.Transpose.ROTATE_180)
    upside_down.save(source / "real/turned.jpg", exif=exif, quality=95)
    table = build(source, tmp_path / "out").manifest.set_index("origin")
    path = tmp_path / "out" / table.at["faces/real/turned.jpg", "path"]
    shown, wanted = Image.open(path).resize((8, 8)), picture(63).resize((8, 8))
    assert max(abs(a - b) for a, b in zip(shown.tobytes(), wanted.tobytes(), strict=True)) < 12


def test_a_file_without_read_permission_is_rejected(source, tmp_path, monkeypatch):
    genuine = open

    def guarded(path, *args, **kwargs):
        if str(path).endswith("real/00003.jpg"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return genuine(path, *args, **kwargs)

    monkeypatch.setattr(images, "open", guarded, raising=False)
    rejected = build(source, tmp_path / "out").rejected
    assert rejected[["origin", "reason"]].values.tolist() == [
        ["faces/real/00003.jpg", "cannot be read: permission denied"]
    ]


def test_one_name_in_two_folders_does_not_collide(source, tmp_path):
    fill(source / "one/real", 1, first=70)
    fill(source / "two/real", 1, first=71)
    (source / "one/real/00070.jpg").rename(source / "one/real/same.jpg")
    (source / "two/real/00071.jpg").rename(source / "two/real/same.jpg")
    table = build(source, tmp_path / "out").manifest
    twins = table[table["origin"].str.endswith("same.jpg")]
    assert len(twins) == 2 and twins["sha256"].nunique() == 2


def test_a_folder_loop_ends_and_is_listed(source, tmp_path):
    (source / "real/again").symlink_to(source)
    result = build(source, tmp_path / "out")
    assert result.rejected["reason"].tolist() == ["a link to a folder that was already visited"]
    assert result.counts["accepted"] == 24


@pytest.mark.parametrize(("label", "other"), [("real", "fake"), ("fake", "real")])
@pytest.mark.parametrize("remains", ["no folder", "empty folder", "only broken files"])
def test_a_class_without_images_is_named(tmp_path, label, other, remains):
    fill(tmp_path / "faces" / other, 3)
    if remains != "no folder":
        (tmp_path / "faces" / label).mkdir()
    if remains == "only broken files":
        (tmp_path / "faces" / label / "a.jpg").write_text("no")
    with pytest.raises(UserError, match=f"^no (usable )?{label} image"):
        build(tmp_path / "faces", tmp_path / "out")
    assert not (tmp_path / "out/manifest.csv").exists()


def test_nothing_usable_at_all(tmp_path):
    for label in ("real", "fake"):
        (tmp_path / "faces" / label).mkdir(parents=True)
        (tmp_path / "faces" / label / "a.jpg").write_text("no")
    with pytest.raises(UserError, match="rejected.csv lists the reasons"):
        build(tmp_path / "faces", tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "0.7/0.1"}, "'0.7/0.1' is not three shares"),
        ({"split": "0.7/0.1/0.3"}, "sum to 1"),
        ({"split": "1.2/-0.1/-0.1"}, "sum to 1"),
        ({"split": "nan/0.1/0.2"}, "sum to 1"),
        ({"split": "most/some/few"}, "'most/some/few'"),
        ({"split": (0.5, 0.5)}, "'0.5/0.5'"),
        ({"size": 0}, "--size 0"),
        ({"size": 100}, "--size 100 is not a multiple of 16"),
        ({"size": 99_984}, "99984"),
        ({"quality": 0}, "quality 0"),
        ({"quality": 101}, "quality 101"),
    ],
)
def test_bad_options_are_named(source, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        build(source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_places_that_cannot_be(source, tmp_path):
    (tmp_path / "file").write_text("")
    cases = [
        ([tmp_path / "nowhere"], tmp_path / "out", "nowhere is not a folder"),
        ([source], source / "out", "overlap; choose another --out"),
        ([source], tmp_path, "overlap; choose another --out"),
        ([source, source / "real"], tmp_path / "out", "given twice or inside"),
        ([source, source], tmp_path / "out", "given twice or inside"),
        ([source], tmp_path / "file", "is a file"),
        ([source], tmp_path / "file/out", "cannot be written: not a directory"),
        ([], tmp_path / "out", "no source"),
    ]
    for sources, out, message in cases:
        with pytest.raises(UserError, match=message) as caught:
            assemble(sources, out, size=64, progress=False)
        assert "\n" not in str(caught.value)


def test_a_folder_with_other_things_in_it_is_left_alone(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("my work")
    with pytest.raises(UserError, match="out is not empty; choose another folder"):
        build(source, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["thesis.tex"]


@pytest.mark.parametrize("victim", ["image", "journal", "manifest.csv"])
def test_a_full_disk_is_one_line_and_can_be_resumed(source, tmp_path, monkeypatch, victim):
    full = OSError(errno.ENOSPC, "No space left on device")
    written = []

    def put(path, jpeg):
        written.append(path)
        if len(written) > 10:
            Path(path).write_bytes(jpeg[:100])
            raise full
        genuine(path, jpeg)

    def full_table(*_):
        raise full

    def full_journal(path, *rest, **more):
        return open("/dev/full", "w") if str(path).endswith(".jsonl") else open(path, *rest, **more)

    genuine = convert._put
    if victim == "image":
        monkeypatch.setattr(convert, "_put", put)
    elif victim == "journal":
        monkeypatch.setattr(convert, "open", full_journal, raising=False)
    else:
        monkeypatch.setattr(assembled_set, "_write_csv", full_table)
    with pytest.raises(
        UserError, match="the disk of .*out is full; .*same command again"
    ) as caught:
        build(source, tmp_path / "out")
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    result = build(source, tmp_path / "out")
    assert result.counts["accepted"] == 24
    for row in result.manifest.itertuples():
        assert files.sha256_file(result.out / row.path) == row.sha256


def test_a_read_only_place_is_one_line(source, tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "out"))

    monkeypatch.setattr(assembling.files, "write_json", refused)
    with pytest.raises(UserError, match="out cannot be written: permission denied"):
        build(source, tmp_path / "out")


def test_a_dead_worker_is_one_line_and_can_be_resumed(source, tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "convert_file", lambda *_: os._exit(9))
    with pytest.raises(UserError, match="a worker process died .* the same command goes on"):
        build(source, tmp_path / "out", workers=2)
    monkeypatch.undo()
    assert build(source, tmp_path / "out", workers=2).counts["accepted"] == 24
