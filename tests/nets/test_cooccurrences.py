"""What is counted, against a count by hand; and that one way of counting is the other."""

from collections import Counter

import numpy as np
import pytest
import torch

from mesocore.nets import cooccurrences, residual_runs
from mesocore.nets.cooccurrences import Cooccurrences
from mesocore.nets.models import build


def pictures(number: int = 3, side: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 4, (number, 3, side, side), generator=generator)
    return (120 + noise.cumsum(2) % 9).to(torch.uint8)


def shares_by_hand(*parts: np.ndarray) -> list[float]:
    """Of runs of three along the rows of each part, a run and its mirrors as one; sorted."""
    found: Counter = Counter()
    for line in (line for part in parts for line in np.clip(part, -2, 2).tolist()):
        for run in zip(line[:-2], line[1:-1], line[2:], strict=True):
            negated = tuple(-value for value in run)
            found[min(run, run[::-1], negated, negated[::-1])] += 1
    return sorted(number / found.total() for number in found.values())


def quarter(x: np.ndarray) -> np.ndarray:
    """The nearest whole number; halves away from 0."""
    return (np.sign(x) * np.floor(np.abs(x) / 4 + 0.5)).astype(int)


@pytest.mark.parametrize("residual", range(5))
@pytest.mark.parametrize("colour", range(3))
def test_shares_are_those_counted_by_hand(colour, residual):
    images = pictures(1, 24)
    red, green, blue = images[0].numpy().astype(int)
    x = ((77 * red + 150 * green + 29 * blue) // 256, red - green, blue - green)[colour]
    both = quarter(np.diff(np.diff(x, n=2, axis=0), n=2, axis=1))
    along_rows, along_columns = (
        (np.diff(x, axis=1), np.diff(x, axis=0)),
        [np.fix(np.diff(x, n=2, axis=axis) / 2).astype(int) for axis in (1, 0)],
        (both, both),
        [quarter(np.diff(x, n=3, axis=axis)) for axis in (1, 0)],
        [quarter(np.diff(x, axis=axis)) for axis in (1, 0)],
    )[residual]
    first = 39 * (5 * colour + residual)
    shares = Cooccurrences()(images)[0, first : first + 39].square()
    expected = shares_by_hand(along_rows, along_columns.T)
    assert sorted(shares[shares > 0].tolist()) == pytest.approx(expected, rel=1e-4)
    assert shares.sum() == pytest.approx(1, abs=1e-5)


def test_a_mirrored_picture_and_its_negative_count_as_the_picture():
    images = pictures()
    counted = Cooccurrences()(images)
    assert counted.shape == (3, 585)
    assert torch.allclose(Cooccurrences()(images.flip(-1)), counted)
    assert torch.allclose(Cooccurrences()(images.transpose(2, 3)), counted)
    of_brightness = 5 * 39  # which is rounded
    negative = Cooccurrences()(255 - images)
    assert torch.allclose(negative[:, of_brightness:], counted[:, of_brightness:])
    assert torch.allclose(negative[:, :of_brightness], counted[:, :of_brightness], atol=0.1)


@pytest.mark.parametrize("threads", [1, 3])
def test_both_ways_of_counting_agree(threads):
    noise = torch.randint(0, 256, (2, 3, 40, 37), dtype=torch.uint8)
    images = torch.cat([noise, pictures(3, 40)[..., :37], noise // 255 * 255])
    counts = residual_runs.counted(images.numpy(), threads)
    assert np.array_equal(cooccurrences.counted(images), counts)
    along_rows, along_columns = 40 * (36 - 2), (39 - 2) * 37
    assert counts[:, 0].sum(1).tolist() == [along_rows + along_columns] * len(images)
    assert residual_runs.counted(images[:0].numpy(), threads).shape == (0, 15, 125)


def test_a_last_batch_of_one_image_can_be_trained_on():
    model = build("meso4+inverted+pooled+cooccurrences", 64).train()
    model(pictures(4))
    before = model.counts[1].running_mean.clone()
    model(pictures(1)).sum().backward()
    assert torch.equal(model.counts[1].running_mean, before)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
