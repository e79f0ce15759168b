"""What of an image is compared with all others: a perceptual hash, and a thumbnail that confirms.

Assembly measures the prepared pixels, which it has at hand just before they become a JPEG; to
decode what was written would take longer than to write it. From a file (`of_file`) a JPEG is read
at a fraction of its size, which its decoder does cheaply. The two differ by what a JPEG of quality
90 changes: mostly no bit of the hash, and 0.01 in `duplicates.differences`.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from mesocore.core import formats
from mesocore.core.images import read_bytes

THUMBNAIL = (16, 16, 3)  # uint8, RGB
_COSINES = np.cos(np.pi / 32 * np.outer(np.arange(8), np.arange(32) + 0.5))  # of a DCT-II: (8, 32)


def measure(image: Image.Image) -> tuple[str, bytes]:
    """An RGB image's hash as 16 hexadecimal digits, and its thumbnail: uint8 (16, 16, 3) as bytes.

    The hash is `imagehash.phash`, 64 bit (Zauner, "Implementation and benchmarking of perceptual
    image hash functions", 2010: the low 8 x 8 frequencies of 32 x 32 pixels against their median),
    but that a large image is averaged down to some 64 pixels a side before it is resampled to 32.
    """
    small = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS, reducing_gap=2)
    low = _COSINES @ np.asarray(small, float) @ _COSINES.T  # (8, 8)
    low = low.round(6)  # zeros of flat and of mirrored pictures, which rounding would scatter
    below, above = np.sort(low, axis=None)[31:33]
    phash = np.packbits(low > (below + above) / 2).tobytes().hex()
    return phash, image.resize(THUMBNAIL[:2], Image.Resampling.BOX, reducing_gap=1).tobytes()


def of_file(path: Path) -> tuple[str, bytes]:
    """`measure` of an image file. Raises `BadImage`, `OSError`, `SyntaxError` or `ValueError`."""
    image = formats.open_image(read_bytes(path), path)
    image.draft("RGB", (64, 64))
    return measure(image.convert("RGB"))
