"""Self-blended photographs: forgeries made from photographs alone, to train on.

After Shiohara & Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022: a photograph
is blended with a changed copy of itself under a soft mask, so that all a detector can learn is the
blending: two colours, two sharpnesses, two grids of pixels in one picture. How we differ: theirs
takes the hull of 68 or 81 landmarks as the mask; ours an ellipse about the middle, bent, or one of
a feature's size, because no landmarks are at hand. Theirs changes one copy in frequency by
rescaling or sharpening at random, as ours does, by other amounts.
"""

import cv2
import numpy as np

from mesocore.faces import blending

RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # opacities, as published
FEATURE = 0.3  # share of masks of a feature's size; the others cover a face
SHIFT, ZOOM = 0.03, 0.05  # of the copy; shares of the side, as published for the shift


def self_blend(photograph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 RGB `(H, W, 3)` -> the same, blended with a changed copy of itself.

    The face is taken to be about the middle.
    """
    source, target = photograph, photograph
    if rng.random() < 0.5:
        source = recoloured(source, rng)
    else:
        target = recoloured(target, rng)
    if rng.random() < 0.5:
        source = refocused(source, rng)
    else:
        target = refocused(target, rng)
    weight = soft_mask(photograph.shape[:2], rng) * rng.choice(RATIOS)
    return blending.mix(target, moved(source, rng), weight)


def recoloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another brightness, contrast, saturation and balance: uint8 `(H, W, 3)` -> the same."""
    gain, contrast, saturation = 1 + rng.uniform(-0.15, 0.15, 3)
    offset = rng.uniform(-12, 12, 3)
    mean = float(image.mean())
    grey = np.full((3, 3), (1 - saturation) / 3)
    matrix = gain * contrast * (np.eye(3) * saturation + grey)
    shift = gain * mean * (1 - contrast) + offset
    return cv2.transform(image, np.column_stack([matrix, shift]).astype(np.float32))


def refocused(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scaled down and back, or sharpened: uint8 `(H, W, 3)` -> the same."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        share = rng.uniform(0.3, 0.9)
        small = (max(1, round(width * share)), max(1, round(height * share)))
        fewer = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        return cv2.resize(fewer, (width, height), interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 1.6))
    amount = rng.uniform(0.5, 1.5)
    return cv2.addWeighted(image, 1 + amount, blurred, -amount, 0)


def moved(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifted by up to `SHIFT` of its side and zoomed by up to `ZOOM`, bicubic, mirrored edges."""
    height, width = image.shape[:2]
    zoom = 1 + rng.uniform(-ZOOM, ZOOM, 2)
    shift = rng.uniform(-SHIFT, SHIFT, 2) * (width, height)
    centre = np.array([width - 1, height - 1]) / 2
    affine = np.column_stack([np.diag(zoom), centre * (1 - zoom) + shift])
    return cv2.warpAffine(image, affine, (width, height), flags=cv2.INTER_CUBIC,
                          borderMode=cv2.BORDER_REFLECT_101)  # fmt: skip


def soft_mask(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A bent ellipse, float32 `size` in 0..1: of a face about the middle, or of one feature."""
    feature = rng.random() < FEATURE
    centre = rng.uniform((0.32, 0.35), (0.68, 0.75)) if feature else rng.uniform(0.45, 0.57, 2)
    axes = rng.uniform((0.07, 0.05), (0.22, 0.15)) if feature else rng.uniform(
        (0.2, 0.25), (0.42, 0.46))  # fmt: skip
    width = np.exp(rng.uniform(np.log(0.03), np.log(0.6)))  # of the edge, in radii
    bend = rng.normal(0, 0.05, (5, 5, 2)).astype(np.float32)
    bend = cv2.resize(bend, size[::-1], interpolation=cv2.INTER_CUBIC)  # (H, W, 2)
    across = (np.arange(size[1], dtype=np.float32) + 0.5) / size[1]
    down = (np.arange(size[0], dtype=np.float32) + 0.5) / size[0]
    dx = (across + bend[..., 0] - centre[0]) / axes[0]
    dy = (down[:, None] + bend[..., 1] - centre[1]) / axes[1]
    ramp = np.clip((1 - np.hypot(dx, dy)) / width + 0.5, 0, 1)
    return (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
