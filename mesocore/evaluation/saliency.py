"""Saliency maps: where the evidence for "fake" lies, what attention lets through, and doubts.

Selvaraju et al., "Grad-CAM", ICCV 2017, by captum. A map is pretty whatever it shows. So it is
asked whether it depends on what was learnt (`cascade`), whether it lies where the edit is
(`energy_inside`), and whether it would lie there anyway (`against_chance`).
"""

import copy
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core import bootstrap
from mesocore.core.errors import UserError
from mesocore.core.runtime import reseed
from mesocore.nets.layers import Attention
from mesocore.nets.mesonet_plus import MesoNetPlus

with warnings.catch_warnings():  # in a notebook its progress bar asks for widgets; none is shown
    warnings.simplefilter("ignore")
    from captum.attr import LayerAttribution, LayerGradCam


def last_maps(model: nn.Module) -> str:
    """The name of the layer whose maps Grad-CAM looks at: what a pooled network takes the mean of,
    as `MesoNetPlus.evidence` does, and the last convolution of all others."""
    if isinstance(model, MesoNetPlus) and model.pooled:
        return "features"
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    if not names:
        raise UserError(f"{type(model).__name__} has no convolution, so Grad-CAM has no map")
    return names[-1]


def gradcam(model: nn.Module, images: Tensor, layer: str | None = None, batch: int = 64) -> Tensor:
    """Evidence for "fake" by place: uint8 `(N, 3, S, S)` -> float `(N, S, S)`, 0 and above.

    `layer`: the name of a module whose output is `(N, C, h, w)`, by default `last_maps`. Its
    maps are weighted by the mean gradient of the logit and summed; what speaks for "real" is cut
    off, as published, and the map is enlarged bilinearly. Raises `UserError` for an unknown layer.
    """
    layer = layer or last_maps(model)
    modules = dict(model.named_modules())
    if layer not in modules:
        raise UserError(f"{type(model).__name__} has no layer {layer!r}")
    explainer = LayerGradCam(model.eval(), modules[layer])
    size = images.shape[-2:]
    maps = [
        LayerAttribution.interpolate(
            explainer.attribute(part, relu_attributions=True), tuple(size), "bilinear"
        )
        for part in images.split(batch)
    ]
    return torch.cat(maps)[:, 0].detach()


def cascade(model: nn.Module, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Copies of a model in which more and more layers are randomised, from the output down.

    Yields (name of the layer that came last, the copy). Cascading randomisation after Adebayo et
    al., "Sanity Checks for Saliency Maps", NeurIPS 2018: a map that stays as it was does not show
    what the network has learnt. Every layer with weights counts, BatchNorms too.
    """
    reseed(seed)
    fresh = copy.deepcopy(model)
    layers = [(n, m) for n, m in fresh.named_modules() if hasattr(m, "reset_parameters")]
    for name, module in reversed(layers):
        module.reset_parameters()
        yield name, copy.deepcopy(fresh)


def sanity(model: nn.Module, images: Tensor, layer: str | None = None) -> dict[str, float]:
    """How much of the maps survives: layer of `cascade` -> correlation with the learnt maps.

    The first entry, `learnt`, is 1 unless maps are empty, as those of a network that has hardly
    been trained may be. Maps of `layer` in all copies, as in `gradcam`.
    """
    learnt = gradcam(model, images, layer)
    found = {"learnt": map_correlation(learnt, learnt)}
    for name, fresh in cascade(model):
        found[name] = map_correlation(gradcam(fresh, images, layer), learnt)
    return found


def energy_inside(maps: Tensor, masks: Tensor) -> np.ndarray:
    """The share of each map's evidence that lies in its mask: `(N,)` in 0..1.

    `maps` float `(N, S, S)`, 0 and above; `masks` bool `(N, S, S)`. A map without any evidence
    points nowhere; its share is missing (NaN). The energy-based pointing game of Wang et al.,
    "Score-CAM", CVPR workshops 2020.
    """
    total = maps.sum((1, 2))
    share = (maps * masks).sum((1, 2)) / total
    return torch.where(total > 0, share, torch.nan).double().numpy()


def against_chance(
    maps: Tensor, masks: Tensor, resamples: int = 1000, seed: int = 0
) -> dict[str, dict | int]:
    """`energy_inside` beside two kinds of chance, each with the 95 % interval of its mean.

    `uniform`: the masks' share of the picture, what a map without any preference gets. `shuffled`:
    the same maps with the masks of other images, what a map gets that likes the middle of faces,
    where most edits are. `gain`: inside minus shuffled, paired by image; only if it excludes 0 do
    the maps know where *this* edit is. `images` were counted, `empty` had no evidence at all.
    """
    inside = energy_inside(maps, masks)
    kept = ~np.isnan(inside)
    others = [energy_inside(maps, masks.roll(k, 0)) for k in range(1, min(len(maps), 21))]
    shuffled = np.mean(others, axis=0) if others else np.full(len(maps), np.nan)
    parts = {
        "inside": inside,
        "uniform": masks.double().mean((1, 2)).numpy(),
        "shuffled": shuffled,
        "gain": inside - shuffled,
    }
    times = np.stack(list(bootstrap.choices(kept.sum(), resamples, seed))) / kept.sum()
    found: dict[str, dict | int] = {"images": int(kept.sum()), "empty": int((~kept).sum())}
    for name, values in parts.items():
        low, high = bootstrap.interval(times @ values[kept])
        found[name] = {"value": float(values[kept].mean()), "low": low, "high": high}
    return found


def attention_maps(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Where each attention block lets features through: its name -> float `(N, h, w)` in 0..1.

    A gate is one number per channel, or per channel and place. To draw either kind, a place's
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
    """A copy whose weights are randomised, layer by layer as PyTorch does by default.

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
