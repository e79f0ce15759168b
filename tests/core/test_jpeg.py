"""Strange pictures: damage is refused by name, harmless oddities are read, work has a bound."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mesocore.core import images, jpeg
from mesocore.core.errors import BadImage
from mesocore.core.images import decode
from tests.conftest import picture


def saved(form: str = "JPEG", image: Image.Image | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    (image or picture(1, 256)).save(buffer, form, **options)
    return buffer.getvalue()


def scan_of(data: bytes) -> int:
    """Where the last scan begins."""
    return data.rindex(b"\xff\xda")


def cut_and_closed(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3] + b"\xff\xd9"


def zeroed(data: bytes) -> bytes:
    middle = (scan_of(data) + len(data)) // 2
    return data[:middle] + bytes(300) + data[middle + 300 :]


def lost_sector(data: bytes) -> bytes:
    middle = (scan_of(data) + len(data)) // 2
    return data[:middle] + data[middle + 512 :]


def bad_bits(data: bytes) -> bytes:
    noisy, rng = bytearray(data), np.random.default_rng(0)
    for at in rng.integers(scan_of(data) + 20, len(data) - 2, 100):
        noisy[at] ^= 1 << int(rng.integers(8))
    return bytes(noisy)


@pytest.mark.parametrize("damage", [cut_and_closed, zeroed, lost_sector, bad_bits])
@pytest.mark.parametrize(
    "options",
    [{}, {"quality": 95}, {"optimize": True}, {"progressive": True}, {"restart_marker_rows": 1}],
    ids=str,
)
def test_a_damaged_jpeg_is_refused_by_name(damage, options):
    with pytest.raises(BadImage, match="damaged: "):
        decode(damage(saved(**options)))


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_plain_background_is_no_hole(mode, optimize):
    plain = Image.new("RGB", (2000, 2000), "white")
    plain.paste(picture(1, 64), (900, 900))
    data = saved(image=plain.convert(mode), optimize=optimize)
    assert (bytes(64) in data) or not optimize  # of one bit a block
    assert decode(data)[0].size == (2000, 2000)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours_are_decoded_strictly_too(mode):
    data = saved(image=picture(1, 256).convert(mode))
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(decode(data)[0], pixels)
    with pytest.raises(BadImage, match="damaged: "):
        decode(cut_and_closed(data))


def before_tables(data: bytes, extra: bytes) -> bytes:
    at = data.index(b"\xff\xdb")
    return data[:at] + extra + data[at:]


HARMLESS = {
    "a video after the end, as in a motion photo": lambda d: d + b"\0\0\0\x18ftypmp42" + bytes(999),
    "another JPEG after the end": lambda d: d + d,
    "markers of scans after the end": lambda d: d + b"\xff\xda" * 999,
    "previews full of markers": lambda d: before_tables(
        d, b"\xff\xe5\x07\xd2" + b"\xff\xda" * 1000
    ),
    "bytes between segments": lambda d: before_tables(d, b"\0\x11"),
    "zeros before the end": lambda d: d[:-2] + bytes(6) + d[-2:],
    "filling before the end": lambda d: d[:-2] + b"\xff" * 6 + d[-2:],
    "a broken profile": lambda d: before_tables(d, b"\xff\xe2\x00\x12ICC_PROFILE\0\x05\x01xx"),
    "JFIF of the future": lambda d: d.replace(b"JFIF\0\1", b"JFIF\0\3"),
    "settings of a progressive scan": lambda d: (
        d[: scan_of(d) + 11] + bytes(3) + d[scan_of(d) + 14 :]
    ),
}


@pytest.mark.parametrize("oddity", HARMLESS)
def test_what_harms_no_pixel_is_read(oddity):
    data = saved()
    assert np.array_equal(decode(HARMLESS[oddity](data))[0], decode(data)[0])


def test_a_harmless_oddity_does_not_hide_damage():
    for oddity in HARMLESS.values():
        with pytest.raises(BadImage, match="damaged: "):
            decode(oddity(zeroed(saved())))


def test_a_jpeg_of_endless_scans_is_refused_unread():
    data = saved(progressive=True)
    last = data[scan_of(data) : -2]
    assert decode(data)[0].size == (256, 256)  # 10 scans
    many = data[:-2] + last * jpeg.MAX_SCANS + data[-2:]
    with pytest.raises(BadImage, match="too much work: a JPEG of more than 50 scans"):
        decode(many)


def png(width: int, height: int, bits: int, colours: int) -> bytes:
    """A PNG whose header says so; its pixels are missing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize(("bits", "colours", "fits"), [(16, 6, 8190), (16, 2, 9450), (8, 2, 9450)])
def test_what_a_decoder_would_fill_is_bounded_by_the_header(bits, colours, fits):
    with pytest.raises(BadImage, match="^damaged: "):
        decode(png(fits, fits, bits, colours))
    with pytest.raises(BadImage, match="^too large: "):
        decode(png(fits + 20, fits, bits, colours))


def test_fifty_megapixels_are_within_the_bounds():
    for form, bands in (("JPEG", 3), ("PNG", 4), ("WEBP", 3)):
        image = Image.new("RGB" if bands == 3 else "RGBA", (10, 10))
        image.format, image._size = form, (8192, 6144)
        images._check_size(image, 8)


def test_a_png_is_held_to_its_checksums():
    data = saved("PNG")
    middle = len(data) // 2
    for broken in (
        data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        data[:middle] + bytes(100) + data[middle + 100 :],
        data[:middle] + data[-12:],
    ):
        with pytest.raises(BadImage, match="damaged: "):
            decode(broken)
