"""Which formats are read as images, and what is said of every other file.

The content decides and not the name, which only helps to tell a video. Formats are listed because
Pillow would hand anything that it knows to a decoder: a PostScript program called .jpg to
Ghostscript.
"""

import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError, features

from mesocore.core.errors import BadImage

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "JPEG2000", "AVIF")
HEIF = "HEIF"  # of pillow-heif: HEIC photographs
VIDEO = (
    "not an image but a video: extract frames first, for example with "
    "mkdir clip && ffmpeg -i clip.mp4 -vf fps=1 clip/%04d.png"
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_BRANDS = {b"mif1", b"msf1"}  # AVIF or HEIC, as the compatible brands say
_OTHER_BRANDS = {b"M4A ", b"M4B ", b"M4P ", b"crx "}  # sound; a camera's raw file
_QUICKTIME = {
    b"moov",
    b"mdat",
    b"wide",
    b"skip",
    b"free",
    b"pnot",
}  # boxes at the start of old files
_VIDEO_STARTS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3",  # MPEG
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # Windows Media
    b"FLV\x01", b"YUV4MPEG2 ",
)  # fmt: skip
_VIDEO_SUFFIXES = {
    ".3g2", ".3gp", ".avi", ".flv", ".h264", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".ogv", ".webm", ".wmv", ".y4m",
}  # fmt: skip
_NOT_READ = {
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"8BPS": "Photoshop",
    b"%!PS": "PostScript",
    b"v/1\x01": "OpenEXR",
    b"\x00\x00\x01\x00": "Windows icon",
    b"II*\x00": "this kind of TIFF",
    b"MM\x00*": "this kind of TIFF",
}


def open_image(data: bytes, path: str | Path = "") -> Image.Image:
    """The image in a file's content, its pixels not yet decoded.

    `path`: the file's name, which helps to say what it is if it is no image. Raises `BadImage`, and
    what Pillow raises for an image that is damaged or too large.
    """
    formats = FORMATS
    if _is_heic(data):
        _register_heif()
        formats = (HEIF,)
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError as error:
        raise BadImage(_refusal(data, path)) from error


def is_video(data: bytes, path: str | Path = "") -> bool:
    """True if content that is no image, or its first 512 bytes, is a video's, or `path` is."""
    brand = next(iter(_brands(data)), None)
    return (
        brand is not None
        and brand not in _AVIF_BRANDS | _HEIC_BRANDS | _HEIF_BRANDS | _OTHER_BRANDS
        or data[4:8] in _QUICKTIME
        or (data[:4], data[8:12]) == (b"RIFF", b"AVI ")
        or data.startswith(_VIDEO_STARTS)
        or data[:377:188] == b"GGG"  # packets of an MPEG transport stream, and of an AVCHD camera
        or data[4:389:192] == b"GGG"
        or Path(path).suffix.lower() in _VIDEO_SUFFIXES
    )


def _brands(data: bytes) -> list[bytes]:
    """Those of an ISO base media file, the major one first; they tell MP4, AVIF and HEIC apart."""
    if data[4:8] != b"ftyp":
        return []
    box = data[8 : min(int.from_bytes(data[:4]), 512)]
    return [box[:4], *(box[at : at + 4] for at in range(8, len(box), 4))]


def _is_heic(data: bytes) -> bool:
    major, *compatible = _brands(data) or [b""]
    return major in _HEIC_BRANDS or (major in _HEIF_BRANDS and not _AVIF_BRANDS & set(compatible))


def _register_heif() -> None:
    if HEIF in Image.OPEN:
        return
    try:
        import pillow_heif
    except ImportError as error:
        raise BadImage(
            "HEIC cannot be read here: pip install pillow-heif (the extra heic of mesocore)"
        ) from error
    pillow_heif.register_heif_opener()


def _refusal(data: bytes, path: str | Path) -> str:
    """What to say of content that no decoder took."""
    if _AVIF_BRANDS & set(_brands(data)):
        if not features.check("avif"):
            return "AVIF cannot be read here: pip install --upgrade pillow"
        return "damaged: an AVIF file without a picture that can be decoded"
    if _is_heic(data):
        return "damaged: a HEIC file without a picture that can be decoded"
    for start, name in _NOT_READ.items():
        if data.startswith(start):
            return f"an image format that is not read: {name}; convert the image to PNG"
    return VIDEO if is_video(data, path) else "not an image"
