"""Structured pruning: whole channels go, and what is left is a smaller dense network.

The control that unstructured pruning has to be measured against, since it is the one that makes
ordinary kernels faster. Which layers have to lose a channel together (a depthwise convolution, the
two ends of a residual, the gates of attention) is worked out by torch-pruning: Fang, Ma, Song, Mi,
Wang, "DepGraph: Towards Any Structural Pruning", CVPR 2023. A channel's importance is the sum of
the magnitudes of all that goes with it. Every layer loses the same share of its channels: under one
threshold for all layers, whole layers would go first.
"""

import copy

import torch
import torch_pruning
from torch import Tensor, nn

from mesocore.core.errors import UserError

_MOST = 0.9  # of a layer's channels; at more, narrow layers would lose all and are passed over
_TRIES = 10  # halvings of the interval of channel shares: finer than one channel of any layer here


def remove_channels(model: nn.Module, amount: float, size: int) -> nn.Module:
    """A smaller copy of `model` (for images of `size` px) without the least important channels.

    `amount`: the share of its convolutions' and dense layers' weights that goes, at least; as near
    to it as whole channels allow. No layer loses all of its channels, and the logit stays. Raises
    `UserError` for a model that cannot lose so much or whose layers cannot be told apart.
    """
    if amount == 0:
        return copy.deepcopy(model)
    enough = (1 - amount) * weight_count(model)
    low, high, best = 0.0, _MOST, _without(model, _MOST, size)
    if weight_count(best) > enough:
        raise UserError(f"whole channels cannot make up {amount:.0%} of the weights; write less")
    for _ in range(_TRIES):
        share = (low + high) / 2
        smaller = _without(model, share, size)
        if weight_count(smaller) <= enough:
            high, best = share, smaller
        else:
            low = share
    return best


def fit_shapes(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Gives `model`, freshly built, the widths of the slimmer network that `state` was saved from.

    The values are not taken over. Raises `KeyError` if `state` lacks a layer.
    """
    for name, module in model.named_modules():
        if not isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            continue
        shape = state[f"{name}.weight"].shape
        if isinstance(module, nn.Conv2d):
            depthwise = module.groups == module.in_channels and module.groups > 1
            module.groups = shape[0] if depthwise else module.groups
            module.out_channels, module.in_channels = shape[0], shape[1] * module.groups
        elif isinstance(module, nn.Linear):
            module.out_features, module.in_features = shape
        else:
            module.num_features = shape[0]
        for kind in ("weight", "bias"):
            if getattr(module, kind) is not None:
                value = torch.zeros_like(state[f"{name}.{kind}"])
                setattr(module, kind, nn.Parameter(value))
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.zeros(shape)
            module.running_var = torch.ones(shape)


def weight_count(model: nn.Module) -> int:
    """Weights of convolutions and dense layers, the scope of pruning."""
    kinds = nn.Conv2d | nn.Linear
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, kinds))


def _without(model: nn.Module, share: float, size: int) -> nn.Module:
    smaller = copy.deepcopy(model).eval()
    logit = [m for m in smaller.modules() if isinstance(m, nn.Linear)][-1]
    images = torch.zeros(1, 3, size, size, dtype=torch.uint8)
    try:
        torch_pruning.pruner.BasePruner(
            smaller, images, torch_pruning.importance.GroupMagnitudeImportance(p=1),
            pruning_ratio=share, ignored_layers=[logit],
        ).step()  # fmt: skip
        with torch.inference_mode():
            smaller(images)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"this model cannot lose whole channels ({error})") from error
    return smaller.train(model.training)
