"""The two experiments of chapter 2: the checks refuse the designs that look right and are not."""

import itertools

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from mesocore.course.checks import checks_02

_calls = itertools.count()


def finds(kernel, train, test, steps=40, seed=0, depth=1, counted=None):
    torch.manual_seed(seed if seed is not None else next(_calls))
    layers = [nn.Conv2d(1, 8, kernel), nn.ReLU()]
    layers += [nn.Conv2d(8, 8, kernel), nn.ReLU()] * (depth - 1)
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(steps):
        loss = nn.functional.binary_cross_entropy_with_logits(network(train[0])[:, 0], train[1])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    images, labels = test if counted is None else train
    with torch.no_grad():
        return ((network(images)[:, 0] > 0) == labels).float().mean().item()


def over_seeds(build, train, test, seeds, reseed=True, anew=True, ddof=1, learns=True,
               measured="test", evaluates=True):  # fmt: skip
    found, network = [], None
    for seed in seeds:
        torch.manual_seed(seed if reseed else next(_calls))
        network = build() if anew or network is None else network
        optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
        for _ in range(20 if learns else 0):
            chosen = torch.randint(len(train[0]), (16,))
            loss = nn.functional.binary_cross_entropy_with_logits(
                network(train[0][chosen]), train[1][chosen]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        network.train(not evaluates)
        images, labels = test if measured == "test" else train
        with torch.no_grad():
            found.append(roc_auc_score(labels, network(images)))
    found = torch.tensor(found, dtype=torch.float64)
    return found.mean(), found.std(correction=ddof)


def same_network(build, train, test, seeds):
    """The seed comes too late: behind `build`, and with nothing random left to follow it."""
    torch.manual_seed(0)
    return over_seeds(build, train, test, [0 for _ in seeds])


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        ("finds", finds, "OK"),
        ("finds", lambda k, a, b: finds(3, a, b), "a window of 5 pixels holds"),
        ("finds", lambda k, a, b: finds(7, a, b), "no window of 3 pixels holds"),
        ("finds", lambda k, a, b: finds(k, a, b, depth=2), "no window of 3 pixels holds"),
        ("finds", lambda k, a, b: finds(k, a, b, counted="train"), "on `test` alone"),
        ("finds", lambda k, a, b: finds(k, b, b), "learn from `train` alone"),
        ("finds", lambda k, a, b: finds(k, a, b, steps=0), "your share is"),
        ("finds", lambda k, a, b: 0.5 if k == 3 else 1.0, "your share is 0.5"),
        ("finds", lambda k, a, b: 1.0, "should be near 0"),
        ("over_seeds", over_seeds, "OK"),
        ("over_seeds", lambda *a: over_seeds(*a, ddof=0), "divides by n - 1"),
        ("over_seeds", lambda *a: over_seeds(*a, reseed=False), "set the seed before"),
        ("over_seeds", lambda *a: over_seeds(*a, anew=False), "same seed twice"),
        ("over_seeds", lambda *a: over_seeds(*a, measured="train"), "measure on `test`"),
        ("over_seeds", lambda *a: over_seeds(*a, evaluates=False), "network.eval()"),
        ("over_seeds", same_network, "weights have to follow the seed"),
        ("over_seeds", lambda b, a, t, s: over_seeds(b, t, t, s), "learn from `train`"),
        ("over_seeds", lambda b, a, t, s: (0.7, 0.0), "it built 0 networks"),
    ],
)
def test_a_check_says_what_is_wrong(check, answer, said, capsys):
    passed = getattr(checks_02, check)(answer)
    printed = capsys.readouterr().out
    assert said in printed
    assert passed is (said == "OK")


def test_the_trace_is_in_every_other_picture_and_nowhere_else():
    images, labels = checks_02.planted(2, 200, seed=0)
    near, lagged = ((images[..., lag:] * images[..., :-lag]).mean((1, 2, 3)) for lag in (1, 2))
    assert near.abs().mean() < 0.1
    assert lagged[labels == 1].mean() == pytest.approx(0.5, abs=0.05)
    assert lagged[labels == 0].mean() == pytest.approx(0, abs=0.05)
