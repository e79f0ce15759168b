"""What of an image is compared with all others: a perceptual hash, and a thumbnail that confirms.

Assembly measures the prepared pixels, which it has at hand just before they become a JPEG; to
decode what was written would take longer than to write it. From a file (`of_file`) a JPEG is read
at a fraction of its size, which its decoder does cheaply. The two differ by what a JPEG of quality
90 changes: mostly no bit of the hash, and 0.01 in `duplicates.differences`.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fftpack import dct

from mesocore.core import formats
from mesocore.core.images import read_bytes

THUMBNAIL = (16, 16, 3)  # uint8, RGB
_BOX = Image.Resampling.BOX


def measure(image: Image.Image) -> tuple[str, bytes]:
    """An RGB image's hash as 16 hexadecimal digits, and its thumbnail: uint8 (16, 16, 3) as bytes.

    The hash is `imagehash.phash`, 64 bit, bit for bit, of the image averaged down to 32 x 32
    pixels. (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010: the
    low 8 x 8 frequencies of 32 x 32 pixels against their median.)
    """
    small = image.resize((32, 32), _BOX, reducing_gap=1)
    low = dct(dct(np.asarray(small.convert("L")), axis=0)[:8], axis=1)[:, :8]
    below, above = np.sort(low, axis=None)[31:33]
    phash = np.packbits(low > (below + above) / 2).tobytes().hex()
    return phash, small.resize(THUMBNAIL[:2], _BOX).tobytes()


def of_file(path: Path) -> tuple[str, bytes]:
    """`measure` of an image file. Raises `BadImage`, `OSError`, `SyntaxError` or `ValueError`."""
    image = formats.open_image(read_bytes(path), path)
    image.draft("RGB", (64, 64))
    return measure(image.convert("RGB"))
