"""Pruning: weights masked with torch's own masks, channels removed, and what is left, measured.

In scope are the weights of convolutions and dense layers. Biases and BatchNorm are not: they are
few, and a BatchNorm weight of zero would remove a whole channel, which is another method. "global"
means one threshold over all weights in scope; "layerwise" takes the same share of every layer;
"random" is the control that any criterion must beat. Iterative pruning is pruning a pruned run
again, by more. After Han, Pool, Tran, Dally, "Learning both Weights and Connections for Efficient
Neural Networks", NeurIPS 2015.

"structured" removes channels instead, and what is left is a smaller dense network: the control that
masks have to be measured against, since it is the one that makes ordinary kernels faster. Which
layers have to lose a channel together (a depthwise convolution, the two ends of a residual, the
gates of attention) is worked out by torch-pruning: Fang, Ma, Song, Mi, Wang, "DepGraph: Towards Any
Structural Pruning", CVPR 2023. A channel's importance is the sum of the magnitudes of all that goes
with it. Every layer loses the same share of its channels: under one threshold for all layers, whole
layers would go first.
"""

import copy
import gzip
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save
from torch import nn
from torch.nn.utils import prune

from mesocore.core.errors import UserError

METHODS = ("global", "layerwise", "random", "structured")
_MOST = 0.9  # of a layer's channels; at more, narrow layers would lose all and are passed over
_TRIES = 10  # halvings of the interval of channel shares: finer than one channel of any layer here


def in_scope(model: nn.Module) -> dict[str, nn.Module]:
    """The layers whose weights may be pruned, by name, in order."""
    kinds = nn.Conv2d | nn.Linear
    return {name: module for name, module in model.named_modules() if isinstance(module, kinds)}


def check(amount: float, method: str) -> None:
    """Raises `UserError` for an amount that is no share from 0.0 to below 1.0, or other methods."""
    if isinstance(amount, bool) or not isinstance(amount, float) or not 0 <= amount < 1:
        raise UserError(f"amount {amount!r} is no share from 0.0 to below 1.0; write 0.2 for 20 %")
    if method not in METHODS:
        raise UserError(f"no method is called {method!r}; choose one of: {', '.join(METHODS)}")


@torch.no_grad()  # or the model could not be copied: its weights would be products with a graph
def apply_masks(model: nn.Module, amount: float, method: str = "global", seed: int = 0) -> None:
    """Masks the share `amount` of the weights in scope, of those with the smallest magnitude.

    The masks stay through training (each forward pass multiplies by them, and masked weights get no
    gradient) until `make_permanent`. "random" draws from `seed`. Raises `UserError` as `check` does
    and for a model that has masks already.
    """
    check(amount, method)
    if masked(model):
        raise UserError("the model has masks already; make them permanent before pruning again")
    weights = [(module, "weight") for module in in_scope(model).values()]
    if method == "global":
        prune.global_unstructured(weights, prune.L1Unstructured, amount=amount)
    elif method == "layerwise":
        for module, name in weights:
            prune.l1_unstructured(module, name, amount=amount)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            prune.global_unstructured(weights, prune.RandomUnstructured, amount=amount)


def masked(model: nn.Module) -> bool:
    """True if the model has masks that are not permanent yet."""
    return any(prune.is_pruned(module) for module in in_scope(model).values())


def make_permanent(model: nn.Module) -> None:
    """Multiplies the masks in and forgets them: an ordinary model with zeros in its weights."""
    for module in in_scope(model).values():
        if prune.is_pruned(module):
            prune.remove(module, "weight")


def permanent_copy(model: nn.Module) -> nn.Module:
    """An ordinary model with zeros where the masks are; `model` keeps its masks."""
    with torch.no_grad():
        for module in in_scope(model).values():  # a product with its graph cannot be copied
            if prune.is_pruned(module):
                module.weight = module.weight_orig * module.weight_mask
    plain = copy.deepcopy(model)
    make_permanent(plain)
    return plain


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


def weight_count(model: nn.Module) -> int:
    """Weights of convolutions and dense layers, the scope of pruning."""
    kinds = nn.Conv2d | nn.Linear
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, kinds))


def _without(model: nn.Module, share: float, size: int) -> nn.Module:
    import torch_pruning  # late: slow to import, and masks do without

    smaller = copy.deepcopy(model).eval()
    images = torch.zeros(1, 3, size, size, dtype=torch.uint8)
    answers = _last_used(smaller, images)
    try:
        torch_pruning.pruner.BasePruner(
            smaller, images, torch_pruning.importance.GroupMagnitudeImportance(p=1),
            pruning_ratio=share, ignored_layers=[answers],
        ).step()  # fmt: skip
        with torch.inference_mode():
            smaller(images)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"this model cannot lose whole channels ({error})") from error
    return smaller.train(model.training)


def _last_used(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """The layer with weights that runs last: what it gives is the answer."""
    used: list[nn.Module] = []
    hooks = [module.register_forward_hook(lambda module, *_: used.append(module))
             for module in in_scope(model).values()]  # fmt: skip
    with torch.inference_mode():
        model(images)
    for hook in hooks:
        hook.remove()
    return used[-1]


@dataclass(frozen=True)
class PruningHook:
    """What training does for pruning: before the first step, and to the model that is kept.

    `amount`, `method`: as in `apply_masks`, or "structured"; nothing happens at 0. `seed`: of
    "random".
    """

    amount: float = 0.0
    method: str = "global"
    seed: int = 0

    def check_start(self, run: str, before: dict) -> None:
        """Raises `UserError` if the run that training starts from, with the config `before`, is
        pruned in a way that this cannot go on with."""
        done, method = before.get("prune", 0), before.get("prune_method")
        mixed = self.amount and {method, self.method} != {"global"}
        if done and (mixed or method == "structured"):
            raise UserError(f"{run} is pruned already, by {done:.0%} ({method}); start from the "
                            "run it came from")  # fmt: skip
        if 0 < self.amount <= done:
            raise UserError(
                f"{run} is pruned already, by {done:.0%}; write more than that to go on"
            )

    def start(self, model: nn.Module, size: int) -> nn.Module:
        """The model (for images of `size` px) to train: under masks, or without some channels."""
        if self.method == "structured":
            return remove_channels(model, self.amount, size)
        if self.amount:
            apply_masks(model, self.amount, self.method, self.seed)
        return model

    def finish(self, model: nn.Module) -> nn.Module:
        """An ordinary copy of the trained model, on which later steps leave no trace."""
        return permanent_copy(model)


def sparsity(model: nn.Module) -> pd.DataFrame:
    """Zeros of the weights in scope, one row per layer and `all`: `weights`, `zeros`, `share`."""
    rows = {
        name: {"weights": module.weight.numel(), "zeros": int((module.weight == 0).sum())}
        for name, module in in_scope(model).items()
    }
    table = pd.DataFrame(rows).T
    table.loc["all"] = table.sum()
    table["share"] = table["zeros"] / table["weights"]
    return table


def nonzero_multiply_adds(model: nn.Module, size: int) -> int:
    """Multiply-adds of one image of `size` px without those whose weight is zero.

    No dense kernel leaves them out: this is what a machine made for it could save at best.
    """
    plain = permanent_copy(model)
    work = 0

    def count(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal work  # every nonzero weight is used once at each place of the output
        work += int(module.weight.count_nonzero()) * output.numel() // module.weight.shape[0]

    hooks = [module.register_forward_hook(count) for module in in_scope(plain).values()]
    with torch.inference_mode():
        plain.eval()(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    return work


def sizes(model: nn.Module) -> dict[str, int]:
    """Bytes of the weights as they are saved, and compressed: `raw`, `gzip`, `sparse`.

    `raw` is the safetensors file, zeros and all. `sparse` stores each tensor in scope as a bitmap
    of what is not zero and those values, and the rest as it is.
    """
    state = {name: value.contiguous() for name, value in permanent_copy(model).state_dict().items()}
    raw = save(state)
    scope = {f"{name}.weight" for name in in_scope(model)}
    stored = {}
    for name, value in state.items():
        if name in scope:
            bits = np.packbits((value != 0).flatten().numpy())
            stored[f"{name}.bitmap"] = torch.from_numpy(bits)
            value = value[value != 0]
        stored[name] = value
    return {"raw": len(raw), "gzip": len(gzip.compress(raw, mtime=0)), "sparse": len(save(stored))}
