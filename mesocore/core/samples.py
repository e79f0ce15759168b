"""Samples of more than 8 bits to 8 bits, or a refusal where white may be anywhere.

White is the largest number that the samples' type holds. Where no sample of an image comes up to
half of it, fewer bits may be in use (12 bits of a camera in 16 are common), and the image would be
judged as if it were black; or it may be truly dark. Both look alike, so it is refused.
"""

import numpy as np
from PIL import Image, TiffImagePlugin

from mesocore.core.errors import BadImage

_SAMPLE_FORMAT, _SIGNED = 339, 2  # the TIFF tag, and its value for integers below 0 too
_WHITE_IS_ZERO = 0
# A 32-bit image never fills its type: what is in it was meant for 8 bits or for 16.
_WHITES = {12: (4095,), 16: (65535,), 32: (255, 65535)}
_FIX = "convert the image to 8 bits, white as 255"


def stored_bits(image: Image.Image, data: bytes) -> int:
    """Bits a sample in an image that is opened and not yet loaded: at most 8, 12, 16 or 32.

    `data`: its file. Pillow makes 16 bits of 9 to 15 in JPEG 2000 and PPM, which say where white
    is. Raises `BadImage` for integer samples that Pillow would take for others.
    """
    if image.format == "PNG":
        return data[24]  # of IHDR, which is always first
    if image.format == "TIFF":
        return _tiff_bits(image)
    if image.format == "PPM":
        return 16 if image.mode == "I" or _maximum(image) > 255 else 8
    if image.format == "JPEG2000":
        return _jpeg_2000_bits(image, data)
    return 8


def _tiff_bits(image: Image.Image) -> int:
    tags = image.tag_v2
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    signed = _SIGNED in tags.get(_SAMPLE_FORMAT, ())
    if signed and bits == 8:
        raise BadImage(f"integer pixels of unknown range: signed; {_FIX}")
    inverted = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO
    if inverted and image.mode.startswith("I"):
        raise BadImage(f"integer pixels whose white is 0: {_FIX}")
    return bits


def _jpeg_2000_bits(image: Image.Image, data: bytes) -> int:
    start = data.find(b"\xff\x4f\xff\x51")  # SOC and SIZ, which open a codestream
    if (data[start + 42] & 0x7F) + 1 <= 8:
        return 8
    if not image.mode.startswith("I"):  # Pillow rounds white up to 256, which it stores as 0
        raise BadImage(f"JPEG 2000 colours of more than 8 bits: {_FIX}")
    return 16


def _maximum(image: Image.Image) -> int:
    """The `maxval` of a PPM file, as far as Pillow does not copy the samples as they are."""
    arguments = image.tile[0].args
    return arguments[-1] if isinstance(arguments, tuple) else 255


def to_8_bits(image: Image.Image, bits: int) -> Image.Image:
    """An image of mode I or I;16 as mode L; of colours, which Pillow has made 8 bits, the same.

    `bits`: its `stored_bits`. Raises `BadImage` unless the largest sample is over half of white.
    """
    if bits <= 8:
        return image
    if not image.mode.startswith("I"):
        bands = zip(image.getbands(), image.split(), strict=True)
        if max(band.getextrema()[1] for name, band in bands if name != "A") < 128:
            raise BadImage(f"integer pixels of unknown range: below half of {bits} bits; {_FIX}")
        return image
    samples = np.asarray(image)
    low, high = int(samples.min()), int(samples.max())
    fitting = [white for white in _WHITES[bits] if white // 2 < high <= white]
    if low < 0 or not fitting:
        raise BadImage(f"integer pixels of unknown range: {low} to {high} in {bits} bits; {_FIX}")
    scaled = (np.arange(high + 1) * 255 + fitting[0] // 2) // fitting[0]
    return Image.fromarray(scaled.astype(np.uint8)[samples])
