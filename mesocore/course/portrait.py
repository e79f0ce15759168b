"""A photograph that every reader has, and what six edits make of it."""

from pathlib import Path

import matplotlib
import numpy as np

from mesocore.core.images import open_rgb
from mesocore.faces import find_faces, retouching, snapshots
from mesocore.faces.landmarks import Face

# Rear Admiral Grace Hopper, photographed for the US Navy in 1984: public domain
PORTRAIT = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
DONOR = 3  # the seed of the drawn face that gives its eyes
SEEDS = {"liquify": 1, "heal": 0, "smooth": 0, "relight": 1, "levels": 5}  # each shows well


def portrait() -> tuple[np.ndarray, Face]:
    """`PORTRAIT`, uint8 `(600, 512, 3)`, and where its face is."""
    photo = np.array(open_rgb(PORTRAIT))
    return photo, Face.from_points(find_faces(photo)[0].points)


def donor() -> tuple[np.ndarray, Face]:
    """A drawn face, uint8 `(256, 256, 3)`, and where it is."""
    images, rows = snapshots([DONOR], 256)
    return images[0], Face.from_row(rows.iloc[0])


def retouched() -> dict[str, retouching.Edited]:
    """The portrait after each of the six edits; `splice` gives it the drawn face's eyes."""
    photo, face = portrait()
    drawn, drawn_face = donor()
    spliced = retouching.splice(photo, drawn, "eyes", face, drawn_face)
    return {"splice": spliced} | {
        name: getattr(retouching, name)(photo, face, seed=seed) for name, seed in SEEDS.items()
    }


def head(image: np.ndarray) -> np.ndarray:
    """The square of the portrait (or of a mask of it) around the head, `(276, 276, ...)`."""
    return image[89:365, 130:406]
