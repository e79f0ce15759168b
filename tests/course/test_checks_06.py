"""The checks of chapter 6 name the mistakes that readers make."""

from functools import partial

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from mesocore.course.checks import checks_06
from mesocore.evaluation import thresholds


def bh(p, restore=True):
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1)
    result = np.empty_like(p)
    result[order] = q
    return result if restore else q


def exact(first, second, sides=2):
    a, b = (first & ~second).sum(), (second & ~first).sum()
    p = stats.binomtest(int(a), int(a + b)).pvalue
    return p if sides == 2 else p / 2


def unpaired(first, second):
    table = [[first.sum(), (~first).sum()], [second.sum(), (~second).sum()]]
    return stats.fisher_exact(table).pvalue


def quantile(labels, scores, limit):
    return np.quantile(scores, 1 - limit)


def search(table, facts, pooled=False, copies=False, corrected=True):
    rows = table if copies else table.drop_duplicates(["label", "group"])
    p = {}
    for label in ("fake",) if pooled else ("real", "fake"):
        wrong = (rows if pooled else rows[rows["label"] == label])["wrong"]
        for fact in facts:
            values = facts.loc[wrong.index, fact]
            high = values > values.median()
            counts = [[(wrong & half).sum(), (~wrong & half).sum()] for half in (high, ~high)]
            p[label, fact] = stats.fisher_exact(counts).pvalue
    q = stats.false_discovery_control(list(p.values())) if corrected else p.values()
    return [name for name, value in zip(p, q, strict=True) if value < 0.05]


def without(learn, train, test, change, seeds, mistake=None):
    (images, labels), (shown, truth) = train, test
    if mistake == "peeked":
        images, labels = shown, truth
    if mistake == "trained":
        shown, truth = images, labels
    rows = []
    for seed in seeds[:1] if mistake == "seed" else seeds:
        model, other = learn(images, labels, seed), learn(change(images), labels, seed)
        last = shown if mistake == "with" else change(shown)
        scores = model(shown), model(change(shown)), other(last)
        rows.append([roc_auc_score(truth, each) for each in scores])
    means = np.max(rows, axis=0) if mistake == "best" else np.mean(rows, axis=0)
    if mistake == "same":
        means[2] = means[1]
    return dict(zip(checks_06.RUNS, means.tolist(), strict=True))


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        ("false_discoveries", bh, "OK"),
        ("false_discoveries", lambda p: np.minimum(1, p * len(p)), "Bonferroni"),
        ("false_discoveries", lambda p: bh(p, restore=False), "not in the order"),
        ("false_discoveries", lambda p: p, "should be [0.04, 0.04, 0.04, 0.5]"),
        ("false_discoveries", lambda p: bh(p)[:1], "4 p-values went in and 1 numbers"),
        ("share_inside", lambda values, mask: values[mask].sum() / values.sum(), "OK"),
        ("share_inside", lambda values, mask: values[mask].mean() / values.mean(), "take sums"),
        ("share_inside", lambda values, mask: mask.mean(), "what chance gets"),
        ("share_inside", lambda values, mask: 1.0, "it gave 1.000"),
        ("threshold_at", thresholds.threshold_at, "OK"),
        ("threshold_at", quantile, "of the reals lie above"),
        ("threshold_at", lambda labels, scores, limit: 1.0, "a smaller threshold would do"),
        ("mcnemar", exact, "OK"),
        ("mcnemar", unpaired, "both saw the same images"),
        ("mcnemar", lambda a, b: exact(a, b, sides=1), "one side alone"),
        ("mcnemar", lambda a, b: 0.9, "12 against 3: p is 0.9000"),
        ("slice_test", search, "OK"),
        ("slice_test", partial(search, corrected=False), "correct for the number of tests"),
        ("slice_test", partial(search, pooled=True), "compare images of one label"),
        ("slice_test", partial(search, copies=True), "one piece of evidence"),
        ("slice_test", lambda table, facts: [], "it did not find the fact"),
        ("learn_without", without, "OK"),
        ("learn_without", partial(without, mistake="peeked"), "learns from the test images"),
        ("learn_without", partial(without, mistake="trained"), "take the test images"),
        ("learn_without", partial(without, mistake="seed"), "learn with each of the seeds"),
        ("learn_without", partial(without, mistake="best"), "take the mean"),
        ("learn_without", partial(without, mistake="with"), "take it out of both"),
        ("learn_without", partial(without, mistake="same"), "that is the AUC of 'taken out'"),
        ("learn_without", lambda *args: 0.9, "return a dict with the keys"),
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    passed = getattr(checks_06, check)(answer)
    assert said in capsys.readouterr().out and passed == (said == "OK")
