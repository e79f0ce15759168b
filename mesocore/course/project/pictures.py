"""The pictures of a case: faces that nobody has, two shots of each, and what a forger does to them.

A forged picture is one of which a part was made anew by a generator. The last layer of many of them
is a transposed convolution, and where its kernel overlaps itself unevenly it leaves a checkerboard
(Odena, Dumoulin, Olah, "Deconvolution and checkerboard artifacts", Distill, 2016). Here the
checkerboard is all that is left of the forger, strong in some pictures and faint in others.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance

from mesocore.core.images import Preparation, decode, encode_jpeg, prepare
from mesocore.faces import rendering

SIZE, DRAWN = 64, 72  # pixels a side: of a picture, of what it is cut from
PREPARATION = Preparation(size=SIZE, quality=95)
QUALITIES = (92, 98)  # of an original's JPEG, the upper end left out
STRENGTHS = (2.0, 12.0)  # grey levels of the checkerboard
FIRST = 70_000_000  # seed of the first face: far from those of the embedded sets


class Saved(NamedTuple):
    """A picture as it came, and as assembly keeps it: the bytes of two JPEG files."""

    original: bytes
    matched: bytes


@functools.cache
def face(person: int) -> Image.Image:
    """The drawn face of a person from 0, RGB, `DRAWN` pixels a side."""
    drawn = rendering.render([FIRST + person], DRAWN)[0][0]
    return Image.fromarray(drawn.permute(1, 2, 0).contiguous().numpy())


def shot(person: int, mirrored: bool, rng: np.random.Generator) -> Image.Image:
    """A picture of the person, RGB, `SIZE` pixels a side: another frame and exposure each time.

    Of two shots of a case one is mirrored, so that their perceptual hashes lie far apart.
    """
    drawn = face(person)
    if mirrored:
        drawn = drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left, top = (int(n) for n in rng.integers(0, DRAWN - SIZE + 1, 2))
    frame = drawn.crop((left, top, left + SIZE, top + SIZE))
    return ImageEnhance.Brightness(frame).enhance(rng.uniform(0.85, 1.15))


def forge(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture with a checkerboard of 2 to 12 grey levels on a part of the face."""
    strength = np.exp(rng.uniform(*np.log(STRENGTHS)))
    centre, radius = SIZE / 2 + rng.uniform(-9, 9, 2), rng.uniform(9, 16)
    y, x = np.indices((SIZE, SIZE))
    part = np.exp(-(((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * radius**2)))
    board = strength * part * (1 - 2 * ((x + y) % 2))
    values = np.asarray(image, float) + board[:, :, None]
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def save(image: Image.Image, quality: int) -> Saved:
    """The picture saved once at `quality`, and what assembly's preparation makes of that file."""
    original = encode_jpeg(image, quality)
    matched = prepare(decode(original)[0], PREPARATION)
    return Saved(original, encode_jpeg(matched, PREPARATION.quality))


def near_copy(matched: bytes, rng: np.random.Generator) -> Saved:
    """The picture once more, as a second website has it: brighter or darker, and saved again."""
    factor = rng.choice([-1, 1]) * rng.uniform(0.05, 0.10) + 1
    changed = ImageEnhance.Brightness(decode(matched)[0]).enhance(factor)
    return save(changed, int(rng.integers(*QUALITIES)))


def pixels(files: Sequence[bytes]) -> np.ndarray:
    """JPEG files of pictures -> uint8 `(N, 3, SIZE, SIZE)`."""
    images = [np.asarray(decode(data)[0]).transpose(2, 0, 1) for data in files]
    return np.stack(images) if images else np.empty((0, 3, SIZE, SIZE), np.uint8)


@functools.cache
def unseen(persons: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of other people: uint8 `(4 P, 3, SIZE, SIZE)`, and int `(4 P,)` with 1 = fake.

    Four of each person, two of them forged: what a detector is worth on faces from outside.
    """
    rng = np.random.default_rng([seed, 1])
    files, fake = [], []
    for person in persons:
        for number in range(4):
            image = shot(person, number % 2 == 1, rng)
            image = forge(image, rng) if number >= 2 else image
            files.append(save(image, int(rng.integers(*QUALITIES))).matched)
            fake.append(int(number >= 2))
    return pixels(files), np.array(fake)
