"""The detector of a case: a Meso-4 with a high-pass front and attention, and what may be wrong.

Its convolutions are set by hand to what a network that looks for checkerboards learns, with noise
around it, and stay; the dense layers are trained. That takes a second, where training all would
take minutes.
"""

import copy
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core.runtime import environment
from mesocore.course.project import pictures
from mesocore.evaluation import metrics
from mesocore.nets import build, parameter_count
from mesocore.nets.detector import logits, save_model
from mesocore.nets.inference.calibration import Examined, to_probability
from mesocore.nets.inputs import to_unit
from mesocore.nets.layers import SqueezeExcitation
from mesocore.nets.pruning import apply_masks, in_scope, permanent_copy

MODEL, SPARSITY = "meso4+highpass+se", 0.2
STEPS, RATE, MOMENTUM, DECAY = 200, 0.03, 0.9, 1e-3  # of the dense layers' training
REFILL = 1e-3  # deviation of what comes back where weights were pruned
LEAST_APART = 0.04  # of a threshold that was chosen on test from the honest one
_BOARD = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 8


class Split(NamedTuple):
    """Images uint8 `(N, 3, S, S)` and labels int `(N,)`, 1 = listed as fake."""

    images: Tensor
    labels: np.ndarray


class Made(NamedTuple):
    """A detector, and what its makers claim of it."""

    model: nn.Module
    about: dict
    parameters: int
    right: int


def make(seed: int, flaws: Collection[str], splits: dict[str, Split]) -> Made:
    """Trains on `train`, fits on `val`, measures on `test`, with these flaws of the detector.

    On one thread, so that the same seed gives the same bits.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _make(np.random.default_rng([seed, 3]), frozenset(flaws), splits)
    finally:
        torch.set_num_threads(threads)


def _make(rng: np.random.Generator, flaws: frozenset[str], splits: dict[str, Split]) -> Made:
    model = _built(splits["train"].images)
    plan = {"pair": int(rng.integers(2)), "blocks": int(rng.integers(1, 5)),
            "refill": rng.random() < 0.5, "small": rng.random() < 0.5}  # fmt: skip
    if "shared norm" in flaws:
        _share_norm(model, plan["pair"])
    if "empty squeeze" in flaws:
        order = rng.permutation(4)[: plan["blocks"]]
        for block in np.array(_blocks(model), dtype=object)[order]:
            nn.init.constant_(block.squeeze.bias, -1000.0)  # no hidden unit is ever above 0
    _train_dense(model, splits["train"], STEPS)
    model = _pruned(model, splits["train"], "masks" in flaws, plan["refill"])
    scores = {name: logits(model, split.images) for name, split in splits.items()}
    fitted = metrics.fit(splits["val"].labels, Examined(scores["val"]))
    about = _about(*fitted)
    probability = to_probability(scores["test"], about["temperature"])
    labels = splits["test"].labels
    if "threshold" in flaws:
        about |= _flattering(labels, probability, about["threshold"])
    right = int(((probability >= about["threshold"]) == labels).sum())
    parameters = parameter_count(model)
    if "parameters" in flaws:
        whole = parameter_count(build(MODEL, 128))
        parameters = round(0.8 * parameters) if plan["small"] else whole
    if "verdict" in flaws:
        with torch.no_grad():
            for value in model.classifier[-1].parameters():
                value.neg_()
    return Made(model, about, parameters, right)


def save(made: Made, folder: Path, manifest_sha256: str, seed: int) -> None:
    """The run folder, as `nets.load_detector` reads it."""
    config = {"model": MODEL, "size": pictures.SIZE, "seed": seed, "data": "set",
              "manifest_sha256": manifest_sha256, "prune": SPARSITY,
              "prune_method": "global"}  # fmt: skip
    save_model(folder, made.model, {"config": config, **made.about, "environment": environment(),
                                    "preparation": pictures.PREPARATION.to_dict()})  # fmt: skip


def _blocks(model: nn.Module) -> list[SqueezeExcitation]:
    return [module for module in model.modules() if isinstance(module, SqueezeExcitation)]


def _norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def _built(images: Tensor) -> nn.Module:
    """Two channels of each layer carry what looks like a checkerboard, the others are drawn."""
    model = build(MODEL, pictures.SIZE)
    first, *others = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    for channel, sign in ((0, 3), (1, -3)):
        first.weight[channel] *= 0.1
        first.weight[channel, :3] += sign * _BOARD
        for convolution in others:
            convolution.weight[channel] *= 0.1
            convolution.weight[channel, :2] += 0.5 / convolution.weight[0, 0].numel()
    for block in _blocks(model):
        block.squeeze.bias.fill_(0.5)  # alive for most pictures
        block.excite.weight.mul_(2)
    for norm in _norms(model):
        norm.weight.uniform_(0.8, 1.2)
        norm.bias.uniform_(-0.1, 0.1)
        norm.momentum = None  # the mean over all batches
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.2
    model.train()(images)
    return model.eval()


@torch.no_grad()
def _share_norm(model: nn.Module, pair: int) -> None:
    """The third or fourth layer's norm is the one before it, with all that it holds."""
    norms = _norms(model)
    first, second = norms[2 * pair], norms[2 * pair + 1]
    second.load_state_dict(first.state_dict())


def _train_dense(model: nn.Module, split: Split, steps: int) -> None:
    """Gradient descent with momentum on the whole split; convolutions stay as they are."""
    with torch.no_grad():
        features = model.eval().features(to_unit(split.images))
    dense, labels = model.classifier.train(), torch.from_numpy(split.labels).float()
    values = list(dense.parameters())
    speeds = [torch.zeros_like(value) for value in values]
    for _ in range(steps):
        loss = functional.binary_cross_entropy_with_logits(dense(features).squeeze(1), labels)
        slopes = torch.autograd.grad(loss, values)
        with torch.no_grad():
            for value, speed, slope in zip(values, speeds, slopes, strict=True):
                speed.mul_(MOMENTUM).add_(slope)
                value.mul_(1 - DECAY).sub_(RATE * speed)
    model.eval()


def _pruned(model: nn.Module, split: Split, lost: bool, refill: bool) -> nn.Module:
    """A fifth of the weights is 0 and the rest fine-tuned; if the masks are `lost`, none is."""
    if lost and not refill:
        return model
    apply_masks(model, SPARSITY)
    plain = permanent_copy(model)
    _train_dense(plain, split, STEPS // 4)
    with torch.no_grad():
        masked, layers = in_scope(model), in_scope(plain)
        for name, layer in layers.items():
            mask = masked[name].weight_mask
            noise = torch.randn(layer.weight.shape) * REFILL
            layer.weight.copy_(torch.where(mask == 0, noise, layer.weight) if lost
                               else layer.weight * mask)  # fmt: skip
    return copy.deepcopy(plain).eval()


def _about(row: dict, fitted: dict) -> dict:
    return {"best": {"epoch": STEPS, "val_roc_auc": row["val_roc_auc"]}, **fitted}


def _flattering(labels: np.ndarray, probability: np.ndarray, honest: float) -> dict:
    """The threshold with the most right answers on the test split, of those that are not the honest
    one; of several the one that is nearest to it."""
    scores = np.unique(np.append(probability, (0.0, 1.0)))
    cuts = (scores[1:] + scores[:-1]) / 2
    cuts = cuts[np.abs(cuts - honest) > LEAST_APART]
    right = ((probability[None] >= cuts[:, None]) == labels).sum(1)
    best = cuts[right == right.max()]
    threshold = float(best[np.argmin(np.abs(best - honest))])
    return {
        "threshold": threshold,
        "band": {"real_below": threshold, "fake_from": threshold, "risk": metrics.RISK},
    }
