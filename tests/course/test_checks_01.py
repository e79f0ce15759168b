"""The checks of chapter 1 name the mistakes that readers make."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mesocore.course.checks import checks_01


def whole_spectrum(grey, bins, mean=True, scale=True, bands=2):
    side = len(grey)
    power = np.abs(np.fft.fft2(grey - grey.mean() * mean)) ** 2 / (side**2 if scale else 1)
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    ring = (radius * bands * bins).astype(int)
    return np.array([power[ring == k].mean() for k in range(bins)])


def wrong_split(groups, share, seed):
    return np.random.default_rng(seed).random(len(groups)) < share


def fixed_split(groups, share, seed):
    names = np.unique(groups)
    return np.isin(groups, names[: round(share * len(names))])


def whole_batch(maps, scale, shift):
    y = (maps - maps.mean((0, 2, 3), keepdims=True)) / maps.std((0, 2, 3), keepdims=True)
    return scale[..., None, None] * y + shift[..., None, None]


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        ("separation", lambda v, fake: roc_auc_score(fake, v), "smaller in every fake"),
        ("separation", lambda v, fake: 1.0, "the same everywhere"),
        ("radial_spectrum", lambda g, b: whole_spectrum(g, b, mean=False), "take the mean out"),
        ("radial_spectrum", lambda g, b: whole_spectrum(g, b, scale=False), "4096 times too much"),
        ("radial_spectrum", lambda g, b: whole_spectrum(g, b, bands=1.5), "peaks in ring"),
        ("radial_spectrum", lambda g, b: np.ones(b + 1), "the shape is"),
        ("keep_rows", lambda t: ~t.duplicated("sha256"), "called real and fake"),
        ("keep_rows", lambda t: ~t.duplicated("sha256", keep=False), "one real twice"),
        ("split_by_group", wrong_split, "are on both sides"),
        ("split_by_group", fixed_split, "seed 1 gives the same split"),
        ("split_by_group", lambda g, share, seed: np.zeros(len(g), bool), "0% of the images"),
        ("split_by_group", lambda g, share, seed: np.flatnonzero(g < 5), "booleans"),
        ("adain", whole_batch, "has the mean"),
        ("adain", lambda m, scale, shift: 0 * m + shift[..., None, None], "has the deviation"),
        ("adain", lambda m, scale, shift: m.mean((2, 3)), "the shape is"),
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    assert getattr(checks_01, check)(answer) is False
    assert said in capsys.readouterr().out
