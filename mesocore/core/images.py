"""One pipeline from any image file to matched pixels: decode, orient, RGB, crop, resize, JPEG.

Both classes, training and prediction all go through `Preparation`, so that what is left to tell
real from fake is what the forgery left and not who saved the file.

Decisions, each with a test: the formats that `formats` lists are read and no others, and of them
what is whole (`jpeg`; a PNG's checksums); transparent pixels are composited on white, and a picture
of nothing else is refused; samples of 12, 16 or 32 bits are scaled to 8, and refused where it is
unknown which of them is white (`samples`), as floating-point ones always are; of an animation or a
multi-page file the first frame is taken; EXIF orientation is applied; an ICC profile is dropped
without being applied, as common dataset tools do.
"""

import functools
import hashlib
import io
import os
import stat
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from mesocore.core import formats, jpeg, samples
from mesocore.core.errors import BadImage

if TYPE_CHECKING:
    from torch import Tensor

MAX_PIXELS = 89_478_485  # Pillow's own limit of decompression-bomb safety (a quarter GiB of RGB)
MAX_DECODED = 512 * 2**20  # bytes that a decoder may fill
MAX_BYTES = 256 * 2**20  # of a file
MIN_SIDE = 64  # the smallest input of the models; below it, enlarging invents what is classified
_ORIENTATION = 0x0112  # the EXIF tag
_STRIP = 256  # rows
_RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "nearest": Image.Resampling.NEAREST}

# Of metadata that no pixel depends on, and of a size that `_check_size` refuses. Once and for all:
# to set it aside for one image at a time is not safe where several threads decode.
for _library in ("PIL", "pillow_heif"):
    warnings.filterwarnings("ignore", module=rf"{_library}\b")
Image.core.set_blocks_max(4)  # kept for the next image: fresh memory costs a page fault a page


@dataclass(frozen=True)
class Preparation:
    """How pixels are matched.

    size: side of the square output in pixels. fit: "crop" (centre square, scaled), "squash", or
    "native" (the middle, cut out and not scaled: interpolation would wipe out fine traces).
    resample: "lanczos" or "nearest". quality: of the JPEG round trip, 1 to 95; None leaves it out.
    margin: the largest face is cut out first, as a square whose side is `margin` times that of the
    face (`faces.face_finder`); None takes the picture as it is. Raises `ValueError` for anything
    else.
    """

    size: int = 256
    fit: str = "crop"
    resample: str = "lanczos"
    quality: int | None = 90
    margin: float | None = None

    def __post_init__(self) -> None:
        if not 16 <= self.size <= 4096:
            raise ValueError(f"size {self.size} is not within 16 to 4096 pixels")
        if self.fit not in ("crop", "squash", "native"):
            raise ValueError(f"fit {self.fit!r} is not one of 'crop', 'squash', 'native'")
        if self.resample not in _RESAMPLING:
            raise ValueError(f"resample {self.resample!r} is neither 'lanczos' nor 'nearest'")
        if self.quality is not None and not 1 <= self.quality <= 95:
            raise ValueError(f"JPEG quality {self.quality} is not within 1 to 95")
        if self.margin is not None and not 0.5 <= self.margin <= 5:
            raise ValueError(f"margin {self.margin} is not within 0.5 to 5")
        if self.margin is not None and self.fit != "crop":
            raise ValueError(f"margin goes with the fit 'crop', not with {self.fit!r}")

    def to_dict(self) -> dict:
        """Plain values, for JSON; without a margin, as before there were margins, if it is None."""
        return {name: value for name, value in asdict(self).items()
                if value is not None or name != "margin"}  # fmt: skip

    @classmethod
    def from_dict(cls, values: dict) -> "Preparation":
        """The inverse of `to_dict`."""
        return cls(**values)


def read_bytes(path: str | Path) -> bytes:
    """The content of a regular file; raises `BadImage` if that cannot be had."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise BadImage("not a regular file")
        with open(path, "rb", buffering=0) as file:
            if status.st_size > MAX_BYTES:
                video = formats.is_video(file.read(512), path)
                raise BadImage(formats.VIDEO if video else f"larger than {MAX_BYTES // 2**20} MiB")
            data = file.readall()
    except FileNotFoundError as error:
        broken = "broken symbolic link" if os.path.islink(path) else "cannot be read: not found"
        raise BadImage(broken) from error
    except OSError as error:
        raise BadImage(f"cannot be read: {(error.strerror or 'I/O error').lower()}") from error
    if not data:
        raise BadImage("empty file")
    return data


def decode(data: bytes, path: str | Path = "") -> tuple[Image.Image, dict]:
    """Decodes an image file completely; its `path` only helps to say what it is if no image.

    Returns the RGB image, oriented, and the facts of its header (`header_facts`).
    Raises `BadImage`.
    """
    try:
        image = formats.open_image(data, path)
        facts = header_facts(image, len(data))
        image = _to_rgb(image, data)
        image.info = {}  # what the header said is no part of the pixels
        return image, facts
    except BadImage:
        raise
    except MemoryError as error:  # Linux lends more than there is: what is refused was absurd
        raise BadImage("too large: more memory is needed than there is") from error
    except Image.DecompressionBombError as error:
        raise BadImage(f"too large: more than {MAX_PIXELS} pixels") from error
    except Exception as error:  # a decoder fed with garbage raises nearly anything
        raise BadImage(f"damaged: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def header_facts(image: Image.Image, size: int) -> dict:
    """What the container says, before any pixel: the material of the audit's header features.

    Keys: format, bytes, width, height (as stored), mode, progressive, quantisation (mean entry of
    the JPEG tables; 0 if there are none), tables (their digest), exif, icc.
    """
    tables = getattr(image, "quantization", None) or {}
    entries = [value for table in tables.values() for value in table]
    digest = _digest(tuple((number, tuple(table)) for number, table in sorted(tables.items())))
    return {
        "format": image.format or "",
        "bytes": size,
        "width": image.width,
        "height": image.height,
        "mode": image.mode,
        "progressive": bool(image.info.get("progressive") or image.info.get("interlace")),
        "quantisation": round(sum(entries) / len(entries), 3) if entries else 0.0,
        "tables": digest if entries else "",
        "exif": "exif" in image.info,
        "icc": bool(image.info.get("icc_profile")),
    }


@functools.lru_cache(maxsize=1024)
def _digest(tables: tuple) -> str:
    """Of quantisation tables; a set has few different ones."""
    text = repr([(number, list(table)) for number, table in tables])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _to_rgb(image: Image.Image, data: bytes) -> Image.Image:
    if image.mode == "F":
        raise BadImage("floating-point pixels of unknown range")
    bits = samples.stored_bits(image, data)
    _check_size(image, bits)
    if image.format in ("JPEG", "MPO"):
        image = _of_jpeg(image, data)
    if image.format == "PNG":
        formats.open_image(data).verify()  # checksums, which decoding does not look at
    image = samples.to_8_bits(_oriented(image), bits)
    if image.has_transparency_data:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _check_size(image: Image.Image, bits: int) -> None:
    """Raises `BadImage` if decoding would take too much memory, by the header alone."""
    bands = len(image.getbands())
    each = {"JPEG2000": 4 * bands, "WEBP": 10}.get(image.format, bands * -(-bits // 8))
    if image.width * image.height > min(MAX_PIXELS, MAX_DECODED // each):
        raise BadImage(f"too large: {image.width} x {image.height} pixels of {each} bytes")


def _of_jpeg(image: Image.Image, data: bytes) -> Image.Image:
    """The pixels of an opened JPEG file, decoded strictly, with what is known of it in `info`."""
    if image.mode == "CMYK":  # stored inverted, as Adobe does
        pixels = jpeg.decode(data, "CMYK")
        decoded = Image.frombytes("CMYK", image.size, pixels, "raw", "CMYK;I")
    else:
        decoded = Image.fromarray(jpeg.decode(data, "RGB"))
    decoded.info = image.info
    return decoded


def _oriented(image: Image.Image) -> Image.Image:
    image.load()
    try:
        if image.getexif().get(_ORIENTATION, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF is common in the wild and does not harm the pixels
        return image


def _on_white(image: Image.Image) -> Image.Image:
    """A transparent image as RGB, strip by strip: whole layers would take four times its memory."""
    result, visible = Image.new("RGB", image.size), 0
    for top in range(0, image.height, _STRIP):
        box = (0, top, image.width, min(top + _STRIP, image.height))
        strip = image.crop(box).convert("RGBA")
        visible = max(visible, strip.getchannel("A").getextrema()[1])
        white = Image.new("RGBA", strip.size, "white")
        result.paste(Image.alpha_composite(white, strip).convert("RGB"), box)
    if not visible:
        raise BadImage("fully transparent: nothing is to be seen")
    return result


def open_rgb(path: str | Path) -> Image.Image:
    """A file as an RGB image, EXIF-oriented and fully decoded. Raises `BadImage`."""
    return decode(read_bytes(path), path)[0]


def prepare(image: Image.Image, prep: Preparation) -> Image.Image:
    """RGB image -> RGB image of `prep.size` square, before JPEG, without metadata.

    It is `image` itself where there is nothing to do. Raises `BadImage` if the short side is below
    `MIN_SIDE`, or below what is to be cut out.
    """
    width, height = image.size
    if prep.fit == "native" and min(width, height) < prep.size:
        raise BadImage(f"too small: {width} x {height} pixels, {prep.size} are cut from the middle")
    if min(width, height) < MIN_SIDE:
        raise BadImage(f"too small: {width} x {height} pixels, at least {MIN_SIDE} needed")
    box = (0, 0, width, height)
    if prep.fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
    if prep.fit == "native":  # from a multiple of 8, so that blocks of a JPEG stay whole
        left, top = ((length - prep.size) // 16 * 8 for length in (width, height))
        box = (left, top, left + prep.size, top + prep.size)
    square = (prep.size, prep.size)
    if not image.info and (image.size, box) == (square, (0, 0, *square)):
        return image
    ready = image.resize(square, _RESAMPLING[prep.resample], box=box)
    ready.info = {}
    return ready


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """Baseline JPEG, 4:2:0, standard Huffman tables, no metadata."""
    if image.info:  # Pillow would carry a comment over
        image = image.copy()
        image.info = {}
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def to_array(path: Path, prep: Preparation) -> np.ndarray:
    """A file as the model sees it, after the JPEG round trip if any: uint8 (3, S, S) RGB.

    Raises `BadImage`, and `ValueError` if `prep` has a margin: faces are not looked for here.
    """
    if prep.margin is not None:
        raise ValueError("cut the face out first (faces.crop_to_face), then use prepared_array")
    return prepared_array(open_rgb(path), prep)


def prepared_array(image: Image.Image, prep: Preparation) -> np.ndarray:
    """The same of an RGB image."""
    ready = prepare(image, prep)
    if prep.quality is not None:
        ready = Image.open(io.BytesIO(encode_jpeg(ready, prep.quality)))
    return np.ascontiguousarray(np.asarray(ready, dtype=np.uint8).transpose(2, 0, 1))


def resize(images: "Tensor", size: int) -> "Tensor":
    """uint8 `(..., 3, H, W)` on a CPU -> uint8 `(..., 3, size, size)`, bilinear with antialiasing.

    The bits of torchvision's `resize` on CPUs with AVX2 and on ARM, without the seconds that its
    import takes.
    """
    if images.shape[-1] == size:
        return images
    from torch.nn.functional import interpolate

    flat = images.reshape(-1, *images.shape[-3:])  # (N, 3, H, W)
    small = interpolate(flat, (size, size), mode="bilinear", antialias=True)
    return small.reshape(*images.shape[:-2], size, size)
