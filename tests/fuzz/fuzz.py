"""Feeds damaged pictures or weights to the doors that they come in through; see README.md here."""

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np
from PIL import Image

with atheris.instrument_imports(include=["mesocore"]):
    from mesocore.core.errors import BadImage, UserError
    from mesocore.core.images import Preparation, decode, prepare
    from mesocore.nets.detector import load_detector

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
WEIGHTS = Path(__file__).parents[2] / "results/runs/openforensics-128/meso4-0"


def picture(data: bytes) -> None:
    """A picture is pixels of the size asked for, or `BadImage`."""
    try:
        ready = prepare(decode(data)[0], Preparation(64))
    except BadImage:
        return
    assert ready.size == (64, 64) and ready.mode == "RGB"


def weights(data: bytes) -> None:
    """A run's weights are a detector with finite scores, or a `UserError` of one line."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.json").write_bytes((WEIGHTS / "model.json").read_bytes())
        (Path(folder) / "model.safetensors").write_bytes(data)
        h5 = Path(folder) / "weights.h5"
        h5.write_bytes(data)
        for path in (Path(folder), h5):
            try:
                load_detector(path)
            except UserError as error:
                assert "\n" not in str(error), error


def pictures_to_begin_with() -> list[bytes]:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (72, 80, 3), dtype=np.uint8))
    files = []
    for form in FORMATS:
        file = io.BytesIO()
        image.save(file, form)
        files.append(file.getvalue())
    return files


DOORS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "pictures": (picture, pictures_to_begin_with),
    "weights": (weights, lambda: [(WEIGHTS / "model.safetensors").read_bytes()]),
}


def main() -> None:
    """`fuzz.py pictures|weights`, then options of libFuzzer."""
    if len(sys.argv) < 2 or sys.argv[1] not in DOORS:
        sys.exit(f"usage: fuzz.py {'|'.join(DOORS)} [-max_total_time=60 ...]")
    door, begin = DOORS[sys.argv.pop(1)]
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, data in enumerate(begin()):
        (corpus / str(number)).write_bytes(data)
    atheris.Setup([*sys.argv, str(corpus)], door)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
