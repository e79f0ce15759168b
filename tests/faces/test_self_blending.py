"""Self-blended photographs: what they change, what they leave, and that a seed repeats them."""

import numpy as np
import pytest

from mesocore.faces import self_blending


@pytest.fixture
def photograph():
    """Noise on a slope: uint8 (96, 128, 3)."""
    rng = np.random.default_rng(1)
    slope = np.linspace(40, 200, 128)[None, :, None]
    return (slope + rng.normal(0, 15, (96, 128, 3))).clip(0, 255).astype(np.uint8)


def several(photograph, count=24):
    return [self_blending.self_blend(photograph, np.random.default_rng(k)) for k in range(count)]


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(photograph):
    once, again = several(photograph), several(photograph)
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert len({picture.tobytes() for picture in once}) == len(once)


def test_a_blend_is_a_picture_of_the_same_kind_and_not_the_photograph(photograph):
    before = photograph.copy()
    for picture in several(photograph):
        assert picture.shape == photograph.shape and picture.dtype == np.uint8
        assert (picture != photograph).any()
    assert np.array_equal(photograph, before)


def test_it_is_still_nearly_the_photograph(photograph):
    change = [np.abs(p.astype(int) - photograph).mean() for p in several(photograph)]
    assert 1 < np.mean(change) < 40


def test_masks_are_soft_lie_about_the_middle_and_leave_the_frame(photograph):
    masks = [self_blending.soft_mask((96, 128), np.random.default_rng(k)) for k in range(60)]
    mean = np.mean(masks, axis=0)
    assert all(m.shape == (96, 128) and m.min() >= 0 and 0.5 < m.max() <= 1 for m in masks)
    assert all(((m > 0.01) & (m < 0.99)).any() for m in masks)
    assert mean[48, 64] > 3 * mean[[0, 0, -1, -1], [0, -1, 0, -1]].max()
    share = [(m > 0.5).mean() for m in masks]
    assert min(share) < 0.06 and max(share) > 0.3  # features, and whole faces


def test_a_move_is_of_a_few_pixels(photograph):
    dot = np.zeros((96, 128, 3), np.uint8)
    dot[46:50, 62:66] = 255
    for seed in range(20):
        there = np.argwhere(self_blending.moved(dot, np.random.default_rng(seed))[..., 0] > 100)
        assert np.abs(there.mean(0) - (47.5, 63.5)).max() < 0.03 * 128 + 2
