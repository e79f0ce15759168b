"""Which formats are read, and the line that every other file gets."""

import io
import sys
import types

import numpy as np
import pytest
from PIL import Image, features

from mesocore.core.errors import BadImage
from mesocore.core.formats import FORMATS
from mesocore.core.images import MAX_BYTES, decode, read_bytes
from tests.conftest import picture


def saved(form: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture(1).save(buffer, form, **options)
    return buffer.getvalue()


def box(brands: bytes) -> bytes:
    """The start of an ISO base media file: major brand, version, compatible brands."""
    return (8 + len(brands)).to_bytes(4) + b"ftyp" + brands + bytes(500)


def refusal(data: bytes, path: str = "") -> str:
    with pytest.raises(BadImage) as caught:
        decode(data, path)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMATS)
def test_every_listed_format_is_read(form):
    if form in ("AVIF", "JPEG2000"):
        assert features.check({"AVIF": "avif", "JPEG2000": "jpg_2000"}[form])
    image, facts = decode(saved(form))
    difference = np.asarray(image, dtype=float) - np.asarray(picture(1), dtype=float)
    assert facts["format"] == form and np.abs(difference).mean() < (30 if form == "GIF" else 5)


def test_a_camera_jpeg_of_more_pictures_is_read():
    both = saved("MPO", save_all=True, append_images=[picture(2)])
    assert decode(both)[1]["format"] == "MPO"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (box(b"isom\0\0\2\0isomiso2avc1mp41"), "clip"),
        (box(b"qt  \0\0\0\0qt  "), "clip.jpg"),
        (b"\0\0\0\x08wide" + bytes(500), "old.mov"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(500), "clip"),
        (b"\x1a\x45\xdf\xa3" + bytes(500), "clip"),
        ((b"G" + bytes(187)) * 4, "clip.ts"),
        ((bytes(4) + b"G" + bytes(187)) * 4, "clip"),
        (b"what no signature tells", "CLIP.MP4"),
    ],
    ids=["mp4", "mov", "old-mov", "avi", "mkv", "ts", "m2ts", "by-name"],
)
def test_a_video_is_told_by_content_or_name(data, path):
    said = refusal(data, path)
    assert said.startswith("not an image but a video: extract frames") and "ffmpeg" in said


def test_an_image_that_is_called_a_video_is_an_image():
    assert decode(saved("PNG"), "clip.mp4")[0].size == picture(1).size


def test_a_video_that_is_larger_than_any_image_may_be_is_still_a_video(tmp_path):
    for name, start, said in (
        ("v", b"\x1a\x45\xdf\xa3", "a video"),
        ("x", b"a", "larger than 256"),
    ):
        with open(tmp_path / name, "wb") as file:
            file.write(start)
            file.truncate(MAX_BYTES + 1)
        with pytest.raises(BadImage, match=said):
            read_bytes(tmp_path / name)


@pytest.mark.parametrize(
    "data",
    [b"a letter", b"%PDF-1.7\n" + bytes(99), b"PK\3\4" + bytes(99), box(b"M4A \0\0\0\0"), bytes(99),
     b"GGG"],
    ids=["text", "pdf", "zip", "sound", "zeros", "short"],
)  # fmt: skip
def test_what_is_no_image_says_so(data):
    assert refusal(data, "face.jpg") == "not an image"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved("EPS"), "PostScript"),  # Pillow would run Ghostscript on it
        (saved("ICO"), "Windows icon"),
        (b"8BPS" + bytes(99), "Photoshop"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    ],
)
def test_other_formats_reach_no_decoder(data, name):
    said = refusal(data, "face.jpg")
    assert said == f"an image format that is not read: {name}; convert the image to PNG"


@pytest.mark.parametrize("major", [b"avif", b"mif1"])
def test_a_torn_avif_is_damaged_and_no_video(major):
    assert refusal(box(major + bytes(4) + b"mif1avif")).startswith("damaged: ")


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic"])
def test_heic_without_its_library_names_it(monkeypatch, brands):
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    said = refusal(box(brands))
    assert said.startswith("HEIC cannot be read here: pip install pillow-heif")


def test_heic_is_read_by_its_library(monkeypatch):
    """The library is stood in for: what opens a PNG that follows the brands."""
    head = box(b"heic\0\0\0\0mif1heic")

    def opener(file, name):
        image = Image.open(io.BytesIO(file.read()[len(head) :]))
        image.format = "HEIF"
        return image

    def register():
        Image.OPEN["HEIF"] = (opener, None)

    monkeypatch.setitem(Image.OPEN, "HEIF", (None, None))  # what is there is restored after this
    del Image.OPEN["HEIF"]
    library = types.SimpleNamespace(register_heif_opener=register)
    monkeypatch.setitem(sys.modules, "pillow_heif", library)
    assert np.array_equal(decode(head + saved("PNG"))[0], picture(1))
