"""The exercises of chapter 6: false discoveries, evidence in a mask, a limit, a paired test, a
search through slices, and a network that has to learn without a band of waves."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

from mesocore.course.checks.exercise import exercise
from mesocore.evaluation import frequency_bands, slices, thresholds

Learner = Callable[[Tensor, np.ndarray, int], Callable[[Tensor], np.ndarray]]
RUNS = ("as it is", "taken out", "learnt without")  # of the experiment about a band
NOTHING = 40  # facts that have nothing to do with the errors, in a search through slices


@exercise
def false_discoveries(f: Callable) -> Iterator[str]:
    "Benjamini and Hochberg's q for each p."
    for p in ([0.01, 0.02, 0.03, 0.5], [0.04, 0.001, 0.9, 0.04, 0.2], [0.3]):
        p = np.array(p)
        right, got = stats.false_discovery_control(p), np.asarray(f(p.copy()), float)
        if got.shape != right.shape:
            yield f"{len(p)} p-values went in and {got.size} numbers came out"
        elif np.allclose(got, np.minimum(1, p * len(p))) and not np.allclose(got, right):
            yield "p times their number is Bonferroni's correction; divide by the rank as well"
        elif np.allclose(np.sort(got), np.sort(right)) and not np.allclose(got, right):
            yield "the values are right but not in the order in which the p-values came"
        elif not np.allclose(got, right):
            was, should = got.round(4).tolist(), right.round(4).tolist()
            yield f"for {p.tolist()} it gave {was}, should be {should}"


@exercise
def share_inside(f: Callable) -> Iterator[str]:
    "The share of a map's evidence that lies in a mask."
    values = np.array([[4.0, 2.0, 1.0], [0.0, 1.0, 0.0]])
    mask = np.array([[True, False, False], [False, True, True]])
    got = f(values.copy(), mask.copy())
    if np.isclose(got, values[mask].mean() / values.mean()):
        yield "means forget how large the mask is: take sums"
    elif np.isclose(got, mask.mean()):
        yield "that is the mask's share of the picture, which is what chance gets"
    elif not np.isclose(got, 5 / 8):
        yield f"5 of 8 lie inside, but it gave {got:.3f}"


@exercise
def threshold_at(f: Callable) -> Iterator[str]:
    "The least threshold that calls at most a share of the reals fake."
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    smooth = rng.random(400) * 0.6 + 0.4 * labels * rng.random(400)
    tied = np.where(np.arange(400) < 60, 0.9, smooth)
    for name, scores in (("without ties", smooth), ("with ties", tied)):
        for limit in (0.1, 0.05):
            got, reals = f(labels.copy(), scores.copy(), limit), scores[labels == 0]
            right = thresholds.threshold_at(labels, scores, limit)
            if (reals >= got).mean() > limit:
                every = (scores >= got).mean() <= limit
                why = "; count among the reals, not among all" if every else ""
                share = (reals >= got).mean()
                yield f"{name}, limit {limit}: {share:.3f} of the reals lie above{why}"
            elif (reals >= got).sum() < (reals >= right).sum():
                yield f"{name}, limit {limit}: a smaller threshold would do as well"


@exercise
def mcnemar(f: Callable) -> Iterator[str]:
    "McNemar's exact p of two columns of right and wrong."
    rng = np.random.default_rng(0)
    for count, only_first, only_second in ((200, 12, 3), (200, 5, 5), (1000, 0, 6)):
        first = rng.random(count) < 0.8
        second = first.copy()
        first[:only_first], second[:only_first] = True, False
        end = only_first + only_second
        first[only_first:end], second[only_first:end] = False, True
        right, got = slices.mcnemar(first, second)["p"], f(first.copy(), second.copy())
        table = [[first.sum(), (~first).sum()], [second.sum(), (~second).sum()]]
        if np.isclose(got, right):
            continue
        if np.isclose(got, stats.fisher_exact(table).pvalue):
            yield "that forgets that both saw the same images: count those on which they differ"
        elif np.isclose(2 * got, right):
            yield "that is one side alone; either model may be the better one"
        else:
            yield f"{only_first} against {only_second}: p is {got:.4f}, should be {right:.4f}"


@exercise
def slice_test(f: Callable) -> Iterator[str]:
    "The facts that errors depend on, found among many that they do not depend on."
    lost, invented = 0, []
    for seed in range(3):
        table, facts = _searched(seed, copies=1)
        found = {tuple(each) for each in f(table.copy(), facts.copy())}
        lost += ("fake", "planted") not in found
        invented += [each for each in found if each[1] not in ("planted", "label")]
        if any(fact == "label" for _, fact in found):
            yield ("fakes are missed more often than reals are called fake, so what tells the "
                   "labels apart seems to matter: compare images of one label")  # fmt: skip
            return
    if lost:
        yield f"in {lost} of 3 sets it did not find the fact that the missed fakes depend on"
    if len(invented) > 3:
        yield (f"in 3 sets it found {len(invented)} facts that the errors do not depend on: "
               "correct for the number of tests")  # fmt: skip
        return
    table, facts = _searched(9, copies=6)
    found = [tuple(each) for each in f(table.copy(), facts.copy()) if each[1] != "planted"]
    if len(found) > 1:
        yield (f"six copies of each image made {len(found)} findings of nothing: images of one "
               "group are one piece of evidence")  # fmt: skip


def _searched(seed: int, copies: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `slice_test` is asked about: `label`, `group`, `wrong` of images, and their facts.

    Missed fakes depend on `planted`. `label` differs between the labels and matters in neither.
    """
    rng = np.random.default_rng(seed)
    label = np.repeat(["real", "fake"], 300)
    facts = pd.DataFrame(rng.normal(size=(600, NOTHING)).round(3)).add_prefix("fact ")
    facts["planted"], facts["label"] = rng.normal(size=600), rng.normal(size=600)
    facts["label"] += 1.5 * (label == "fake")
    chance = np.where(label == "real", 0.1, 0.35 + 0.25 * np.sign(facts["planted"]))
    table = pd.DataFrame(
        {"label": label, "group": np.arange(600), "wrong": rng.random(600) < chance}
    )
    order = np.repeat(np.arange(600), copies)
    return table.iloc[order].reset_index(drop=True), facts.iloc[order].reset_index(drop=True)


def random_filters(images: Tensor, labels: np.ndarray, seed: int) -> Callable[[Tensor], np.ndarray]:
    """A network that learns in seconds: 64 random filters of 7 x 7 pixels and a learnt last layer.

    images: uint8 `(N, 3, S, S)`; labels `(N,)` with 1 = fake; seed: of the filters. What counts is
    how strongly a picture answers to each filter. Returns images -> scores `(N,)`.
    """
    filters = torch.randn(64, 3, 7, 7, generator=torch.Generator().manual_seed(seed))
    filters -= filters.mean((1, 2, 3), keepdim=True)

    def seen(images: Tensor) -> np.ndarray:
        parts = [functional.conv2d(part.float() / 255, filters) for part in images.split(64)]
        return torch.cat([part.abs().mean((2, 3)) for part in parts]).log().numpy()

    layer = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    layer.fit(seen(images), np.asarray(labels))
    return lambda images: layer.decision_function(seen(images))


@exercise
def learn_without(f: Callable) -> Iterator[str]:
    "Three mean AUCs: with a band, with it taken out of the test, and learnt without it."
    train, test, seeds, calls = _traced(0), _traced(1), (0, 1), []

    def learn(images: Tensor, labels: np.ndarray, seed: int) -> Callable[[Tensor], np.ndarray]:
        calls.append((images, seed))
        return random_filters(images, labels, seed)

    got = f(learn, train, test, _without_finest, seeds)
    if not isinstance(got, dict) or set(got) != set(RUNS):
        yield f"return a dict with the keys {', '.join(RUNS)}"
        return
    changed = _without_finest(test[0])
    if any(_same(images, each) for images, _ in calls for each in (test[0], changed)):
        yield "it learns from the test images"
        return
    if {seed for _, seed in calls} != set(seeds):
        yield f"learn with each of the seeds {seeds}, and with no other"
        return
    right = _runs(train, test, seeds)
    if wrong := [n for n in RUNS if not np.isclose(got[n], np.mean(right[n]), atol=1e-6)]:
        yield from _about_runs(wrong, got, right, _runs(train, train, seeds))


def _about_runs(wrong: list[str], got: dict, right: dict, on_train: dict) -> Iterator[str]:
    """What is wrong with the AUCs so named; `right`, `on_train`: each seed's, on either set."""
    for name in wrong:
        if np.isclose(got[name], np.mean(on_train[name]), atol=1e-6):
            yield f"{name}: that is the AUC on the images that were learnt; take the test images"
        elif np.isclose(got[name], np.max(right[name]), atol=1e-6):
            yield f"{name}: that is the best of the seeds; take the mean"
        elif name != RUNS[0] and np.isclose(got[name], np.mean(right["tested with"]), atol=1e-6):
            yield f"{name}: that learnt without the band and is tested with it; take it out of both"
        elif np.isclose(got[name], np.mean(right[_other(name)]), atol=1e-6):
            yield f"{name}: that is the AUC of {_other(name)!r}"
        else:
            yield f"{name}: it gave {got[name]:.3f}, should be {np.mean(right[name]):.3f}"


def _other(name: str) -> str:
    return {RUNS[0]: RUNS[1], RUNS[1]: RUNS[2], RUNS[2]: RUNS[1]}[name]


def _runs(train: tuple, test: tuple, seeds: Sequence[int]) -> dict[str, list[float]]:
    """Each run's AUC by seed; "tested with": learnt without the band, but tested with it."""
    (images, labels), (shown, truth) = train, test
    found: dict[str, list[float]] = {name: [] for name in (*RUNS, "tested with")}
    for seed in seeds:
        model = random_filters(images, labels, seed)
        other = random_filters(_without_finest(images), labels, seed)
        scores = (model(shown), model(_without_finest(shown)), other(_without_finest(shown)),
                  other(shown))  # fmt: skip
        for name, values in zip(found, scores, strict=True):
            found[name].append(float(roc_auc_score(truth, values)))
    return found


def _same(images: Tensor, others: Tensor) -> bool:
    return images.shape == others.shape and bool((images == others).all())


def _without_finest(images: Tensor) -> Tensor:
    return frequency_bands.without_band(images, *frequency_bands.OCTAVES[0])


def _traced(seed: int) -> tuple[Tensor, np.ndarray]:
    """120 noise pictures of 32 x 32; fakes have a fine trace, and a fainter one in longer waves."""
    generator = torch.Generator().manual_seed(seed)
    noise = 20 * torch.randn(120, 3, 32, 32, generator=generator)
    coarse = functional.interpolate(
        torch.randn(120, 3, 6, 6, generator=generator), size=32, mode="bilinear"
    )
    labels = np.arange(120) % 2
    fake = torch.from_numpy(labels)[:, None, None, None]
    fine = torch.tensor([1.0, -1.0]).repeat(16)
    images = 128 + noise + fake * 8 * fine + (30 + 3 * fake) * coarse
    return images.round().clamp(0, 255).to(torch.uint8), labels
