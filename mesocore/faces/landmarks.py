"""Where the parts of a face are in a picture, and masks that cover them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mesocore.faces import blending

FACE_PARTS = ("eyes", "nose", "mouth", "face")
Point = tuple[float, float]


@dataclass(frozen=True)
class Face:
    """Where a face is: positions `(x, y)` in pixels; left is the picture's left."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth: Point

    @classmethod
    def from_row(cls, row: Mapping[str, float]) -> "Face":
        """From a row of `rendering.render`'s table."""
        names = cls.__dataclass_fields__
        return cls(**{name: (float(row[f"{name}_x"]), float(row[f"{name}_y"])) for name in names})

    @classmethod
    def central(cls, height: int, width: int) -> "Face":
        """Where the face is in an aligned crop, to within what a soft edge forgives."""
        x, y, side = (width - 1) / 2, (height - 1) / 2, min(height, width)
        return cls((x - 0.15 * side, y - 0.08 * side), (x + 0.15 * side, y - 0.08 * side),
                   (x, y + 0.08 * side), (x, y + 0.22 * side))  # fmt: skip

    def scaled(self, width: float, height: float) -> "Face":
        """All positions times width and height: from shares of a picture to pixels."""
        return Face(*((x * width, y * height) for x, y in self.points().tolist()))

    def points(self) -> np.ndarray:
        """float `(4, 2)`: eyes, nose, mouth."""
        return np.array([self.left_eye, self.right_eye, self.nose, self.mouth], dtype=float)

    @property
    def unit(self) -> float:
        """Distance between the eyes in pixels, never less than one, the measure of every edit."""
        return max(1.0, float(np.hypot(*np.subtract(self.right_eye, self.left_eye))))

    @classmethod
    def from_points(cls, points: np.ndarray) -> "Face":
        """From the five points of a found face (`face_finder.FoundFace`), float `(5, 2)`."""
        eyes_and_nose, mouth = points[:3].tolist(), points[3:].mean(0).tolist()
        return cls(*map(tuple, eyes_and_nose), tuple(mouth))

    @classmethod
    def from_box(cls, x0: float, y0: float, x1: float, y1: float) -> "Face":
        """From a face detector's box (brows to chin): where its parts are in an upright face."""
        width, height = x1 - x0, y1 - y0
        return cls((x0 + 0.30 * width, y0 + 0.38 * height),
                   (x0 + 0.70 * width, y0 + 0.38 * height),
                   (x0 + 0.50 * width, y0 + 0.58 * height),
                   (x0 + 0.50 * width, y0 + 0.78 * height))  # fmt: skip


def part_shape(size: tuple[int, int], face: Face, part: str, grow: float = 1.0) -> np.ndarray:
    """bool `(H, W)`: an ellipse (two for the eyes) that covers a part of the face.

    `part` is one of `FACE_PARTS`; `grow` scales the ellipse.
    """
    across = np.subtract(face.right_eye, face.left_eye)
    angle = float(np.arctan2(across[1], across[0]))
    unit = face.unit * grow
    if part == "eyes":
        pair = (face.left_eye, face.right_eye)
        left, right = (blending.ellipse(size, c, (0.46 * unit, 0.34 * unit), angle) for c in pair)
        return left | right
    if part == "face":
        middle = np.mean([face.left_eye, face.right_eye, face.mouth], axis=0)
        return blending.ellipse(size, middle, (0.95 * unit, 1.20 * unit), angle)
    centre, axes = {"nose": (face.nose, (0.38, 0.48)), "mouth": (face.mouth, (0.62, 0.36))}[part]
    return blending.ellipse(size, centre, (axes[0] * unit, axes[1] * unit), angle)
