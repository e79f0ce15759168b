"""The checks of chapter 6 name the mistakes that readers make."""

import numpy as np
import pytest
from scipy import stats

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
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    passed = getattr(checks_06, check)(answer)
    assert said in capsys.readouterr().out and passed == (said == "OK")
