"""Pictures in notebooks become smaller and stay what they show."""

import base64
import io

import nbformat
import numpy as np
import shrink_pictures
from PIL import Image

from tests.conftest import picture


def png(image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def test_a_photograph_shrinks_and_a_second_time_changes_nothing(tmp_path):
    image = picture(3, 128)
    output = nbformat.v4.new_output("display_data", data={"image/png": png(image)})
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    path = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    shrink_pictures.main([str(path)])
    small = nbformat.read(path, 4).cells[0].outputs[0].data["image/png"]
    assert len(small) < 0.6 * len(png(image))
    shown = Image.open(io.BytesIO(base64.b64decode(small))).convert("RGB")
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(image)).mean() < 12
    before = path.read_bytes()
    shrink_pictures.main([str(path)])
    assert path.read_bytes() == before
