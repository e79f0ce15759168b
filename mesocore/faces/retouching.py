"""Photoshop-style edits of a finished photograph: splice, liquify, heal, smooth, relight, levels.

Images are NumPy uint8 `(H, W, 3)` RGB. Every edit takes `strength` in 0..1 (0 changes nothing) and
a `seed`, and returns `Edited`, whose mask is exactly the pixels that changed. None of them knows
how the photograph was made: they work on any face, given its `Face` or, without one, taking it to
fill the middle of the picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from mesocore.core.errors import UserError
from mesocore.faces import blending
from mesocore.faces.landmarks import FACE_PARTS, Face, part_shape

REACH = 12  # pixels that smoothing looks around at most; its work grows with the square


@dataclass(frozen=True)
class Edited:
    """`image` uint8 `(H, W, 3)`; `mask` bool `(H, W)`, the changed pixels; `steps`, in words."""

    image: np.ndarray
    mask: np.ndarray
    steps: list[str]


def splice(
    image: np.ndarray,
    donor: np.ndarray,
    part: str = "face",
    face: Face | None = None,
    donor_face: Face | None = None,
    strength: float = 1.0,
    seed: int = 0,
) -> Edited:
    """Lays a `part` ("eyes", "nose", "mouth", "face") of `donor` over `image`.

    The donor is brought into place by the similarity that fits the landmarks best, its colours are
    moved to those they cover (mean and deviation in CIELAB: Reinhard et al., "Color transfer
    between images", 2001), and its edge is feathered or solved away (Poisson: Pérez et al.,
    "Poisson image editing", 2003), as the seed has it. `strength` is the layer's opacity.
    Raises `UserError` for another part or strength, or for pictures of another kind.
    """
    face, rng = _start(image, face, strength, seed)
    donor_face, _ = _start(donor, donor_face, strength, seed)
    if part not in FACE_PARTS:
        raise UserError(f"no part is called {part!r}; choose one of: {', '.join(FACE_PARTS)}")
    poisson = bool(rng.random() < 0.5)
    name = f"splice {part} ({'poisson' if poisson else 'feather'})"
    shape = part_shape(image.shape[:2], face, part)
    warped, inside = _bring_over(donor, donor_face, face, image.shape[:2])
    shape = shape & inside
    if strength == 0 or shape.sum() < 16:
        return _finish(image, image, name)
    layer = blending.match_colours(warped, image, shape)
    if poisson:
        blended = blending.poisson(layer, image, shape)
        weight = np.where(shape, strength, 0.0)
    else:
        feather = (0.06 + 0.08 * rng.random()) * face.unit
        weight = strength * blending.feather(shape, feather)
        blended = layer
    return _finish(image, blending.mix(image, blended, weight), name)


def liquify(
    image: np.ndarray, face: Face | None = None, strength: float = 1.0, seed: int = 0
) -> Edited:
    """Enlarges or shrinks one to three features by a smooth local warp, resampled bicubically.

    The warp is the local scaling of Gustafsson, "Interactive image warping", 1993: full at the
    feature, none from a radius outwards. `strength` 1 scales by up to 45 %.
    """
    face, rng = _start(image, face, strength, seed)
    spots = {
        "left eye": (face.left_eye, 0.62), "right eye": (face.right_eye, 0.62),
        "nose": (face.nose, 0.75), "mouth": (face.mouth, 0.80),
        "jaw": (tuple(np.add(face.mouth, (0, 0.35 * face.unit))), 1.3),
    }  # fmt: skip
    chosen = ["left eye", "right eye"] if rng.random() < 0.4 else []
    chosen += list(rng.choice(["nose", "mouth", "jaw"], 1 if chosen else 2, replace=False))
    grid = np.indices(image.shape[:2], dtype=np.float32)[::-1]  # x, y
    shift = np.zeros_like(grid)
    eyes = rng.uniform(0.25, 0.45)
    for name in chosen:
        amount = eyes if "eye" in name else rng.choice([-1, 1]) * rng.uniform(0.25, 0.45)
        (x, y), radius = spots[name]
        offset = grid - np.array([x, y], dtype=np.float32)[:, None, None]
        near = 1 - (offset**2).sum(0) / (radius * face.unit) ** 2
        shift -= strength * amount * offset * np.clip(near, 0, 1) ** 2
    moved = cv2.remap(image, *(grid + shift), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    still = (shift == 0).all(axis=0)
    return _finish(image, np.where(still[..., None], image, moved), f"liquify {', '.join(chosen)}")


def heal(
    image: np.ndarray, face: Face | None = None, strength: float = 1.0, seed: int = 0
) -> Edited:
    """Covers three to six patches of the face with skin from beside them, by Poisson or feather.

    What a retoucher does to a mole or a scar. `strength` is the opacity of the patches.
    """
    face, rng = _start(image, face, strength, seed)
    result, size = image, image.shape[:2]
    count = int(rng.integers(3, 7))
    for _ in range(count if strength else 0):
        radius = rng.uniform(0.22, 0.40) * face.unit
        shape, offset = _spot(image, face, radius, rng)
        move = np.array([[1, 0, -offset[0]], [0, 1, -offset[1]]])  # the whole photograph, moved
        patch = cv2.warpAffine(result, move, size[::-1], borderMode=cv2.BORDER_REFLECT)
        if rng.random() < 0.5:
            result = blending.mix(
                result, blending.poisson(patch, result, shape), np.where(shape, strength, 0.0)
            )
        else:
            result = blending.mix(result, patch, strength * blending.feather(shape, 0.3 * radius))
    return _finish(image, result, f"heal {count} patches")


def smooth(
    image: np.ndarray, face: Face | None = None, strength: float = 1.0, seed: int = 0
) -> Edited:
    """Smooths the skin and keeps its edges (bilateral filter), but not eyes, nostrils and mouth.

    `strength` is the opacity of the smoothed layer; the seed varies how much it smooths.
    """
    face, rng = _start(image, face, strength, seed)
    reach = np.clip(rng.uniform(0.08, 0.14) * face.unit, 1, REACH)
    smoothed = cv2.bilateralFilter(image, 0, rng.uniform(40, 70), reach)
    skin = part_shape(image.shape[:2], face, "face", 1.15)
    for part in ("eyes", "mouth"):
        skin &= ~part_shape(image.shape[:2], face, part, 0.75)
    weight = strength * blending.feather(skin, 0.1 * face.unit)
    return _finish(image, blending.mix(image, smoothed, weight), "smooth skin")


def relight(
    image: np.ndarray, face: Face | None = None, strength: float = 1.0, seed: int = 0
) -> Edited:
    """Adds light to one side of the face and takes it from the other, in linear light.

    The face is taken for an ellipsoid under one more, slightly coloured, distant lamp (Lambert's
    law). `strength` 1 changes the light by up to 70 %.
    """
    face, rng = _start(image, face, strength, seed)
    shape = part_shape(image.shape[:2], face, "face", 1.2)
    middle = np.mean([face.left_eye, face.right_eye, face.mouth], axis=0)
    x, y = (p / (1.4 * face.unit) for p in _offsets(image.shape[:2], middle))
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0.04, 1))
    angle = rng.uniform(0, 2 * np.pi)
    lamp = 0.8 * np.array([np.cos(angle), 0.6 * np.sin(angle)])
    lit = x * lamp[0] + y * lamp[1] + 0.25 * rng.uniform(-1, 1) * z  # (H, W), about -0.8..0.8
    tint = 1 + 0.12 * rng.uniform(-1, 1) * np.array([1, 0, -1])
    gain = 1 + rng.uniform(0.6, 0.9) * lit[..., None] * tint
    light = (image / 255.0) ** 2.2 * gain.clip(0.15, 2)
    layer = np.rint(255 * light.clip(0, 1) ** (1 / 2.2)).astype(np.uint8)
    weight = strength * blending.feather(shape, 0.25 * face.unit)
    return _finish(image, blending.mix(image, layer, weight), "relight")


def levels(
    image: np.ndarray, face: Face | None = None, strength: float = 1.0, seed: int = 0
) -> Edited:
    """Pulls the levels of one or two parts: brighter eyes, redder lips, another skin.

    Black point, white point and gamma of a channel, as in the tool of that name: what was a smooth
    histogram gets gaps and spikes. `strength` is the opacity of the corrected layer.
    """
    face, rng = _start(image, face, strength, seed)
    result, chosen = image, list(rng.choice(FACE_PARTS, int(rng.integers(1, 3)), replace=False))
    for part in chosen:
        values = image[part_shape(image.shape[:2], face, part)]
        if len(values) == 0:
            continue
        low, high = np.percentile(values, (2, 98))
        black, white = rng.uniform(0, 0.25) * low, high + rng.uniform(0, 0.4) * (255 - high)
        gamma = rng.choice([-1, 1]) * rng.uniform(0.25, 0.5) + rng.uniform(-0.08, 0.08, 3)
        ramp = (np.arange(256)[:, None] - black) / max(32.0, white - black)
        table = np.rint(255 * ramp.clip(0, 1) ** np.exp(gamma)).astype(np.uint8)  # (256, 3)
        layer = np.stack([table[:, c][result[..., c]] for c in range(3)], axis=2)
        shape = part_shape(image.shape[:2], face, part, 1.1)
        weight = strength * blending.feather(shape, 0.08 * face.unit)
        result = blending.mix(result, layer, weight)
    return _finish(image, result, f"levels {', '.join(chosen)}")


def _offsets(size: tuple[int, int], centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.indices(size)
    return x - centre[0], y - centre[1]


def _start(
    image: np.ndarray, face: Face | None, strength: float, seed: int
) -> tuple[Face, np.random.Generator]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise UserError(f"an edit needs uint8 (H, W, 3), not {image.dtype} {image.shape}")
    if not 0 <= strength <= 1:
        raise UserError(f"strength {strength} is not within 0 to 1")
    return face or Face.central(*image.shape[:2]), np.random.default_rng(seed)


def _finish(before: np.ndarray, after: np.ndarray, step: str) -> Edited:
    mask = (before != after).any(axis=2)
    return Edited(after.copy(), mask, [step] if mask.any() else [])


def _spot(
    image: np.ndarray, face: Face, radius: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Where to heal, bool `(H, W)`, and how far away to take it from, whole pixels `(x, y)`.

    The best of twelve tries, as a retoucher would choose: an even place, and an even source of the
    same colour. Skin is not healed with hair.
    """
    height, width = image.shape[:2]
    window = (2 * int(radius / 2) + 1,) * 2
    soft = cv2.blur(image.astype(np.float32), window)
    uneven = cv2.blur(np.abs(image - soft), window)
    tries = []
    for _ in range(12):
        centre = face.points().mean(0) + rng.uniform(-0.9, 0.9, 2) * face.unit
        angle = rng.uniform(0, 2 * np.pi)
        offset = np.rint(rng.uniform(1.2, 2.2) * radius * np.array([np.cos(angle), np.sin(angle)]))
        (x, y), (u, v) = (np.rint(p).astype(int).clip(0, (width - 1, height - 1))
                          for p in (centre, centre + offset))  # fmt: skip
        cost = np.abs(soft[y, x] - soft[v, u]) + uneven[y, x] + uneven[v, u]
        tries.append((cost.sum(), centre, offset, angle))
    _, centre, offset, angle = min(tries, key=lambda one: one[0])
    axes = (radius, radius * rng.uniform(0.6, 1))
    return blending.ellipse((height, width), centre, axes, angle), offset


def _bring_over(
    donor: np.ndarray, source: Face, target: Face, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The donor moved, turned and scaled into place, and where it has pixels: bool `(H, W)`."""
    a, b = (points @ (1, 1j) for points in (source.points(), target.points()))
    scale, shift = np.linalg.lstsq(np.stack([a, np.ones(4)], axis=1), b, rcond=None)[0]
    matrix = np.array([[scale.real, -scale.imag, shift.real], [scale.imag, scale.real, shift.imag]])
    warped = cv2.warpAffine(donor, matrix, size[::-1], flags=cv2.INTER_CUBIC)
    full = np.full(donor.shape[:2], 255, dtype=np.uint8)
    return warped, cv2.warpAffine(full, matrix, size[::-1]) == 255
