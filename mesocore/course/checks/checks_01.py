"""The exercises of chapter 1: measuring a shortcut, the spectrum, duplicates, a split by group."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from mesocore.course.checks.exercise import exercise


@exercise
def separation(f: Callable) -> Iterator[str]:
    "How well one number separates the classes: its AUC or 1 - AUC, whichever is larger."
    fake = np.array([0, 0, 0, 1, 1])
    cases = {
        "is larger in every fake": [1, 2, 3, 4, 5],
        "is smaller in every fake": [5, 4, 3, 2, 1],
        "is the same everywhere": [7, 7, 7, 7, 7],
        "has ties between the classes": [1, 2, 2, 2, 3],
    }
    for name, values in cases.items():
        area = roc_auc_score(fake, values)
        right, got = max(area, 1 - area), f(np.array(values), fake)
        if not np.isclose(got, right):
            yield f"a value that {name} should give {right:.4g}, yours gives {got:.4g}"


@exercise
def radial_spectrum(f: Callable) -> Iterator[str]:
    "Mean power of a square grey image in rings of spatial frequency."
    side, bins = 64, 8
    noise = np.random.default_rng(0).normal(size=(side, side))
    got = np.asarray(f(noise, bins))
    if got.shape != (bins,):
        yield f"the shape is {got.shape}, should be ({bins},)"
        return
    if f(noise + 100, bins)[0] > 2 * got[0]:
        yield "a brighter image has more power in the first ring: take the mean out"
        return
    right = _rings_of_power(noise, bins)
    if not np.allclose(got, right) and np.allclose(got / got.sum(), right / right.sum()):
        yield f"right up to a factor: {got.sum() / right.sum():.4g} times too much"
        return
    for cycles in (0.1, 0.22, 0.4):  # of a wave along x, then along y
        wave = np.sin(2 * np.pi * cycles * np.arange(side))[None].repeat(side, 0)
        for name, image in (("columns", wave), ("rows", wave.T)):
            ring = int(np.argmax(f(image, bins)))
            if ring != int(cycles * 2 * bins):
                yield f"a wave of {cycles} cycles/px across the {name} peaks in ring {ring}, " \
                    f"should be {int(cycles * 2 * bins)}"  # fmt: skip
    if not np.allclose(got, right):
        yield f"on noise the first rings are {got[:3].round(2)}, should be {right[:3].round(2)}"


def _rings_of_power(grey: np.ndarray, bins: int) -> np.ndarray:
    side = len(grey)
    power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2 / side**2
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    ring = (radius * 2 * bins).astype(int)
    return np.array([power[ring == k].mean() for k in range(bins)])


@exercise
def keep_rows(f: Callable) -> Iterator[str]:
    "Which rows stay: the first of equal images of one label, none of an image with two labels."
    cases = {
        "different images": ("abc", "rrf", "111"),
        "one real twice": ("aab", "rrf", "101"),
        "one fake three times": ("abbb", "rfff", "1100"),
        "an image that is called real and fake": ("aab", "rff", "001"),
        "an image twice real, once fake": ("abaa", "rrfr", "0100"),
    }
    for name, (content, labels, right) in cases.items():
        label = [{"r": "real", "f": "fake"}[letter] for letter in labels]
        table = pd.DataFrame({"sha256": list(content), "label": label})
        got = "".join("01"[bool(stays)] for stays in f(table))
        if got != right:
            yield f"{name}: rows {list(zip(content, labels, strict=True))} should give " \
                f"{_flags(right)}, yours gives {_flags(got)}"  # fmt: skip


def _flags(digits: str) -> list[bool]:
    return [digit == "1" for digit in digits]


@exercise
def split_by_group(f: Callable) -> Iterator[str]:
    "True for the rows of the test split; a group is on one side only."
    generator = np.random.default_rng(0)
    groups = generator.permutation(np.repeat(np.arange(200), generator.integers(1, 7, 200)))
    test = np.asarray(f(groups, 0.3, 0))
    if test.shape != groups.shape or test.dtype != bool:
        yield f"should be {len(groups)} booleans, is {test.dtype} of shape {test.shape}"
        return
    both = set(groups[test]) & set(groups[~test])
    if both:
        yield f"{len(both)} of 200 groups are on both sides, for example group {min(both)}"
    if not 0.2 < test.mean() < 0.4:
        yield f"{test.mean():.0%} of the images are in the test split, should be about 30 %"
    if not np.array_equal(test, f(groups, 0.3, 0)):
        yield "the same seed gives another split the second time"
    if np.array_equal(test, f(groups, 0.3, 1)):
        yield "seed 1 gives the same split as seed 0"
    names = np.array([f"face-{g}" for g in groups])
    if not np.array_equal(np.isin(names, names[np.asarray(f(names, 0.3, 0))]), f(names, 0.3, 0)):
        yield "groups that are named by words are split apart"


@exercise
def adain(f: Callable) -> Iterator[str]:
    "Adaptive instance normalisation of (N, C, H, W) maps to (N, C) scales and shifts."
    rng = np.random.default_rng(0)
    maps = rng.normal(rng.normal(size=(2, 3, 1, 1)), 1 + rng.random((2, 3, 1, 1)), (2, 3, 16, 16))
    scale, shift = 0.5 + rng.random((2, 3)), rng.normal(size=(2, 3))
    got = np.asarray(f(maps, scale, shift))
    if got.shape != maps.shape:
        yield f"the shape is {got.shape}, should be {maps.shape}"
        return
    mean, deviation = got.mean((2, 3)), got.std((2, 3))
    if not np.allclose(mean, shift, atol=1e-3):
        yield f"map (0, 0) has the mean {mean[0, 0]:.3f}, should be its shift {shift[0, 0]:.3f}"
    if not np.allclose(deviation, scale, rtol=1e-2):
        yield (f"map (0, 0) has the deviation {deviation[0, 0]:.3f}, should be its scale "
               f"{scale[0, 0]:.3f}")  # fmt: skip
    if not np.allclose(f(maps[:1], scale[:1], shift[:1]), got[:1]):
        yield "an image comes out differently without its neighbour: normalise each by itself"
