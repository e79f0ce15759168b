"""Layers over a photograph: soft masks, colour transfer, Poisson blending.

Images are NumPy uint8 `(H, W, 3)` RGB, masks bool `(H, W)`, weights float `(H, W)` in 0..1.
"""

import cv2
import numpy as np


def mix(image: np.ndarray, layer: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`layer` over `image`, as opaque as `weight` says."""
    weight = weight[..., None].astype(np.float32)
    return (
        np.rint(image + weight * (layer.astype(np.float32) - image)).clip(0, 255).astype(np.uint8)
    )


def feather(shape: np.ndarray, width: float) -> np.ndarray:
    """A soft version of a bool mask that ends at the mask's own edge: 0 outside it."""
    distance = cv2.distanceTransform(shape.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = np.clip(distance / max(1.0, 2 * width), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def ellipse(size: tuple[int, int], centre, axes, angle: float) -> np.ndarray:
    y, x = np.indices(size)
    dx, dy = x - centre[0], y - centre[1]
    cos, sin = np.cos(angle), np.sin(angle)
    along, across = (cos * dx + sin * dy) / axes[0], (cos * dy - sin * dx) / axes[1]
    return along**2 + across**2 < 1


def match_colours(layer: np.ndarray, under: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """`layer` with the mean and deviation, in CIELAB, of what it will cover."""
    layer, under = (cv2.cvtColor(x, cv2.COLOR_RGB2LAB).astype(np.float32) for x in (layer, under))
    here, there = layer[shape], under[shape]
    gain = np.clip((there.std(0) + 1) / (here.std(0) + 1), 0.5, 2)
    matched = (layer - here.mean(0)) * gain + there.mean(0)
    return cv2.cvtColor(np.rint(matched).clip(0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def poisson(layer: np.ndarray, image: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """OpenCV's `seamlessClone`, in place: it centres the mask's box on the point that it is given.

    The frame is left out, since the solver needs a border of its own.
    """
    shape = shape.copy()
    shape[[0, 1, -2, -1]] = shape[:, [0, 1, -2, -1]] = False
    rows, columns = np.flatnonzero(shape.any(1)), np.flatnonzero(shape.any(0))
    if len(rows) < 4 or len(columns) < 4:
        return image
    x, y, width, height = cv2.boundingRect(shape.astype(np.uint8))
    centre = (x + width // 2, y + height // 2)
    mask = shape.astype(np.uint8) * 255
    return cv2.seamlessClone(layer, image, mask, centre, cv2.NORMAL_CLONE)
