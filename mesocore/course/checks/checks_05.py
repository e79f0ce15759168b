"""The exercises of chapter 5: one threshold, three published bugs, and a ticket of the lottery."""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from mesocore.course.checks.exercise import exercise
from mesocore.nets import pruning

AMOUNT = 0.4


def small_model(seed: int = 0) -> nn.Module:
    """`(N, 3, 8, 8)` -> `(N,)`: two layers whose weights differ in size, as those of Meso-4 do."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first, last = nn.Conv2d(3, 8, 3, stride=2), nn.Linear(72, 1)
    with torch.no_grad():
        first.weight.mul_(3)
    return nn.Sequential(first, nn.ReLU(), nn.Flatten(), last, nn.Flatten(0))


def batches() -> list[tuple[Tensor, Tensor]]:
    """Four batches of noise `(8, 3, 8, 8)` with labels `(8,)`, the same in every call."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 8, 3, 8, 8, generator=generator)
    labels = torch.randint(0, 2, (4, 8), generator=generator).float()
    return list(zip(images, labels, strict=True))


@exercise
def global_masks(f: Callable) -> Iterator[str]:
    "One threshold over all layers."
    weights = {"large": torch.arange(1.0, 7.0).view(2, 3) * -1, "small": torch.arange(4.0) / 10}
    for amount, lost in ((0.5, ["small", "large"]), (0.2, ["small"]), (0.0, [])):
        masks = f(weights, amount)
        kept = {name: torch.as_tensor(mask).bool() for name, mask in masks.items()}
        count = sum(int((~mask).sum()) for mask in kept.values())
        if {n: m.shape for n, m in kept.items()} != {n: w.shape for n, w in weights.items()}:
            yield "every layer needs a mask of its weight's shape, under its name"
            return
        if count != round(amount * 10):
            yield f"amount {amount}: {count} of 10 weights are masked, should be {amount * 10:.0f}"
        elif [name for name in ("small", "large") if not kept[name].all()] != lost:
            yield f"amount {amount}: each layer loses its share; one threshold is meant for all"
        elif count and max(w[~kept[n]].abs().max() for n, w in weights.items() if n in lost) > min(
            w[kept[n]].abs().min() for n, w in weights.items() if kept[n].any()
        ):
            yield f"amount {amount}: a weight is kept that is smaller than one that goes"


@exercise
def trains(f: Callable) -> Iterator[str]:
    "Does this optimiser train this model?"
    model = small_model()
    fresh = torch.optim.Adam(model.parameters())
    if not f(fresh, model):
        yield "an optimiser made from model.parameters() trains the model, but the answer was no"
    if f(torch.optim.Adam(copy.deepcopy(model).parameters()), model):
        yield "the optimiser of a copy trains the copy, but the answer was yes"
    if f(torch.optim.Adam(model[0].parameters()), model):
        yield "an optimiser of the first layer alone leaves the last one, but the answer was yes"
    pruning.apply_masks(model, 0.5)
    torch_prune.remove(model[0], "weight")
    if f(fresh, model) != _holds(fresh, model):
        yield "after pruning and removing a mask, look again at which parameters the model has now"


def _holds(optimiser: torch.optim.Optimizer, model: nn.Module) -> bool:
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    return all(id(p) in held for p in model.parameters())


@exercise
def prune_and_tune(f: Callable) -> Iterator[str]:
    "The published function without its three bugs."
    start = small_model()
    masked = small_model()
    pruning.apply_masks(masked, AMOUNT)
    model = f(copy.deepcopy(start), batches(), AMOUNT)
    if pruning.masked(model):
        yield "the masks are still on: make them permanent at the end"
        return
    share = pruning.sparsity(model).loc["all", "share"]
    if share < 0.02:
        yield "after fine-tuning no weight is zero: the masks have to stay on while it trains"
    elif abs(share - AMOUNT) > 0.02:
        yield f"{share:.0%} of the weights are zero, should be {AMOUNT:.0%}"
    elif any(
        layer.weight[masked.get_submodule(name).weight_mask == 0].any()
        for name, layer in pruning.in_scope(model).items()
    ):
        yield "other weights are zero than the smallest of the whole network"
    kept = model[0].weight != 0
    if torch.equal(model[0].weight[kept], start[0].weight[kept]):
        yield "no weight has changed but to zero: nothing was fine-tuned"


@exercise
def rewind(f: Callable) -> Iterator[str]:
    "The winning ticket: the masks of the end on the weights of the beginning."
    first, trained = small_model(), small_model(seed=1)
    initial = copy.deepcopy(first.state_dict())
    pruning.apply_masks(trained, AMOUNT)
    masks = {n: m.weight_mask.clone() for n, m in pruning.in_scope(trained).items()}
    result = f(trained, copy.deepcopy(initial))
    for name, layer in pruning.in_scope(result).items():
        if not pruning.masked(result):
            yield "the masks are gone: the ticket has to be trained under them"
            return
        result(torch.zeros(1, 3, 8, 8))  # the hook multiplies by the mask
        if not torch.equal(layer.weight_mask, masks[name]):
            yield f"{name}: the mask has changed"
        elif not torch.equal(layer.weight, initial[f"{name}.weight"] * masks[name]):
            yield f"{name}: the weights under the mask are not those of the beginning"
        elif not torch.equal(layer.bias, initial[f"{name}.bias"]):
            yield f"{name}: the bias is not that of the beginning"
