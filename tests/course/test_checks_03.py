"""The checks of chapter 3 name the mistakes that readers make."""

import pytest
import torch
from torch.nn.functional import relu, relu6

from mesocore.course import mistakes
from mesocore.course.checks import checks_03


def block(x, expand, depthwise, project, act=relu6, last=lambda y: y, add=None):
    y = last(project(act(depthwise(act(expand(x))))))
    return x + y if (x.shape == y.shape if add is None else add) else y


def attends(block, maps):
    return bool((block.gate(maps)[0] != block.gate(maps)[1]).any())


def smallest(rows, slack=lambda best: best["sd"] / best["seeds"] ** 0.5):
    best = rows.loc[rows["mean"].idxmax()]
    return rows[rows["mean"] >= best["mean"] - slack(best)]["parameters"].idxmin()


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        ("inverted_residual", block, "OK"),
        ("inverted_residual", lambda *a: block(*a, add=False), "the input is not added"),
        ("inverted_residual", lambda *a: block(*a, last=relu), "must stay linear"),
        ("inverted_residual", lambda *a: block(*a, act=relu), "cuts at 6"),
        ("inverted_residual", lambda *a: block(*a)[:, :2], "the shape is"),
        ("inverted_residual", lambda *a: 2 * block(*a), "other values"),
        ("attends", attends, "OK"),
        ("attends", lambda b, m: True, "the published block answers every image"),
        ("attends", lambda b, m: False, "se attends, but"),
        ("attends", lambda b, m: bool(b.gate(m).std() > 0), "a constant gate answers"),
        ("choose", smallest, "OK"),
        ("choose", lambda rows: rows["mean"].idxmax(), "it chose large, should be middle"),
        ("choose", lambda rows: rows["parameters"].idxmin(), "it chose small, should be"),
        ("choose", lambda rows: smallest(rows, lambda b: b["sd"]), "OK"),
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    getattr(checks_03, check)(answer)
    assert said in capsys.readouterr().out


def test_the_published_block_is_empty_and_says_nothing():
    with pytest.warns(UserWarning, match="zero-element"):
        empty = mistakes.EmptySqueeze(8)
    maps = torch.randn(2, 8, 4, 4)
    gate = empty.gate(maps)
    assert torch.equal(gate, torch.full((2, 8, 1, 1), 0.5))  # until its bias has learnt something
