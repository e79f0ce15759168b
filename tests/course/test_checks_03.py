"""The checks of chapter 3 name the mistakes that readers make."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import avg_pool2d, conv2d, pad, relu, relu6

from mesocore.course import mistakes, planted
from mesocore.course.checks import checks_03
from mesocore.nets.layers import Attention


def block(x, expand, depthwise, project, act=relu6, last=lambda y: y, add=None):
    y = last(project(act(depthwise(act(expand(x))))))
    return x + y if (x.shape == y.shape if add is None else add) else y


def attends(block, maps):
    return bool((block.gate(maps)[0] != block.gate(maps)[1]).any())


def smallest(rows, slack=lambda best: best["sd"] / best["seeds"] ** 0.5):
    best = rows.loc[rows["mean"].idxmax()]
    return rows[rows["mean"] >= best["mean"] - slack(best)]["parameters"].idxmin()


def squeeze(x, w1, w2, act=relu, gate=torch.sigmoid, pool=lambda x: x.mean((2, 3))):
    return x * gate(act(pool(x) @ w1.T) @ w2.T)[..., None, None]


def high_pass(x, gain=8, mode="replicate", keep=True, blur=False):
    row = torch.tensor([1.0, 2, 1])
    kernel = (row[:, None] * row / 16).expand(3, 1, 3, 3)
    blurred = conv2d(pad(x, (1, 1, 1, 1), mode=mode), kernel, groups=3)
    r = blurred if blur else gain * (x - blurred)
    return torch.cat([x, r], dim=1) if keep else r


def frozen(model, train, images, labels, mean=lambda g: g.mean(0, keepdim=True), only=9, tidy=True):
    def score():
        with torch.no_grad():
            return roc_auc_score(labels, model(images))

    blocks = [m for m in model.modules() if isinstance(m, Attention)][:only]
    means, before = {}, score()
    hooks = [b.register_forward_pre_hook(lambda b, x: means.update({b: mean(b.gate(x[0]))}))
             for b in blocks]  # fmt: skip
    with torch.no_grad():
        model(train)
    for hook in hooks:
        hook.remove()
    for block in blocks:
        block.gate = lambda x, kept=means[block]: kept
    after = score()
    for block in blocks:
        if tidy:
            del block.gate
    return before, after


def pays(lab, seeds=(0, 1, 2), other=None, split="val", always=False, extra=()):
    gaps = {}
    for part in planted.PARTS:
        with_part = [lab.roc_auc(lab.train((part, *extra), s), split) for s in other or seeds]
        without = [lab.roc_auc(lab.train((), s), split) for s in seeds]
        gaps[part] = np.array(with_part) - np.array(without)
    best = max(gaps, key=lambda part: gaps[part].mean())
    return best if always or gaps[best].min() > 0 else "none"


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
        ("attends", lambda b, m: True, "an empty bottleneck answers every image"),
        ("attends", lambda b, m: False, "se attends, but"),
        ("attends", lambda b, m: bool(b.gate(m).std() > 0), "a constant gate answers"),
        ("squeeze_and_excitation", squeeze, "OK"),
        ("squeeze_and_excitation", lambda *a: squeeze(*a, act=lambda y: y), "the ReLU between"),
        ("squeeze_and_excitation", lambda *a: squeeze(*a, gate=lambda y: y), "sigmoid is missing"),
        (
            "squeeze_and_excitation",
            lambda *a: squeeze(*a, pool=lambda x: x.amax((2, 3))),
            "not a maximum",
        ),
        (
            "squeeze_and_excitation",
            lambda *a: squeeze(*a, pool=lambda x: x.mean((0, 2, 3))),
            "do not average over the batch",
        ),
        ("squeeze_and_excitation", lambda x, *w: squeeze(x, *w) / x, "those are the gates"),
        ("squeeze_and_excitation", lambda *a: squeeze(*a).mean((2, 3)), "the shape is"),
        ("squeeze_and_excitation", lambda *a: squeeze(*a) + 1, "other values"),
        ("high_pass", high_pass, "OK"),
        ("high_pass", lambda x: high_pass(x, keep=False), "three maps are missing"),
        ("high_pass", lambda x: high_pass(x, gain=1), "not yet multiplied by 8"),
        ("high_pass", lambda x: high_pass(x, gain=-8), "the sign is wrong"),
        ("high_pass", lambda x: high_pass(x, blur=True), "that is the blurred picture"),
        ("high_pass", lambda x: high_pass(x, mode="constant"), "the edges differ"),
        (
            "high_pass",
            lambda x: torch.cat([x, 8 * (x - avg_pool2d(x, 3, 1, 1))], 1),
            "other values",
        ),
        ("high_pass", lambda x: high_pass(x)[:, :, 1:], "the shape is"),
        ("frozen", frozen, "OK"),
        ("frozen", lambda m, t, i, y: frozen(m, i, i, y), "means over the training images"),
        ("frozen", lambda *a: frozen(*a)[:1] * 2, "nothing was frozen"),
        ("frozen", lambda *a: frozen(*a)[::-1], "return that first"),
        ("frozen", lambda *a: frozen(*a, mean=torch.ones_like), "your code raised"),
        ("frozen", lambda *a: frozen(*a, mean=lambda g: torch.ones_like(g[:1])), "a gate of 1"),
        (
            "frozen",
            lambda *a: frozen(*a, mean=lambda g: g.mean((0, 1), keepdim=True)),
            "makes all of them alike",
        ),
        ("frozen", lambda *a: frozen(*a, only=1), "should be"),
        ("frozen", lambda *a: frozen(*a, tidy=False), "give its gates back"),
        ("part_that_pays", pays, "OK"),
        ("part_that_pays", lambda lab: pays(lab, (0,)), "cannot tell a part from luck"),
        ("part_that_pays", lambda lab: pays(lab, other=(3, 4, 5)), "train both from the same"),
        ("part_that_pays", lambda lab: pays(lab, split="test"), "the test split was looked at"),
        ("part_that_pays", lambda lab: pays(lab, always=True), "should be 'none'"),
        ("part_that_pays", lambda lab: pays(lab, extra=planted.PARTS), "highpass alone was not"),
        ("part_that_pays", lambda lab: planted.NEEDS[lab.trace], "nothing to compare with"),
        ("choose", smallest, "OK"),
        ("choose", lambda rows: rows["mean"].idxmax(), "it chose large, should be middle"),
        ("choose", lambda rows: rows["parameters"].idxmin(), "it chose small, should be"),
        ("choose", lambda rows: smallest(rows, lambda b: b["sd"]), "OK"),
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    getattr(checks_03, check)(answer)
    assert said in capsys.readouterr().out


def test_an_empty_bottleneck_says_nothing():
    with pytest.warns(UserWarning, match="zero-element"):
        empty = mistakes.EmptySqueeze(8)
    maps = torch.randn(2, 8, 4, 4)
    gate = empty.gate(maps)
    assert torch.equal(gate, torch.full((2, 8, 1, 1), 0.5))  # until its bias has learnt something
