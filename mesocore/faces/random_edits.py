"""A retoucher's session: which edits a photograph gets, in which order, how strong.

An edit that nobody could tell from the original would put a wrong label into a set, so the session
is repeated until it shows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mesocore.core.errors import BadImage
from mesocore.faces import retouching
from mesocore.faces.landmarks import FACE_PARTS, Face

# how often an edit comes first, and how often another follows it
EDITS = {"splice": 0.40, "liquify": 0.15, "heal": 0.15, "smooth": 0.15, "relight": 0.10,
         "levels": 0.05}  # fmt: skip
SECOND = 0.5
STRENGTH = (0.7, 1.0)
# an edit changes at least this share of the pixels by this many grey levels
LEAST_SHARE, LEAST_CHANGE = 0.01, 8
SESSIONS = 25  # tried on one photograph; the first shows on most


@dataclass(frozen=True)
class Donor:
    """Another photograph, uint8 `(H, W, 3)`, and where its face is."""

    image: np.ndarray
    face: Face


@dataclass(frozen=True)
class Session:
    """`image` uint8 `(H, W, 3)`; `mask` bool `(H, W)`, the changed pixels; `edits` by name, with an
    entry of `strengths` each, and `steps` in words."""

    image: np.ndarray
    mask: np.ndarray
    edits: list[str]
    strengths: list[float]
    steps: list[str]


def choose(rng: np.random.Generator) -> list[str]:
    """One or two different edits, in the order in which they are made."""
    first, second = rng.choice(list(EDITS), 2, replace=False, p=list(EDITS.values()))
    return [str(first), str(second)] if rng.random() < SECOND else [str(first)]


def retouch(
    image: np.ndarray, face: Face, rng: np.random.Generator, donor: Callable[[], Donor]
) -> Session:
    """Retouches uint8 `(H, W, 3)`. A splice takes from what `donor()` returns, called at need.

    Raises `BadImage` if no edit shows: the picture is black, say, or `face` is a single point.
    """
    if np.ptp(image) < LEAST_CHANGE:
        raise BadImage("cannot be edited: one shade of grey alone")
    for _ in range(SESSIONS):
        session = _once(image, face, choose(rng), rng, donor)
        change = np.abs(session.image.astype(np.int16) - image).max(axis=2)
        if (change >= LEAST_CHANGE).mean() >= LEAST_SHARE:
            return session
    raise BadImage(f"cannot be edited: none of {SESSIONS} sessions shows, is there a face?")


def _once(
    image: np.ndarray,
    face: Face,
    edits: list[str],
    rng: np.random.Generator,
    donor: Callable[[], Donor],
) -> Session:
    result, strengths, steps = image, [], []
    for name in edits:
        seed, strength = int(rng.integers(2**31)), float(rng.uniform(*STRENGTH))
        if name == "splice":
            part, other = str(rng.choice(FACE_PARTS)), donor()
            edited = retouching.splice(result, other.image, part, face, other.face, strength, seed)
        else:
            edited = getattr(retouching, name)(result, face, strength, seed)
        result = edited.image
        strengths.append(strength)
        steps += edited.steps
    return Session(result, (result != image).any(axis=2), edits, strengths, steps)
