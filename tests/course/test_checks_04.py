"""The checks of chapter 4 name the mistakes that readers make."""

import copy
import math

import numpy as np
import pytest
import torch

from mesocore.course.checks import checks_04
from mesocore.evaluation.power_law import fit_power_law


def rate(step, steps, peak, warmup, first=1, half=0.5):
    rise = int(warmup * steps)
    if step < rise:
        return peak * (step + first) / rise
    return peak * half * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def leaks(read, stored, reads=8, splits=("val", "test")):
    return [s for s in splits if any(not torch.equal(read(s), stored[s]) for _ in range(reads))]


def self_compared(read, stored):
    return [s for s in ("val", "test") if any(not torch.equal(read(s), read(s)) for _ in range(8))]


def in_place(read, stored):
    stored["train"].zero_()
    return leaks(read, stored)


def keep_best(model, train_epoch, score, epochs, copied=copy.deepcopy, better=float.__gt__):
    best, kept = -1.0, None
    for _ in range(epochs):
        train_epoch(model)
        now = score(model)
        if better(now, best):
            best, kept = now, copied(model.state_dict())
    return kept


def gain(train, auc, augment, seeds, split="val", others=0, ddof=1, paired=True, summed=np.mean):
    none = np.array([auc(train("none", seed), split) for seed in seeds])
    ours = np.array([auc(train(augment, seed + others), split) for seed in seeds])
    scatter = (ours - none).std(ddof=ddof)
    if not paired:
        scatter = np.sqrt(none.var(ddof=1) + ours.var(ddof=1))
    return summed(ours) - summed(none), 2 * scatter / len(seeds) ** 0.5


def forecast(error, sizes, seeds, target, level=0.95):
    runs = [(size, seed) for size in sizes for seed in seeds]
    law = fit_power_law([size for size, _ in runs], [error(*run) for run in runs])
    found = law.predict(target, level)
    return found["low"], found["high"]


def scatter_alone(error, sizes, seeds, target):
    """What a fit with polyfit gives to who forgets that the line is uncertain."""
    runs = [(size, seed) for size in sizes for seed in seeds]
    x, y = np.log([size for size, _ in runs]), np.log([error(*run) for run in runs])
    slope, start = np.polyfit(x, y, 1)
    half = 2 * (y - start - slope * x).std(ddof=2)
    return tuple(np.exp(start + slope * np.log(target) + np.array([-half, half])))


def without_logarithms(error, sizes, seeds, target):
    runs = [(size, seed) for size in sizes for seed in seeds]
    x, y = np.array([size for size, _ in runs]), np.array([error(*run) for run in runs])
    slope, start = np.polyfit(x, y, 1)
    value = abs(start + slope * target)
    return value * 0.8, value * 1.25


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        ("rate", rate, "OK"),
        ("rate", lambda *a: rate(*a, first=0), "first batch teaches nothing"),
        ("rate", lambda *a: rate(*a, first=2), "the rise is 0.002"),
        ("rate", lambda *a: rate(*a, half=1), "the largest rate is 0.02"),
        ("rate", lambda s, n, p, w: rate(s, n, p, w) if s < 12 else p, "should be"),
        ("leaks", leaks, "OK"),
        ("leaks", lambda r, s: leaks(r, s, reads=1), "one read of four: []"),
        ("leaks", lambda r, s: leaks(r, s, splits=tuple(s)), "training images alone: ['train']"),
        ("leaks", self_compared, "the same way in every read: []"),
        ("leaks", in_place, "the stored images were changed"),
        ("keep_best", keep_best, "OK"),
        ("keep_best", lambda *a: keep_best(*a, copied=lambda x: x), "the last epoch's weights"),
        ("keep_best", lambda *a: keep_best(*a, better=float.__ge__), "of epoch 3, should be 2"),
        ("gain", gain, "OK"),
        ("gain", lambda *a: gain(*a, split="test"), "measured on test: what is chosen"),
        ("gain", lambda *a: gain(*a, others=1), "flip was trained with seeds [1, 2, 3], should be"),
        ("gain", lambda t, a, n, s: gain(t, a, n, s[:2]), "trained with seeds [0, 1], should be"),
        ("gain", lambda *a: gain(*a, paired=False), "the bar for unrelated runs"),
        ("gain", lambda *a: gain(*a, ddof=0), "divide the squares by n - 1"),
        ("gain", lambda *a: gain(*a, summed=np.max), "compares the best seed of each"),
        ("forecast", forecast, "OK"),
        ("forecast", lambda e, n, s, t: forecast(e, [*n, t], s, t), "the target is what you"),
        ("forecast", lambda e, n, s, t: forecast(e, n, s[:1], t), "it measured 5 runs"),
        ("forecast", lambda *a: forecast(*a, level=0.8), "should be about 95"),
        ("forecast", lambda *a: forecast(*a, level=0.9999), "times as wide as it should be"),
        ("forecast", scatter_alone, "the line itself is uncertain"),
        ("forecast", without_logarithms, "should be about 95"),
        ("forecast", lambda e, n, s, t: [forecast(e, n, s, t)[0]] * 2, "is no interval of errors"),
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    getattr(checks_04, check)(answer)
    assert said in capsys.readouterr().out


def test_in_the_laboratory_mirroring_and_more_pictures_help_and_seeds_scatter():
    none, flip = ([checks_04.auc(checks_04.train(a, seed), "val") for seed in (0, 1)]
                  for a in ("none", "flip"))  # fmt: skip
    assert none[0] != none[1]
    assert 0.7 < np.mean(none) < np.mean(flip) < 1
    assert 0 < checks_04.error(384, 0) < checks_04.error(48, 0) < 0.5
