"""The checks of chapter 4 name the mistakes that readers make."""

import copy
import math

import pytest
import torch

from mesocore.course.checks import checks_04


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
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    getattr(checks_04, check)(answer)
    assert said in capsys.readouterr().out
