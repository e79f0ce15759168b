"""The exercises of chapter 1: measuring a shortcut, the spectrum, duplicates, a split by group,
AdaIN, and two experiments: how large an audit must be, and what tells two savings apart."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter
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


class _Draws:
    """Samples of an audit whose answer is known; remembers which (n, seed) were asked for.

    `columns` of noise, of which the first is moved by `gap` in fakes where the seed is a multiple
    of `every`; each image comes in `copies`, nearly the same and of one label.
    """

    def __init__(self, columns: int, gap: float = 0.0, copies: int = 1, every: int = 1):
        self.columns, self.gap, self.copies, self.every = columns, gap, copies, every
        self.asked: set[tuple[int, int]] = set()

    def __call__(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features (n, columns), fake bool (n,), group (n,)."""
        self.asked.add((int(n), int(seed)))
        rng = np.random.default_rng([int(n), int(seed)])
        group = np.arange(n) // self.copies
        fake = rng.permutation(np.arange(group[-1] + 1) % 2 == 1)[group]
        features = rng.normal(size=(group[-1] + 1, self.columns))[group]
        features = features + 0.01 * rng.normal(size=features.shape)
        features[:, 0] += self.gap * fake * (seed % self.every == 0)
        return features, fake, group


@exercise
def alarms(f: Callable) -> Iterator[str]:
    "Of several draws of each size, the share that an audit fails."
    sizes, seeds = [40, 80], [0, 1, 2, 3]
    draws = _Draws(5, gap=3.0)
    got = f(draws, sizes, seeds)
    if not isinstance(got, dict) or set(got) != set(sizes):
        yield f"should be a dict with the keys {sizes}, is {got!r}"
        return
    missing = {(n, seed) for n in sizes for seed in seeds} - draws.asked
    if missing:
        n, seed = min(missing)
        yield f"draw was never asked for {n} images with seed {seed}: every size needs every seed"
        return
    if min(got.values()) < 1:
        yield f"a shortcut with an AUC of .98 should fail in every draw, yours gives {got}"
    cases = (
        (_Draws(5, 3.0, every=2), 80, 0.5, "where two of four draws hold a shortcut your share "
         "is {:.2f}, should be 0.50: count the draws above the limit, do not average AUCs"),
        (_Draws(1, 1.1), 300, 0, "a feature with an AUC of .78 fails in a share of {:.2f} of the "
         "draws: the limit for pixels is .85"),
        (_Draws(60), 80, 0, "noise alone fails in a share of {:.2f} of the draws: score images "
         "that the model was not fitted to"),
        (_Draws(60, copies=8), 240, 0, "noise with relatives fails in a share of {:.2f} of the "
         "draws: relatives of a scored image were fitted to, so fold by group"),
    )  # fmt: skip
    for draws, size, right, said in cases:
        share = float(f(draws, [size], seeds)[size])
        if not np.isclose(share, right):
            yield said.format(share)


def _shades(count: int) -> list[Image.Image]:
    """Noise pictures of 24 px, from dark to bright, no two alike."""
    noise = np.random.default_rng(0).integers(0, 60, (count, 24, 24, 3))
    shade = np.linspace(0, 190, count).astype(int)[:, None, None, None]
    return [Image.fromarray(picture) for picture in (noise + shade).astype(np.uint8)]


class _Saving:
    """A way of saving that leaves a picture as it is or blurs it, and remembers what it saved."""

    def __init__(self, blur: int = 0):
        self.blur = ImageFilter.BoxBlur(blur)
        self.saved: list[bytes] = []

    def __call__(self, picture: Image.Image) -> Image.Image:
        self.saved.append(picture.tobytes())
        return picture.filter(self.blur)


def _brightness(picture: Image.Image) -> list[float]:
    return [float(np.asarray(picture).mean()) / 255]


def _detail(picture: Image.Image) -> list[float]:
    grey = np.asarray(picture.convert("L"), float) / 255
    return [np.abs(np.diff(grey)).mean(), np.abs(np.diff(grey, axis=0)).mean()]


def _pixels(picture: Image.Image) -> list[float]:
    return (np.asarray(picture, float)[8:12, 8:12].ravel() / 32 - 4).tolist()


@exercise
def telltale(f: Callable) -> Iterator[str]:
    "AUC with which a measurement tells which of two ways of saving a coin chose for a picture."
    pictures = _shades(80)
    tosses, area = [], 0.0
    for seed in (0, 0, 1):
        one, other = _Saving(), _Saving()
        area = float(f(pictures, one, other, _brightness, seed))
        tosses.append(sorted(other.saved))
    yield from _design(len(pictures), set(one.saved), set(other.saved))
    if tosses[0] != tosses[1]:
        yield "the same seed sends other pictures to the other saving the second time"
    if tosses[0] == tosses[2]:
        yield "seed 1 tosses the same coins as seed 0"
    if not 0.2 < area < 0.8:
        yield (f"both saved alike, brightness has an AUC of {area:.2f}, should be about one half: "
               "the halves differ in what they show, so toss a coin for each picture")  # fmt: skip
    if (area := f(pictures, _Saving(), _Saving(), _pixels, 0)) > 0.8:
        yield (f"both saved alike, 48 pixels have an AUC of {area:.2f}, should be about one half: "
               "score pictures that the model was not fitted to")  # fmt: skip
    if (area := f(pictures, _Saving(), _Saving(blur=1), _detail, 0)) < 0.95:
        yield (f"one half blurred, fine detail has an AUC of {area:.2f}, should be near 1: "
               "measure what was saved, with the way of saving as the label")  # fmt: skip


def _design(count: int, one: set[bytes], other: set[bytes]) -> Iterator[str]:
    """What is wrong with which of `count` pictures were saved in one way and in the other."""
    if one & other:
        yield (f"{len(one & other)} of {count} pictures were saved both ways: a picture and its "
               "twin are relatives, so use each once")  # fmt: skip
    elif len(one | other) < count:
        yield f"only {len(one | other)} of {count} pictures were saved"
    elif min(len(one), len(other)) < count / 4:
        yield f"{len(one)} pictures were saved one way and {len(other)} the other: toss a fair coin"
