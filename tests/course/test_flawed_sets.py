"""The planted shortcuts do what they say and nothing else."""

import io

import numpy as np
import pytest
from PIL import Image

from mesocore.core.images import Preparation
from mesocore.course import flawed_sets
from mesocore.course.flawed_sets import Saving

PREP = Preparation(size=80)


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    """Thirty pictures of 80 px with detail at all scales, each its own."""
    generator = np.random.default_rng(0)
    pictures = []
    for _ in range(30):
        coarse = Image.fromarray(generator.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((80, 80), Image.Resampling.BICUBIC), dtype=float)
        noisy = smooth + generator.normal(0, 12, smooth.shape)
        pictures.append(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))
    return pictures


@pytest.mark.parametrize(
    ("saving", "suffix", "kind", "side"),
    [
        (Saving(), ".png", "PNG", 80),
        (Saving(75), ".jpg", "JPEG", 80),
        (Saving(75, 64), ".jpg", "JPEG", 64),
    ],
)
def test_a_saving_is_what_it_says(photographs, saving, suffix, kind, side):
    image = Image.open(io.BytesIO(saving.encode(photographs[0])))
    assert (saving.suffix, image.format, image.size) == (suffix, kind, (side, side))


def test_a_set_has_every_image_once_and_under_its_label(photographs, tmp_path):
    fake = np.arange(30) % 3 == 0
    flawed_sets.save_set(photographs, fake, tmp_path, Saving(), Saving(75))
    assert sorted(p.name for p in tmp_path.glob("real/*")) == [
        f"{n:04d}.png" for n in range(30) if n % 3
    ]
    assert sorted(p.name for p in tmp_path.glob("fake/*")) == [
        f"{n:04d}.jpg" for n in range(0, 30, 3)
    ]


def test_history_survives_matching_and_no_history_tells_nothing(photographs):
    fake = np.random.default_rng(1).permutation(30) < 15
    plain = flawed_sets.spectra(photographs, Saving(), PREP)
    blurred = flawed_sets.spectra(photographs, Saving(75, 64), PREP)
    assert flawed_sets.coin_auc(plain, blurred, fake, 0)["auc"] > 0.9
    assert flawed_sets.coin_auc(plain, plain, fake, 0)["low"] < 0.5


def test_frames_are_near_copies_and_different(photographs):
    generator = np.random.default_rng(0)
    copies = flawed_sets.frames(photographs[0], 3, generator)
    assert [copy.size for copy in copies] == [(80, 80)] * 3
    assert len({copy.tobytes() for copy in copies}) == 3
    own, other = flawed_sets.hash_bits(flawed_sets.phashes(photographs[:2]))
    nearest = flawed_sets.hash_bits(flawed_sets.phashes(copies))
    assert max((own ^ bits).sum() for bits in nearest) < (own ^ other).sum()


def test_hashes_become_bits():
    bits = flawed_sets.hash_bits(["0000000000000000", "8000000000000001", "ffffffffffffffff"])
    assert bits.dtype == bool and bits.shape == (3, 64)
    assert bits.sum(axis=1).tolist() == [0, 2, 64]


def test_nearest_neighbour_remembers_twins_and_knows_nothing_else():
    bits = np.random.default_rng(0).random((40, 64)) < 0.5
    twins = np.concatenate([bits, bits])
    label = np.random.default_rng(1).permutation(np.tile([0, 1], 20))
    label = np.concatenate([label, label])
    assert flawed_sets.nearest_accuracy(twins, label, np.arange(80) < 40) == 1.0
    assert flawed_sets.nearest_accuracy(twins, label, np.arange(80) % 40 < 20) < 0.8
