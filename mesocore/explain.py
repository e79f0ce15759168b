"""What an attention block lets through, and whether that is learnt: maps and a sanity check."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core.errors import UserError
from mesocore.core.runtime import reseed
from mesocore.nets.layers import Attention


def attention_maps(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Where each attention block lets features through: its name -> float `(N, h, w)` in 0..1.

    A gate is a number a channel, or a number a channel and place. To draw either kind, a place's
    value is the mean of its gates, weighted by what there is to let through: the magnitude of the
    features that arrive there. `images`: uint8 `(N, 3, S, S)`. Raises `UserError` for a model
    without attention.
    """
    found: dict[str, Tensor] = {}

    def note(name: str):
        def hook(block: Attention, inputs: tuple[Tensor]) -> None:
            weight = inputs[0].abs()
            passed = (weight * block.gate(inputs[0])).sum(1)
            found[name] = passed / weight.sum(1).clamp_min(1e-12)

        return hook

    blocks = {n: m for n, m in model.named_modules() if isinstance(m, Attention)}
    if not blocks:
        raise UserError(f"{type(model).__name__} has no attention; build it with a kind of it")
    hooks = [block.register_forward_pre_hook(note(name)) for name, block in blocks.items()]
    try:
        with torch.inference_mode():
            model.eval()(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy whose weights are drawn anew, layer by layer as PyTorch does by default.

    A picture that stays the same says nothing about what was learnt: Adebayo et al., "Sanity Checks
    for Saliency Maps", NeurIPS 2018. BatchNorm's running averages are reset too.
    """
    reseed(seed)
    fresh = copy.deepcopy(model)
    for module in fresh.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return fresh


def map_correlation(maps: Tensor, others: Tensor) -> float:
    """How alike two sets of maps `(N, h, w)` are: the mean over images of their correlation.

    Pearson's, over the places of an image; a map without contrast agrees with nothing (0).
    """
    a, b = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (maps, others))
    return float(functional.cosine_similarity(a, b, dim=1, eps=1e-12).mean())
