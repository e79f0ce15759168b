"""A band that is taken out is gone, and nothing else is."""

import pytest
import torch

from mesocore.evaluation import frequency_bands
from tests.data.test_augmentation import pictures


def wave(length: float, side: int = 64) -> torch.Tensor:
    """One colour wave along the rows, uint8 `(1, 3, S, S)`."""
    phase = 2 * torch.pi * torch.arange(side) / length
    return (128 + 60 * torch.sin(phase)).round().to(torch.uint8).expand(1, 3, side, side)


@pytest.mark.parametrize("band", frequency_bands.OCTAVES)
def test_a_wave_is_in_one_octave_alone(band):
    for length in (4 / 1.6, 4, 8, 16, 32):
        picture = wave(length if 64 % length == 0 else 64 / 26)
        inside = band[0] <= length < band[1]
        left = frequency_bands.without_band(picture, *band).float().std()
        kept = frequency_bands.only_band(picture, *band).float().std()
        assert (left < 2) == inside and (kept > 30) == inside


def test_the_mean_stays_and_the_octaves_add_up():
    images = pictures(3)
    for band in frequency_bands.OCTAVES:
        after = frequency_bands.without_band(images, *band)
        assert after.dtype == torch.uint8 and after.shape == images.shape
        gap = after.float().mean((2, 3)) - images.float().mean((2, 3))
        assert gap.abs().max() < 1.5  # rounding and clipping
    shares = [frequency_bands.power_share(images, *band) for band in frequency_bands.OCTAVES]
    assert 0.8 < sum(shares) <= 1.05 and all(share > 0 for share in shares)


def test_nothing_taken_out_is_the_same_image():
    images = pictures(2)
    assert torch.equal(frequency_bands.without_band(images, 1.0, 1.5), images)
