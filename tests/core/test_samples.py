"""Integers of more than 8 bits: scaled where white is known, refused where it may be anywhere."""

import io
import re
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from mesocore.core.errors import BadImage
from mesocore.core.images import decode
from tests.conftest import picture

GREY = np.asarray(picture(1).convert("L"))  # from dark to bright
RGB = np.asarray(picture(1))
UNKNOWN = "integer pixels of unknown range: "


def tiff(samples: np.ndarray, **tags) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "TIFF", **tags)
    return buffer.getvalue()


def written(suffix: str, samples: np.ndarray) -> bytes:
    """By OpenCV, which writes 16-bit colours (in BGR order, for all that matters here)."""
    return cv2.imencode(suffix, samples)[1].tobytes()


def tiff_of_12_bits(samples: np.ndarray) -> bytes:
    """Two samples in three bytes, as cameras of science write them."""
    first, second = samples.reshape(-1, 2).astype(int).T
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1)
    body = packed.astype(np.uint8).tobytes()
    height, width = samples.shape
    entries = {256: width, 257: height, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: height,
               279: len(body)}  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    start = struct.pack("<2sHI", b"II", 42, 8 + len(body))
    return start + body + struct.pack("<H", len(entries)) + table + bytes(4)


@pytest.mark.parametrize(
    "data",
    [
        tiff(GREY.astype(np.uint16) * 257),
        tiff(GREY.astype(np.int32)),
        tiff(GREY.astype(np.int32) * 257),
        tiff_of_12_bits(GREY.astype(int) * 4095 // 255),
        b"P5 96 96 4095\n" + (GREY.astype(int) * 4095 // 255).astype(">u2").tobytes(),
        written(".jp2", GREY.astype(np.uint16) * 257),
    ],
    ids=["16 bits", "8 in 32", "16 in 32", "12 packed", "pgm of 12", "jpeg 2000"],
)
def test_grey_keeps_its_brightness_where_white_is_known(data):
    found = np.asarray(decode(data)[0]).astype(int)
    assert np.abs(found - GREY[..., None]).max() <= 2


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
def test_16_bit_colours_keep_their_brightness(suffix):
    found = np.asarray(decode(written(suffix, RGB[..., ::-1].astype(np.uint16) * 257))[0])
    assert np.abs(found.astype(int) - RGB).max() <= 2


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jp2", ".pgm"])
def test_few_bits_in_16_are_refused_and_the_range_is_named(suffix, bits):
    samples = (GREY.astype(int) * (2**bits - 1) // 255).astype(np.uint16)
    with pytest.raises(BadImage, match=UNKNOWN) as caught:
        decode(written(suffix, samples))
    high = re.search(r"\d+ to (\d+) in 16 bits; convert", str(caught.value))[1]
    assert int(high) == pytest.approx(samples.max(), rel=0.03)  # JPEG 2000 is not exact


@pytest.mark.parametrize("channels", ["RGB", "RGBA"])
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
def test_few_bits_in_16_bit_colours_are_refused(suffix, bits, channels):
    samples = (RGB.astype(int) * (2**bits - 1) // 255).astype(np.uint16)
    if channels == "RGBA" and suffix != ".ppm":
        samples = np.dstack([samples, np.full(GREY.shape, 65535, np.uint16)])
    with pytest.raises(BadImage, match=f"^{UNKNOWN}below half of 16 bits; convert"):
        decode(written(suffix, samples))


def test_jpeg_2000_colours_of_16_bits_are_refused():
    """Pillow 13 makes black of their white."""
    with pytest.raises(BadImage, match="JPEG 2000 colours of more than 8 bits: convert"):
        decode(written(".jp2", RGB.astype(np.uint16) * 257))


@pytest.mark.parametrize(
    ("samples", "range_"),
    [
        (GREY.astype(np.int32) * 16, "in 32 bits"),
        (GREY.astype(np.int32) - 9, r"-\d+ to \d+"),
        (GREY.astype(np.int32) * 5000, "in 32 bits"),
        (GREY.astype(np.int32) // 128, "0 to 1 in 32 bits"),
    ],
    ids=["12 bits", "negative", "over 16 bits", "a mask"],
)
def test_other_ranges_of_32_bits_are_refused(samples, range_):
    with pytest.raises(BadImage, match=f"{UNKNOWN}.*{range_}"):
        decode(tiff(samples))


def test_signed_samples_and_white_as_zero_are_refused():
    for dtype in (np.int8, np.int16):
        with pytest.raises(BadImage, match=UNKNOWN):
            decode(written(".tif", (GREY // 2).astype(dtype)))
    negative = tiff(GREY.astype(np.uint16) * 257, tiffinfo={262: 0})
    with pytest.raises(BadImage, match="integer pixels whose white is 0: convert"):
        decode(negative)


def test_dark_images_of_8_bits_are_left_alone():
    dark = Image.fromarray(GREY // 8)
    assert np.array_equal(np.asarray(decode(written(".png", GREY // 8))[0].convert("L")), dark)
