"""The small problem on which readers of chapter 5 experiment, and two that watch what they do."""

import copy

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune

from mesocore.nets import pruning


class Lab:
    """A small problem: noise of 8 x 8 pixels; fakes have a trace of random sign planted in a patch.

    `make(seed)`: a new network, `(N, 64)` -> `(N,)`. `train(model)`: trains it in place, under the
    masks that it has. `score(model, split)`: its ROC AUC on "val" or "test". All are deterministic.
    """

    def __init__(self, images: int = 400, steps: int = 60):
        """`images` of each split, half of them fake; `steps` of each training."""
        self.steps = steps
        generator = torch.Generator().manual_seed(0)
        self._splits = {name: _planted(images, generator) for name in ("train", "val", "test")}

    def make(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))

    def train(self, model: nn.Module) -> None:
        images, labels = self._splits["train"]
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(self.steps):
            optimiser.zero_grad()
            functional.binary_cross_entropy_with_logits(model(images), labels).backward()
            optimiser.step()
        with torch.no_grad():
            model(images)  # the masks are multiplied in once more, and the model can be copied

    def score(self, model: nn.Module, split: str) -> float:
        images, labels = self._splits[split]
        with torch.no_grad():
            return float(roc_auc_score(labels, model(images)))


def _planted(images: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`(N, 64)` noise and labels `(N,)`; a fake is brighter or darker in the patch at (2, 2)."""
    pictures = torch.randn(images, 8, 8, generator=generator)
    labels = (torch.arange(images) % 2).float()
    signs = torch.randint(0, 2, (images,), generator=generator) * 2 - 1
    pictures[:, 2:5, 2:5] += 0.9 * (labels * signs)[:, None, None]
    return pictures.flatten(1), labels


class Run:
    """One training: `masks` by layer, `seed` whose initial weights it began with, `trained`."""

    def __init__(self, lab: Lab, model: nn.Module):
        layers = pruning.in_scope(model)
        pruned = {n: m for n, m in layers.items() if prune.is_pruned(m)}
        self.masks = {name: layer.weight_mask.clone() for name, layer in pruned.items()}
        begun = pruning.permanent_copy(model).state_dict()
        self.seed = next((s for s in lab.seeds if self._begins(lab, begun, s)), None)

    def _begins(self, lab: Lab, begun: dict[str, Tensor], seed: int) -> bool:
        first = Lab.make(lab, seed).state_dict()
        for name, mask in self.masks.items():
            first[f"{name}.weight"] = first[f"{name}.weight"] * mask
        return all(torch.equal(first[name], value) for name, value in begun.items())


class WatchedLab(Lab):
    """A `Lab` that remembers the trainings."""

    def __init__(self, images: int, steps: int):
        super().__init__(images, steps)
        self.runs: list[Run] = []
        self.seeds: set[int] = set()

    def make(self, seed: int) -> nn.Module:
        self.seeds.add(seed)
        return super().make(seed)

    def train(self, model: nn.Module) -> None:
        run = Run(self, model)
        super().train(model)
        run.trained = pruning.permanent_copy(model)
        self.runs.append(run)


def masks_of(model: nn.Module, amount: float) -> dict[str, Tensor]:
    """Those of global magnitude pruning; `model` stays as it is."""
    masked = copy.deepcopy(model)
    pruning.apply_masks(masked, amount)
    return {name: layer.weight_mask for name, layer in pruning.in_scope(masked).items()}


def same(ones: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return all(torch.equal(ones[name], others[name]) for name in ones)


class PlannedLab(Lab):
    """A `Lab` whose scores are planned: 0.5 is right, and each mistake finds another share."""

    SAID = {
        0.0: "a pruned network is fine-tuned before it is scored, like its control",
        0.2: "the seeds are judged by their mean, and the choice is made on val, not on test",
        0.5: "",
        0.8: "that share loses more than the limit",
        0.9: "a loss is one against the control, which was fine-tuned as long; and the first "
             "share that loses too much ends the search",
    }  # fmt: skip
    VAL = {0.2: (0.0, -0.002), 0.5: (-0.015, 0.001), 0.8: (-0.05, -0.06), 0.9: (-0.005, -0.005)}
    TEST = {0.2: (0.0, 0.0), 0.5: (-0.03, -0.01), 0.8: (-0.05, -0.05), 0.9: (-0.01, -0.01)}

    def __init__(self) -> None:
        super().__init__(2, 0)
        self.read_test: set[float] = set()
        self.wrong_masks = self.unmasked = False

    def make(self, seed: int) -> nn.Module:
        model = super().make(seed)
        model.seed, model.trainings = seed, 0
        return model

    def train(self, model: nn.Module) -> None:
        model.trainings += 1
        share = pruning.sparsity(model).loc["all", "share"]
        self.unmasked |= bool(share > 0) and not pruning.masked(model)

    def score(self, model: nn.Module, split: str) -> float:
        share = round(float(pruning.sparsity(model).loc["all", "share"]), 2)
        if split == "test":
            self.read_test.add(share)
        if share == 0:
            return (0.0, 0.8, 0.9)[min(model.trainings, 2)]
        zeros = {name: layer.weight != 0 for name, layer in pruning.in_scope(model).items()}
        right = masks_of(self.make(model.seed), share)
        self.wrong_masks |= not same(zeros, {name: mask.bool() for name, mask in right.items()})
        gap = (self.VAL if split == "val" else self.TEST)[share][model.seed - 1]
        return 0.9 + gap - 0.2 * (model.trainings < 2)
