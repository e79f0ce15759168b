"""A face and what is around it, painted in linear light, back to front."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from mesocore import features
from mesocore.scene import DEPTH, Scene

Layer = Callable[[Scene, Tensor], Tensor]


def paint(look: dict[str, Tensor], tiles: Tensor, size: int) -> Tensor:
    """`look`: `(N,)` tensors as in `synthfaces.LOOK`; `tiles`: noise `(N, 4, T, T)`.

    Returns scene light float `(N, 3, S, S)`, about 0..1.
    """
    scene = Scene({name: value[:, None, None] for name, value in look.items()}, tiles, size)
    image = scene.background()
    image = features.back_hair(scene, image)
    image = scene.clothes(scene.neck(image))
    image = scene.head(image)
    for place, layer in _small_layers(scene):
        part = image[..., *place.place]
        if part.numel():
            image[..., *place.place] = layer(place, part)
    image = features.hair(scene, image)
    return features.glasses(scene, image).clamp(0, 1.5)


def _small_layers(scene: Scene) -> Iterator[tuple[Scene, Layer]]:
    """Features painted in a window of the scene, which costs a tenth of the whole."""
    look = scene.look
    for side in (-1, 1):
        x = side * look["eye_apart"]
        yield scene.window(x, look["eye_y"], 0.26, 0.22), partial(features.eye, side=side)
        yield (scene.window(x, look["eye_y"] - look["brow_y"], 0.30, 0.16),
               partial(features.brow, side=side))  # fmt: skip
    yield scene.window(0 * x, look["lip_y"], 0.45, 0.35), features.mouth
    yield scene.window(0 * x, look["lip_y"] + 0.15, 1.0, 0.55), features.beard


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
