"""Synthetic photographs as they reach a collector: a camera's JPEG, made smaller by a website.

The camera has twice the pixels of the picture that is published. Its mosaic and noise are averaged
out for the most part, as in the photographs that face collections are compiled from.
"""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from mesocore import synthfaces
from mesocore.core.images import encode_jpeg

SIZE = 128  # pixels a side, as published; what the generator learns and the embedded set holds
CAMERA_QUALITIES = (86, 98)  # of the camera's JPEG, the upper end left out


def take(seeds: Sequence[int], size: int = SIZE) -> tuple[np.ndarray, pd.DataFrame]:
    """One published photograph a seed.

    Returns uint8 `(N, size, size, 3)` RGB and `synthfaces.render`'s table with the landmarks in
    pixels of these images and `camera_quality`. Each depends on its own seed and on `size` only.
    Raises `UserError` for a negative seed or a size that cannot be rendered.
    """
    photographs, table = synthfaces.render(seeds, 2 * size)
    table["camera_quality"] = [_quality(seed) for seed in seeds]
    marks = [name for name in table if name.endswith(("_x", "_y", "_x0", "_y0", "_x1", "_y1"))]
    marks = [name for name in marks if name not in synthfaces.LOOK]
    table[marks] = (table[marks] + 0.5) / 2 - 0.5  # pixel centres stay where they are
    images = np.empty((len(seeds), size, size, 3), dtype=np.uint8)
    for n, (photograph, quality) in enumerate(
        zip(photographs, table["camera_quality"], strict=True)
    ):
        image = Image.fromarray(photograph.permute(1, 2, 0).contiguous().numpy())
        stored = Image.open(io.BytesIO(encode_jpeg(image, int(quality))))
        images[n] = stored.resize((size, size), Image.Resampling.LANCZOS)
    return images, table


def _quality(seed: int) -> int:
    return int(np.random.default_rng([seed, 1]).integers(*CAMERA_QUALITIES))
