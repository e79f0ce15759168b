"""Synthetic photographs of faces: made on the reader's machine, from numbers, of nobody.

`render` draws the look of each face from its seed, paints it (`portrait`) in linear light and takes
its picture (`camera`). They stand in for photographs where none may be shipped. They are no
evidence about real faces: a detector measured on them has been measured on them.
"""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from mesocore import camera, portrait
from mesocore.core.errors import UserError

TILE = 96  # side of the noise tiles that textures are cut from

# name: (low, high) of a uniform draw, in this order; add at the end, or every face changes
LOOK: dict[str, tuple[float, float]] = {
    # pose: image units (half the side = 1), radians
    "centre_x": (-0.06, 0.06), "centre_y": (-0.06, 0.06), "scale": (0.72, 0.92),
    "roll": (-0.16, 0.16), "yaw": (-0.55, 0.55), "pitch": (-0.25, 0.25),
    # head, in head units (half its height = 1)
    "width": (0.66, 0.79), "jaw": (0.18, 0.46), "chin": (0.6, 1.2), "cheeks": (0.02, 0.09),
    "neck": (0.32, 0.46), "ears": (0.07, 0.13),
    # skin
    "melanin": (0.0, 1.0), "redness": (0.0, 1.0), "mottle": (0.02, 0.08), "pores": (0.03, 0.10),
    "freckles": (-1.5, 1.0), "wrinkles": (0.0, 1.0), "shine": (0.0, 0.28),
    # eyes
    "eye_y": (-0.14, -0.02), "eye_apart": (0.29, 0.36), "eye_width": (0.14, 0.175),
    "eye_open": (0.050, 0.088), "eye_slant": (-0.12, 0.12), "gaze_x": (-0.35, 0.35),
    "gaze_y": (-0.25, 0.25), "iris_hue": (0.0, 1.0), "iris_light": (0.0, 1.0), "lids": (0.2, 1.0),
    "brow_y": (0.15, 0.24), "brow_thick": (0.020, 0.055), "brow_arch": (-0.3, 0.5),
    "brow_dark": (0.35, 0.95),
    # nose and mouth
    "nose_length": (0.34, 0.48), "nose_width": (0.09, 0.16), "nose_height": (0.14, 0.30),
    "lip_y": (0.52, 0.61), "mouth_width": (0.22, 0.33), "lip": (0.055, 0.105),
    "smile": (-0.5, 1.6), "mouth_open": (-0.10, 0.06), "lip_red": (0.1, 0.9),
    # hair: `hair_long`, `beard` and `glasses` are there when positive
    "hairline": (-0.80, -0.50), "hair_volume": (0.06, 0.26), "hair_long": (-1.0, 1.0),
    "hair_curl": (0.0, 1.0), "hair_dark": (0.0, 1.0), "hair_red": (0.0, 1.0),
    "parting": (-0.6, 0.6), "grey": (-2.0, 1.0), "bald": (-6.0, 1.0),
    "beard": (-2.0, 1.0), "glasses": (-2.5, 1.0), "glasses_dark": (0.0, 1.0),
    # scene
    "cloth_r": (0.02, 0.7), "cloth_g": (0.02, 0.7), "cloth_b": (0.02, 0.7), "stripes": (-2.0, 1.0),
    "back_r": (0.03, 0.8), "back_g": (0.03, 0.8), "back_b": (0.03, 0.8), "back_busy": (0.0, 1.0),
    "light_x": (-1.2, 1.2), "light_y": (-1.0, 0.2), "key": (0.7, 1.3), "fill": (0.1, 0.5),
    "fill_side": (-1.0, 1.0), "ambient": (0.15, 0.40),
    # camera
    "blur": (0.45, 1.0), "vignette": (0.0, 0.35), "warmth": (-0.5, 0.5), "exposure": (0.80, 1.15),
    "shot": (0.0001, 0.0008), "read": (0.001, 0.006), "sharpen": (0.2, 1.0),
    "contrast": (-0.2, 0.5),
}  # fmt: skip


def render(seeds: Sequence[int], size: int = 256) -> tuple[Tensor, pd.DataFrame]:
    """One synthetic photograph a seed.

    Returns uint8 `(N, 3, size, size)` RGB and a table indexed by seed: the `LOOK` parameters and
    landmarks in pixels (`left_eye_x` ... `face_y1`; left is the picture's left). An image depends
    on its own seed and on `size` only. Raises `UserError` for a negative seed or an odd size.
    """
    check_size(size)
    if any(seed < 0 for seed in seeds):
        raise UserError(f"seed {min(seeds)} is negative; seeds start at 0")
    done = [_render_one(seed, size) for seed in seeds]
    images = torch.cat([image for image, _ in done]) if done else torch.empty(0, 3, size, size)
    table = pd.DataFrame([row for _, row in done], index=pd.Index(seeds, name="seed"))
    return images.to(torch.uint8), table


def check_size(size: int) -> None:
    """Raises `UserError` unless photographs of `size` pixels a side can be rendered."""
    if size < 64 or size % 2:
        raise UserError(f"size {size} does not work: write an even number from 64 upwards")


def _render_one(seed: int, size: int) -> tuple[Tensor, dict[str, float]]:
    """One at a time: it fits the cache, and no other face can have a say in its last bit."""
    generator = torch.Generator().manual_seed(int(seed))
    draws = torch.rand(len(LOOK), generator=generator)
    tiles = torch.randn(1, 4, TILE, TILE, generator=generator)
    noise = torch.randn(1, size, size, generator=generator)
    low, high = torch.tensor(list(LOOK.values())).unbind(1)
    values = low + (high - low) * draws
    look = dict(zip(LOOK, values[:, None].unbind(0), strict=True))
    image = camera.photograph(portrait.paint(look, tiles, size), look, noise)
    marks = portrait.landmarks(look, size)
    return image, {name: float(value) for name, value in (look | marks).items()}
