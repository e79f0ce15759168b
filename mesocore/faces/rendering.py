"""Synthetic photographs of faces: made on the reader's machine, from numbers, of nobody.

`render` draws the look of each face from its seed, paints it in linear light, back to front
(`paint`), and takes its picture (camera.py). `snapshots` are such pictures as a collector finds
them. They stand in for photographs where none may be shipped. They are no evidence about real
faces: a detector measured on them has been measured on them.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from mesocore.core.errors import UserError
from mesocore.core.images import encode_jpeg
from mesocore.faces import camera, facial_features
from mesocore.faces.scene import DEPTH, Scene

SIZE = 128  # pixels a side of a snapshot; what the generator learns and the embedded set holds
CAMERA_QUALITIES = (86, 98)  # of the camera's JPEG, the upper end left out
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


Layer = Callable[[Scene, Tensor], Tensor]


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
    image = camera.photograph(paint(look, tiles, size), look, noise)
    marks = landmarks(look, size)
    return image, {name: float(value) for name, value in (look | marks).items()}


def paint(look: dict[str, Tensor], tiles: Tensor, size: int) -> Tensor:
    """`look`: `(N,)` tensors as in `LOOK`; `tiles`: noise `(N, 4, T, T)`.

    Returns scene light float `(N, 3, S, S)`, about 0..1.
    """
    scene = Scene({name: value[:, None, None] for name, value in look.items()}, tiles, size)
    image = scene.background()
    image = facial_features.back_hair(scene, image)
    image = scene.clothes(scene.neck(image))
    image = scene.head(image)
    for place, layer in _small_layers(scene):
        part = image[..., *place.place]
        if part.numel():
            image[..., *place.place] = layer(place, part)
    image = facial_features.hair(scene, image)
    return facial_features.glasses(scene, image).clamp(0, 1.5)


def _small_layers(scene: Scene) -> Iterator[tuple[Scene, Layer]]:
    """Features painted in a window of the scene, which costs a tenth of the whole."""
    look = scene.look
    for side in (-1, 1):
        x = side * look["eye_apart"]
        yield scene.window(x, look["eye_y"], 0.26, 0.22), partial(facial_features.eye, side=side)
        yield (scene.window(x, look["eye_y"] - look["brow_y"], 0.30, 0.16),
               partial(facial_features.brow, side=side))  # fmt: skip
    yield scene.window(0 * x, look["lip_y"], 0.45, 0.35), facial_features.mouth
    yield scene.window(0 * x, look["lip_y"] + 0.15, 1.0, 0.55), facial_features.beard


def landmarks(look: dict[str, Tensor], size: int) -> dict[str, Tensor]:
    """Pixel positions `(N,)` of eyes, nose and mouth, and the face's box, for each look."""
    turn = DEPTH * look["yaw"]
    nose_y = look["eye_y"] + look["nose_length"]
    points = {
        "left_eye": (turn * 0.85 - look["eye_apart"], look["eye_y"]),
        "right_eye": (turn * 0.85 + look["eye_apart"], look["eye_y"]),
        "nose": (turn * 1.2, nose_y - 0.05),
        "mouth": (turn * 0.75, look["lip_y"]),
    }
    marks = {}
    for name, (x, y) in points.items():
        marks[f"{name}_x"], marks[f"{name}_y"] = _to_pixels(look, x, y, size)
    centre_x, centre_y = _to_pixels(look, 0 * turn, 0 * turn, size)
    half = look["scale"] * size / 2
    marks |= {"face_x0": centre_x - half * look["width"], "face_y0": centre_y - half * 0.75}
    marks |= {"face_x1": centre_x + half * look["width"], "face_y1": centre_y + half}
    return marks


def _to_pixels(look: dict[str, Tensor], x: Tensor, y: Tensor, size: int) -> tuple[Tensor, Tensor]:
    cos, sin = torch.cos(look["roll"]), torch.sin(look["roll"])
    u = look["centre_x"] + look["scale"] * (cos * x - sin * y)
    v = look["centre_y"] + look["scale"] * (sin * x + cos * y)
    return (u + 1) * size / 2 - 0.5, (v + 1) * size / 2 - 0.5


def snapshots(seeds: Sequence[int], size: int = SIZE) -> tuple[np.ndarray, pd.DataFrame]:
    """Photographs as collectors find them, one a seed: a camera's JPEG, made smaller by a website.

    The camera has twice the pixels of the picture that is kept: its mosaic and noise are averaged
    out for the most part, as in the photographs that face collections are compiled from.

    Returns uint8 `(N, size, size, 3)` RGB and `render`'s table with the landmarks in pixels of
    these images and `camera_quality`. Each depends on its own seed and on `size` only. Raises
    `UserError` for a negative seed or a size that cannot be rendered.
    """
    photographs, table = render(seeds, 2 * size)
    table["camera_quality"] = [_quality(seed) for seed in seeds]
    marks = [name for name in table if name.endswith(("_x", "_y", "_x0", "_y0", "_x1", "_y1"))]
    marks = [name for name in marks if name not in LOOK]
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
