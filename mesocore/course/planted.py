"""Noise pictures with a planted trace, and tiny networks that may find it: experiments in seconds.

Which part of a network a trace needs is known here, because whoever planted it knows. So chapter 3
can ask readers for an ablation of their own, and say whether its answer is right.
"""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core.errors import UserError
from mesocore.nets.layers import HighPass

PARTS = ("highpass", "dilated")
SPLITS = {"train": 96, "val": 120, "test": 120}  # pictures, half of them with the trace
SIDE, LAG, STEPS = 16, 4, 30  # px, px, steps of training
# which part each trace needs: faint and fine under bright clouds; a repetition some pixels on
NEEDS = {"fine": "highpass", "far": "dilated", "bright": "none"}


def pictures(trace: str, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """`count` pictures `(N, 3, 16, 16)`, about 0..1, and their labels `(N,)`: 1 has the trace.

    `trace`: one of `NEEDS`. Raises `UserError` for another one.
    """
    if trace not in NEEDS:
        raise UserError(f"no trace is called {trace!r}; choose one of: {', '.join(NEEDS)}")
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    marked = labels[:, None, None, None].float()
    noise = torch.randn(count, 3, SIDE, SIDE, generator=generator)
    coarse = torch.randn(count, 3, 4, 4, generator=generator)
    clouds = functional.interpolate(coarse, SIDE, mode="bicubic", align_corners=True)
    if trace == "fine":
        board = (-1.0) ** (torch.arange(SIDE)[:, None] + torch.arange(SIDE))
        x = 0.5 + 0.2 * clouds + 0.004 * noise + 0.006 * marked * board
    elif trace == "far":
        again = (noise + noise.roll(LAG, 3)) / 2**0.5
        x = 0.5 + 0.15 * (marked * again + (1 - marked) * noise)
    else:
        x = 0.5 + 0.05 * noise + 0.05 * marked
    return x, labels


class Laboratory:
    """A planted trace, three splits, and networks of one convolution that are trained on it.

    `trained`: the (parts, seed) of every training so far; `looked_at`: the splits that were scored.
    """

    def __init__(self, trace: str, seed: int = 0):
        """`trace`: one of `NEEDS`; `seed`: of the pictures."""
        self.trace = trace
        self._sets = {split: pictures(trace, count, 3 * seed + place)
                      for place, (split, count) in enumerate(SPLITS.items())}  # fmt: skip
        self._done: dict[tuple, nn.Module] = {}
        self.trained: list[tuple[tuple[str, ...], int]] = []
        self.looked_at: set[str] = set()

    def train(self, parts: tuple[str, ...] = (), seed: int = 0) -> nn.Module:
        """A network with those of `PARTS`, trained on the training split; the same for the same
        seed. Raises `UserError` for an unknown part."""
        parts = tuple(sorted({parts} if isinstance(parts, str) else set(parts)))
        self.trained.append((parts, seed))
        if (parts, seed) not in self._done:
            self._done[parts, seed] = _fitted(_network(parts, seed), *self._sets["train"], seed)
        return self._done[parts, seed]

    def roc_auc(self, model: nn.Module, split: str = "val") -> float:
        """Of `model` on a split. Raises `UserError` if there is none of that name."""
        if split not in SPLITS:
            raise UserError(f"no split is called {split!r}; choose one of: {', '.join(SPLITS)}")
        self.looked_at.add(split)
        images, labels = self._sets[split]
        with torch.no_grad():
            return float(roc_auc_score(labels, model.eval()(images)[:, 0]))


def _network(parts: tuple[str, ...], seed: int) -> nn.Sequential:
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise UserError(f"no part is called {unknown[0]!r}; choose from: {', '.join(PARTS)}")
    front, colours = ([HighPass()], 6) if "highpass" in parts else ([], 3)
    reach = LAG // 2 if "dilated" in parts else 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            *front, nn.Conv2d(colours, 8, 3, padding=reach, dilation=reach, bias=False),
            nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1),
        )  # fmt: skip


def _fitted(model: nn.Sequential, images: Tensor, labels: Tensor, seed: int) -> nn.Sequential:
    draws = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(model.train().parameters(), 0.05)
    for _ in range(STEPS):
        batch = torch.from_numpy(draws.choice(len(images), 16, replace=False))
        optimiser.zero_grad()
        logits = model(images[batch])[:, 0]
        functional.binary_cross_entropy_with_logits(logits, labels[batch].float()).backward()
        optimiser.step()
    return model.eval()
