"""The exercises of chapter 3: parts from their equations, gates that are empty or frozen, a rule
for choosing, and an ablation of the reader's own."""

import copy
import warnings
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from mesocore.course import planted
from mesocore.course.checks.exercise import exercise
from mesocore.course.mistakes import EmptySqueeze
from mesocore.nets.layers import ATTENTION, Attention, HighPass, SqueezeExcitation, attention

LEAST_SEEDS = 3


def _parts(outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    torch.manual_seed(0)
    return (nn.Conv2d(4, 12, 1), nn.Conv2d(12, 12, 3, padding=1, groups=12),
            nn.Conv2d(12, outputs, 1))  # fmt: skip


@exercise
def inverted_residual(f: Callable) -> Iterator[str]:
    "An inverted residual from its three convolutions."
    x = 20 * torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    for outputs in (4, 6):
        parts = expand, depthwise, project = _parts(outputs)
        narrow = project(functional.relu6(depthwise(functional.relu6(expand(x)))))
        right = narrow + x if outputs == 4 else narrow
        got = f(x, *parts)
        if got.shape != right.shape:
            yield f"4 -> {outputs} channels: the shape is {tuple(got.shape)}"
        elif not torch.allclose(got, right, atol=1e-4):
            yield f"4 -> {outputs} channels: {_what_is_wrong(got, x, narrow, parts)}"


def _what_is_wrong(got: Tensor, x: Tensor, narrow: Tensor, parts: tuple) -> str:
    expand, depthwise, project = parts
    plain = project(functional.relu(depthwise(functional.relu(expand(x)))))
    if x.shape == narrow.shape and torch.allclose(got, narrow, atol=1e-4):
        return "the input is not added, although the shapes allow it"
    if got.min() >= 0:
        return "nothing is negative: the projection must stay linear"
    for shortcut in (0, x if x.shape == narrow.shape else 0):
        if torch.allclose(got, plain + shortcut, atol=1e-4):
            return "ReLU6 also cuts at 6"
    return "other values than the equation gives"


@exercise
def squeeze_and_excitation(f: Callable) -> Iterator[str]:
    "A gate a channel from the means of all channels, without biases."
    generator = torch.Generator().manual_seed(0)
    x = 1 + 2 * torch.randn(3, 8, 5, 7, generator=generator)
    w1 = torch.randn(2, 8, generator=generator)
    w2 = torch.randn(8, 2, generator=generator)
    z = x.mean((2, 3))
    gates = torch.sigmoid(functional.relu(z @ w1.T) @ w2.T)[:, :, None, None]
    wrong = {
        "those are the gates: multiply the input by them": gates.expand_as(x),
        "those are the gates; multiply the input by them": gates,
        "the ReLU between the two matrices is missing":
            x * torch.sigmoid(z @ w1.T @ w2.T)[:, :, None, None],
        "the gates are not between 0 and 1: the sigmoid is missing":
            x * (functional.relu(z @ w1.T) @ w2.T)[:, :, None, None],
        "z is a mean over places, not a maximum":
            x * torch.sigmoid(functional.relu(x.amax((2, 3)) @ w1.T) @ w2.T)[:, :, None, None],
        "every image has gates of its own: do not average over the batch":
            x * torch.sigmoid(functional.relu(z.mean(0) @ w1.T) @ w2.T)[None, :, None, None],
    }  # fmt: skip
    got = f(x, w1, w2)
    for said, values in wrong.items():
        if got.shape == values.shape and torch.allclose(got, values, atol=1e-5):
            yield said
            return
    if got.shape != x.shape:
        yield f"the shape is {tuple(got.shape)}, should be that of the input, {tuple(x.shape)}"
    elif not torch.allclose(got, x * gates, atol=1e-5):
        yield "other values than the equations give"


@exercise
def high_pass(f: Callable) -> Iterator[str]:
    "The picture, and beside it 8 times what a binomial blur takes away."
    x = torch.rand(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    right, got = HighPass()(x), f(x)
    if got.shape == (2, 3, 9, 11):
        got = torch.cat([x, got], dim=1)
        yield "three maps are missing: the colours go on beside the residuals, six in all"
    if got.shape != right.shape:
        yield f"the shape is {tuple(got.shape)}, should be {tuple(right.shape)}"
    elif not torch.allclose(got[:, :3], x):
        yield "the first three maps should be the colours as they came"
    elif not torch.allclose(got, right, atol=1e-5):
        yield _wrong_residuals(got[:, 3:], right[:, 3:], x)


def _wrong_residuals(got: Tensor, right: Tensor, x: Tensor) -> str:
    if torch.allclose(8 * got, right, atol=1e-5):
        return "the residuals are not yet multiplied by 8"
    if torch.allclose(got, 8 * x - right, atol=1e-5) or torch.allclose(got, x - right / 8):
        return "that is the blurred picture; take it from the picture"
    if torch.allclose(got, -right, atol=1e-5):
        return "the sign is wrong: picture minus blur"
    if torch.allclose(got[..., 1:-1, 1:-1], right[..., 1:-1, 1:-1], atol=1e-5):
        return 'the edges differ: repeat the outermost pixels (`mode="replicate"`) and add no zeros'
    return "the residuals have other values than the equation gives"


@exercise
def attends(f: Callable) -> Iterator[str]:
    "Does a block's gate depend on what it sees?"
    torch.manual_seed(0)
    maps = torch.randn(4, 8, 5, 5)
    for kind in ATTENTION:
        if not f(attention(kind, 8), maps):
            yield f"{kind} attends, but the answer was no"
    for name, block in (("an empty bottleneck", _quietly(8)), ("a constant gate", _Constant())):
        if f(block, maps):
            yield f"{name} answers every image with the same gate, but the answer was yes"


class _Constant(Attention):
    def gate(self, x: Tensor) -> Tensor:
        return torch.linspace(0, 1, x.shape[1])[None, :, None, None].expand(len(x), -1, 1, 1)


def _quietly(channels: int) -> EmptySqueeze:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return EmptySqueeze(channels)


@exercise
def choose(f: Callable) -> Iterator[str]:
    "The smallest model within one standard error of the best."
    small = {"parameters": 28, "mean": 0.80, "sd": 0.02, "seeds": 4}
    middle = {"parameters": 60, "mean": 0.90, "sd": 0.03, "seeds": 9}
    large = {"parameters": 90, "mean": 0.91, "sd": 0.03, "seeds": 4}
    cases = {
        "middle": {"small": small, "middle": middle, "large": large},
        "large": {"small": small, "large": large | {"sd": 0.002}, "middle": middle},
        "small": {"large": large, "small": small | {"mean": 0.905}, "middle": middle},
    }
    for right, rows in cases.items():
        got = f(pd.DataFrame(rows).T)
        if got != right:
            yield f"of\n{pd.DataFrame(rows).T}\nit chose {got}, should be {right}"


class _Gated(nn.Module):
    """A random network with two attention blocks; its gates differ from image to image."""

    def __init__(self, *blocks: nn.Module, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(
            HighPass(), nn.Conv2d(6, 8, 3, stride=2), nn.ReLU(), blocks[0],
            nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(), blocks[1], nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(8, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, 0]


def _steep(seed: int) -> SqueezeExcitation:
    torch.manual_seed(seed)
    block = SqueezeExcitation(8)
    for parameter in block.parameters():
        parameter.data.mul_(12)
    return block


def _auc(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float(roc_auc_score(labels, model(images)))


def _with_gates(model: nn.Module, images: Tensor, value: Callable[[Tensor], Tensor]) -> nn.Module:
    """A copy whose gates are `value` of those that it has on `images`, whatever it is shown."""
    model, x, fixed = copy.deepcopy(model), images, {}
    with torch.no_grad():
        for layer in model.layers:
            if isinstance(layer, Attention):
                fixed[layer] = value(layer.gate(x))
            x = layer(x)
    for layer, gates in fixed.items():
        layer.gate = lambda x, gates=gates: gates
    return model


@exercise
def frozen(f: Callable) -> Iterator[str]:
    "ROC AUC as it is, and with every gate at its mean over the training images."
    train, _ = planted.pictures("bright", 60, 1)
    images, labels = planted.pictures("fine", 120, 2)
    for seed, kind in ((3, "gates that look"), (4, "other gates that look"), (5, "constant gates")):
        blocks = [_Constant(), _Constant()] if seed == 5 else [_steep(seed), _steep(seed + 9)]
        model = _Gated(*blocks, seed=seed).eval()
        before = _auc(model, images, labels)
        mean = _auc(_with_gates(model, train, lambda g: g.mean(0, keepdim=True)), images, labels)
        got = tuple(float(value) for value in f(model, train, images, labels))
        if (
            "gate" in vars(blocks[0])
            or "gate" in vars(blocks[1])
            or _auc(model, images, labels) != before
        ):
            yield f"{kind}: the network is not as it was before: give its gates back"
        elif len(got) != 2 or not np.isclose(got[0], before, atol=1e-4):
            yield f"{kind}: as it is the ROC AUC is {before:.4f}; return that first"
        elif not np.isclose(got[1], mean, atol=1e-4):
            yield f"{kind}: frozen the ROC AUC is {got[1]:.4f}, should be {mean:.4f}" + (
                _why(got[1], model, train, images, labels))  # fmt: skip


def _why(got: float, model: _Gated, train: Tensor, images: Tensor, labels: Tensor) -> str:
    others = {
        "; nothing was frozen": (images, None),
        "; take the means over the training images": (images, lambda g: g.mean(0, keepdim=True)),
        "; a gate of 1 is no mean of the gates": (train, torch.ones_like),
        "; a mean over channels too makes all of them alike":
            (train, lambda g: g.mean((0, 1), keepdim=True)),
    }  # fmt: skip
    for said, (shown, value) in others.items():
        other = model if value is None else _with_gates(
            model, shown, lambda g, value=value: value(g)[:1])  # fmt: skip
        if np.isclose(got, _auc(other, images, labels), atol=1e-4):
            return said
    return ""


@cache
def _laboratory(trace: str) -> planted.Laboratory:
    return planted.Laboratory(trace)


@exercise
def part_that_pays(f: Callable) -> Iterator[str]:
    "An ablation: which part does a planted trace need?"
    for trace, right in planted.NEEDS.items():
        laboratory = _laboratory(trace)
        laboratory.trained.clear()
        laboratory.looked_at.clear()
        got = f(laboratory)
        yield from (f"{trace}: {problem}" for problem in _faults(laboratory))
        if got != right:
            yield f"{trace}: the answer is {got!r}, should be {right!r}"


def _faults(laboratory: planted.Laboratory) -> Iterator[str]:
    """What is wrong with the experiment, whatever it answered."""
    seeds = {parts: {seed for known, seed in laboratory.trained if known == parts}
             for parts, _ in laboratory.trained}  # fmt: skip
    plain = seeds.get((), set())
    if not plain:
        yield "the network without any part was not trained, so there is nothing to compare with"
    for part in planted.PARTS:
        own = seeds.get((part,), set())
        if not own:
            yield f"{part} alone was not trained"
        elif plain and own != plain:
            yield f"{part} has other seeds than the network without it: train both from the same"
        elif len(own) < LEAST_SEEDS:
            yield f"{len(own)} seed of {part} cannot tell a part from luck: take {LEAST_SEEDS}"
    if "test" in laboratory.looked_at:
        yield "the test split was looked at: choose on validation"
    elif laboratory.looked_at != {"val"}:
        yield "nothing was measured on validation"
