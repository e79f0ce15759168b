"""The exercises of chapter 5: one threshold, three bugs, a ticket of the lottery, a share to keep.

The last two experiment on `Lab`, a small problem.
"""

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from mesocore.course.checks.exercise import exercise
from mesocore.course.checks.pruning_lab import Lab, PlannedLab, Run, WatchedLab, masks_of, same
from mesocore.nets import pruning

__all__ = ["Lab"]  # for readers, beside the checks
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
    "The faulty function without its three bugs."
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


@exercise
def tickets(f: Callable) -> Iterator[str]:
    "Winning tickets against random ones of the same size, trained, over seeds."
    lab, amount, seeds = WatchedLab(100, 15), 0.9, [3, 5]
    found = f(lab, amount, seeds)
    kinds = ("winning", "random")
    if not isinstance(found, dict) or [len(found.get(kind, ())) for kind in kinds] != [2, 2]:
        yield 'the answer is {"winning": [...], "random": [...]}, a score for each seed in each'
        return
    masked = [run for run in lab.runs if run.masks]
    shares = [float(1 - torch.cat([m.flatten() for m in run.masks.values()]).mean())
              for run in masked]  # fmt: skip
    if not masked:
        yield "no network was trained under masks"
    elif any(abs(share - amount) > 0.02 for share in shares):
        yield f"a ticket was trained with {max(shares, key=lambda s: abs(s - amount)):.0%} " \
            f"of the weights masked, should be {amount:.0%}"  # fmt: skip
    elif any(run.seed is None for run in masked):
        yield "a ticket starts from other weights than the initial ones: that is fine-tuning"
    else:
        yield from _both_tickets(lab, masked, found, amount, seeds)


def _both_tickets(
    lab: WatchedLab, masked: list[Run], found: dict, amount: float, seeds: list[int]
) -> Iterator[str]:
    """What is wrong with the two kinds of tickets, all trained from initial weights."""
    chance = []
    for place, seed in enumerate(seeds):
        dense = [run for run in lab.runs if not run.masks and run.seed == seed]
        if not dense:
            yield f"seed {seed}: the whole network was not trained from its initial weights"
            return
        best = masks_of(dense[0].trained, amount)
        own = [run for run in masked if run.seed == seed]
        winning = [run for run in own if same(run.masks, best)]
        others = [run for run in own if not same(run.masks, best)]
        if not winning:
            yield f"seed {seed}: no ticket lacks the smallest weights of the trained network"
            return
        if not others:
            yield f"seed {seed}: no ticket with random masks was trained"
            return
        chance.append(others[0])
        for kind, run in (("winning", winning[0]), ("random", others[0])):
            said = float(found[kind][place])
            if abs(said - lab.score(run.trained, "val")) > 1e-6:
                test = abs(said - lab.score(run.trained, "test")) < 1e-6
                yield f"{kind}, seed {seed}: " + (
                    "that is the score on test, which is for the last reading" if test
                    else "that is not the trained ticket's score on val")  # fmt: skip
    if same(chance[0].masks, chance[1].masks):
        yield "every seed has the same random masks, so chance was asked only once"


@exercise
def highest_share(f: Callable) -> Iterator[str]:
    "How far to prune, chosen on val against a control, and what it costs on test."
    lab = PlannedLab()
    share, cost = f(lab, [0.2, 0.5, 0.8, 0.9], [1, 2], 0.01)
    if lab.unmasked:
        yield "the masks have to stay on while the network is fine-tuned"
    elif lab.wrong_masks:
        yield "other weights are zero than the smallest of the whole network"
    elif share not in PlannedLab.SAID:
        yield f"{share} on these scores, should be one of the shares, or 0.0 where none will do"
    elif share != 0.5:
        yield f"{share} on these scores, should be 0.5: {PlannedLab.SAID[share]}"
    elif lab.read_test - {0.0, 0.5}:
        yield "the test split was read for shares that were not chosen: read it once, at the end"
    elif abs(cost + 0.02) > 1e-6:
        yield f"{cost:+.3f} on test, should be -0.020: the mean over seeds of pruned minus control"
