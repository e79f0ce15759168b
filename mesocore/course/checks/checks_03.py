"""The exercises of chapter 3: a block from its equation, an empty gate, and a rule for choosing."""

import warnings
from collections.abc import Callable, Iterator

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.course.checks.exercise import exercise
from mesocore.course.mistakes import EmptySqueeze
from mesocore.nets.layers import ATTENTION, Attention, attention


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
def attends(f: Callable) -> Iterator[str]:
    "Does a block's gate depend on what it sees?"
    torch.manual_seed(0)
    maps = torch.randn(4, 8, 5, 5)
    for kind in ATTENTION:
        if not f(attention(kind, 8), maps):
            yield f"{kind} attends, but the answer was no"
    for name, block in (("the published block", _quietly(8)), ("a constant gate", _Constant())):
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
