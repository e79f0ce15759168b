"""JPEG files, decoded strictly: what has a hole is refused, where libjpeg would paint it grey.

libjpeg only warns of damaged data, and neither Pillow nor OpenCV passes a warning on; simplejpeg
raises it. A few warnings are of no harm to pixels and are common in the files of cameras: those are
mended first.
"""

import re
from collections.abc import Iterator

import numpy as np
import simplejpeg

from mesocore.core.errors import BadImage

MAX_SCANS = 50  # a progressive file of libjpeg has 10; each costs a pass over all coefficients
_SOI, _EOI, _SOS, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_PROGRESSIVE, _TABLES = 0xC2, 0xC4
_AC = 0x10  # of a table's number, if it codes coefficients but the first of a block
_HOLE = bytes(64)
_JFIF, _ADOBE = 0xE0, 0xEE  # application segments that say which colours are meant
_APPLICATION = range(0xE0, 0xF0)
# what is neither a stuffed 0xFF, nor filling, nor a restart
_MARKER = re.compile(rb"\xff(?=[\x02-\xcf\xd8-\xfe])")
_HARMLESS = re.compile(
    r"extraneous bytes before marker|bad ICC marker|unknown JFIF revision|Invalid SOS parameters"
)
_BEFORE_END = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


def decode(data: bytes, colours: str) -> np.ndarray:
    """The pixels of a JPEG file, bit for bit those of Pillow: uint8 `(H, W, 3)` or `(H, W, 4)`.

    `colours`: "RGB" (grey is made RGB) or "CMYK". Raises `ValueError` if any data are missing or
    cannot be decoded, and `BadImage` if there are more than `MAX_SCANS` scans.
    """
    if _scans(data) > MAX_SCANS:
        raise BadImage(f"too much work: a JPEG of more than {MAX_SCANS} scans")
    if _has_hole(data):
        raise BadImage("damaged: zeros in the place of data")
    try:
        return simplejpeg.decode_jpeg(data, colours)
    except ValueError as error:
        if not _HARMLESS.search(str(error)):
            raise
    data = _mended(data)
    try:
        return simplejpeg.decode_jpeg(data, colours)
    except ValueError as error:
        data = _without_padding(data, str(error))
    return simplejpeg.decode_jpeg(data, colours)


def _scans(data: bytes) -> int:
    """How many scans there are; more than `MAX_SCANS` are not counted to the end."""
    if data.count(bytes([0xFF, _SOS])) <= MAX_SCANS:  # previews and what follows the end included
        return 0
    scans = 0
    for marker, _, _ in _segments(data):
        scans += marker == _SOS
        if scans > MAX_SCANS:
            break
    return scans


def _has_hole(data: bytes) -> bool:
    """True if a baseline scan holds zeros for so long that no encoder can have written them.

    They decode without a warning, as code after code of zeros alone. In a scan of which the table
    has the end of a block there, they may stand for a plain background; elsewhere for the most
    frequent coefficient again and again, and no picture is made of that.
    """
    if data.find(_HOLE, max(data.find(bytes([0xFF, _SOS])), 0)) < 0:
        return False
    shortest, plain, scan_end = {}, True, 0  # the symbol of zeros alone, by table
    for marker, start, end in _segments(data):
        if scan_end and not plain and _HOLE in data[scan_end:start]:
            return True
        scan_end = 0
        if marker == _PROGRESSIVE:
            return False
        if marker == _TABLES:
            at = start + 4
            while at + 17 < end:
                shortest[data[at]] = data[at + 17]
                at += 17 + sum(data[at + 1 : at + 17])
        elif marker == _SOS:
            used = data[start + 6 : end - 3 : 2]
            plain = all(shortest.get(_AC | number & 15, 0) == 0 for number in used)
            scan_end = end
    return False


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment between the first marker, SOI, and EOI."""
    at = 2
    while found := _MARKER.search(data, at):
        start, marker = found.start(), data[found.start() + 1]
        at = start + 2
        if marker not in (_SOI, _EOI):
            at += int.from_bytes(data[start + 2 : start + 4])
        yield marker, start, at
        if marker == _EOI:
            return


def _mended(data: bytes) -> bytes:
    """The file without what decoders warn of although no pixel depends on it.

    That is: bytes between segments, broken profiles and other notes, a JFIF of the future, and
    settings of a scan that only progressive files have.
    """
    parts, scan_end, progressive = [data[:2]], 0, False
    for marker, start, end in _segments(data):
        segment = data[start:end]
        if scan_end:
            parts.append(data[scan_end:start])
        scan_end = end if marker == _SOS else 0
        progressive = progressive or marker == _PROGRESSIVE
        if marker == _SOS and not progressive:
            segment = segment[:-3] + bytes([0, 63, 0])
        if marker == _JFIF and segment[4:9] == b"JFIF\0":
            segment = segment[:9] + b"\1" + segment[10:]
        elif marker == _COMMENT or (marker in _APPLICATION and marker != _ADOBE):
            continue
        parts.append(segment)
    return b"".join(parts)


def _without_padding(data: bytes, warning: str) -> bytes:
    """The file without zeros before its end, if those are what the warning is of."""
    found = _BEFORE_END.search(warning)
    zeros = bytes(int(found[1])) if found else b""
    end = bytes([0xFF, _EOI])
    return data.removesuffix(end).removesuffix(zeros) + end
