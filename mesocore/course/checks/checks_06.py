"""The exercises of chapter 6: false discoveries, evidence in a mask, a limit, a paired test."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from mesocore.course.checks.exercise import exercise
from mesocore.evaluation import slices, thresholds


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
