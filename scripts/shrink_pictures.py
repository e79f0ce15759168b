"""Makes the pictures in executed notebooks small enough to commit: `make notebooks` calls it.

    python scripts/shrink_pictures.py NOTEBOOK...

Contact sheets of photographs are large as PNG; 128 colours of each picture's own are enough to read
one by. What is in figures/ keeps all colours.
"""

import base64
import io
import sys

import nbformat
from PIL import Image

COLOURS = 128


def shrunk(png: str) -> str:
    """A PNG in base64 with at most `COLOURS` colours, or the same text if that is no smaller."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    small = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return min(png, base64.b64encode(small.getvalue()).decode(), key=len)


def main(paths: list[str]) -> None:
    for path in paths:
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = shrunk(output.data["image/png"])
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main(sys.argv[1:])
