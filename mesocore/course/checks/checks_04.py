"""The exercises of chapter 4: a schedule by hand, the best epoch kept, a leak of augmentation, a
gain over seeds, a forecast by a learning curve.

The last two need many trainings, so here is a laboratory for them: `train`, `auc` and `error`, of a
network with 353 weights on pictures of noise, in about a second a training.
"""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from mesocore.course.checks.exercise import exercise
from mesocore.data import augmentation
from mesocore.evaluation.power_law import fit_power_law
from mesocore.training.schedule import learning_rate

SIDE, TRACE = 16, 0.35  # pixels; how strong the forgeries' trace is beside the noise
SPLITS = {"train": 1, "val": 2, "test": 3}  # the seeds of the laboratory's pictures


@cache
def laboratory(split: str, images: int) -> tuple[Tensor, Tensor]:
    """Pictures uint8 `(images, 3, 16, 16)` and labels `(images,)`: noise, and in every second one
    a faint pattern in the left or the right half. Fewer images are not the first of more."""
    generator = torch.Generator().manual_seed(SPLITS[split])
    noise = torch.randn(images, 3, SIDE, SIDE, generator=generator)
    left = torch.rand(images, 1, 1, generator=generator) < 0.5
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    trace = ((rows + 2 * columns) % 4 < 2).float() * 2 - 1
    trace[:, SIDE // 2 :] = 0
    labels = torch.arange(images) % 2
    trace = labels[:, None, None] * torch.where(left, trace, trace.flip(-1))
    return (128 + 30 * (noise + TRACE * trace[:, None])).clamp(0, 255).to(torch.uint8), labels


def train(augment: str, seed: int, images: int = 96) -> nn.Module:
    """A small network after 100 steps on `images` pictures; `seed`: of weights, order, changes."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    pictures, labels = laboratory("train", images)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4),
                            nn.Flatten(), nn.Linear(8 * 16, 1))  # fmt: skip
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(100):
        batch = torch.randint(images, (32,), generator=generator)
        shown = augmentation.augment(pictures[batch], augment, generator)
        logits = network((shown - 128.0) / 30)[:, 0]
        optimiser.zero_grad()
        binary_cross_entropy_with_logits(logits, labels[batch].float()).backward()
        optimiser.step()
    return network


def auc(network: nn.Module, split: str) -> float:
    """The ROC AUC of a network on 600 pictures of `val` or `test`."""
    pictures, labels = laboratory(split, 600)
    with torch.no_grad():
        return float(roc_auc_score(labels, network((pictures - 128.0) / 30)[:, 0]))


def error(images: int, seed: int) -> float:
    """1 - ROC AUC on validation of a network that learnt from so many pictures."""
    return 1 - auc(train("flip", seed, images), "val")


@exercise
def rate(f: Callable) -> Iterator[str]:
    "Linear warm-up, then a cosine to 0."
    for steps, warmup in ((100, 0.1), (50, 0.2)):
        right = np.array([learning_rate(step, steps, 0.01, warmup) for step in range(steps)])
        got = np.array([f(step, steps, 0.01, warmup) for step in range(steps)], dtype=float)
        rise = int(warmup * steps)
        if got[0] == 0:
            yield f"{steps} steps: the first rate is 0, so the first batch teaches nothing"
        elif not np.allclose(got[:rise], right[:rise], rtol=1e-6):
            yield f"{steps} steps: the rise is {_few(got[:rise])}, should be {_few(right[:rise])}"
        if not np.isclose(got.max(), 0.01):
            yield f"{steps} steps: the largest rate is {got.max():.4g}, should be the peak, 0.01"
        elif not np.allclose(got[rise:], right[rise:], atol=1e-7):
            worst = rise + int(np.abs(got - right)[rise:].argmax())
            yield f"{steps} steps: step {worst} has {got[worst]:.4g}, should be {right[worst]:.4g}"


def _few(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values[:3]) + ", ..."


@exercise
def leaks(f: Callable) -> Iterator[str]:
    "Which splits that must stay as they are does a pipeline change?"
    generator = torch.Generator().manual_seed(0)
    stored = {
        split: torch.randint(0, 256, (6, 3, 8, 8), generator=generator, dtype=torch.uint8)
        for split in ("train", "val", "test")
    }
    for name, (changed, always) in {
        "changes training images alone": ({"train"}, False),
        "mirrors every split at random": ({"train", "val", "test"}, False),
        "mirrors val in one read of four": ({"val"}, False),
        "mirrors test, the same way in every read": ({"test"}, True),
    }.items():
        right = sorted(changed - {"train"})
        before = {split: images.clone() for split, images in stored.items()}
        got = sorted(f(_Pipeline(stored, changed, always), stored))
        if got != right:
            yield f"a pipeline that {name}: {got}, should be {right}"
        if any(not torch.equal(before[split], stored[split]) for split in stored):
            yield "the stored images were changed by the search"


class _Pipeline:
    """`pipeline(split)`: the images as a model would get them, read anew."""

    def __init__(self, stored: dict[str, Tensor], changed: set[str], always: bool):
        self.stored, self.changed, self.always, self.reads = stored, changed, always, 0

    def __call__(self, split: str) -> Tensor:
        self.reads += 1
        images = self.stored[split].clone()
        one_of_four = self.changed == {"val"} and self.reads % 4
        if split not in self.changed or one_of_four:
            return images
        rows = slice(0, 3) if self.always or self.reads % 2 else slice(3, 6)
        images[rows] = images[rows].flip(-1)
        return images


@exercise
def keep_best(f: Callable) -> Iterator[str]:
    "The weights of the best epoch, as they were then."
    for scores, right in (([0.6, 0.9, 0.7], 2), ([0.5, 0.8, 0.8, 0.6], 2), ([0.1, 0.2], 2)):
        model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(model.weight)
        left = iter(scores)
        weights = f(model, _one_more, lambda _, left=left: next(left), len(scores))
        epoch = int(round(weights["weight"].item()))
        if epoch == len(scores) != right:
            yield f"scores {scores}: those are the last epoch's weights; a state_dict holds the " \
                "tensors that training goes on to change"  # fmt: skip
        elif epoch != right:
            yield f"scores {scores}: those are the weights of epoch {epoch}, should be {right}"


def _one_more(model: nn.Module) -> None:
    with torch.no_grad():
        model.weight += 1


@exercise
def gain(f: Callable) -> Iterator[str]:
    "What an augmentation gains over seeds, in pairs, and the bar for it."
    for augment, seeds in (("flip", [0, 1, 2]), ("jpeg", [5, 6, 7, 8, 9, 10])):
        trials = _Trials(seeds, augment)
        mean, bar = (float(value) for value in f(trials.train, trials.auc, augment, seeds))
        yield from (f"{augment}: {problem}" for problem in trials.problems())
        without, with_it = (trials.scores(arm) for arm in ("none", augment))
        apart, n = with_it - without, len(seeds)
        spread = np.sqrt((without.var(ddof=1) + with_it.var(ddof=1)) / 2)
        right = 2 * apart.std(ddof=1) / np.sqrt(n)
        if not np.isclose(mean, apart.mean()):
            best = np.isclose(mean, with_it.max() - without.max())
            why = "; that compares the best seed of each" if best else ""
            yield f"{augment}: a gain of {mean:.4f}, should be {apart.mean():.4f}{why}"
        if np.isclose(bar, 2 * spread * np.sqrt(2 / n)):
            yield (f"{augment}: {bar:.4f} is the bar for unrelated runs; these come in pairs, so "
                   f"their differences are what scatters: {right:.4f}")  # fmt: skip
        elif not np.isclose(bar, right):
            few = np.isclose(bar, right * np.sqrt((n - 1) / n))
            why = "; divide the squares by n - 1" if few else ""
            yield f"{augment}: a bar of {bar:.4f}, should be {right:.4f}{why}"


class _Trials:
    """Trainings whose outcome is known: seeds differ much, the augmentation makes a little."""

    def __init__(self, seeds: list[int], augment: str):
        self.seeds, self.augment = seeds, augment
        self.trained: set[tuple[str, int]] = set()
        self.splits: set[str] = set()

    def train(self, augment: str, seed: int) -> tuple[str, int]:
        self.trained.add((augment, int(seed)))
        return augment, int(seed)

    def auc(self, network: tuple[str, int], split: str) -> float:
        self.splits.add(split)
        return self._score(*network, split)

    def _score(self, augment: str, seed: int, split: str) -> float:
        luck = np.random.default_rng(seed).normal(0, 0.03)
        own = np.random.default_rng([seed, *map(ord, augment + split)]).normal(0, 0.004)
        return 0.85 + luck + own + (augment != "none") * (0.03 if split == "test" else 0.01)

    def scores(self, augment: str) -> np.ndarray:
        return np.array([self._score(augment, seed, "val") for seed in self.seeds])

    def problems(self) -> Iterator[str]:
        for arm in ("none", self.augment):
            got = sorted(seed for name, seed in self.trained if name == arm)
            if got != self.seeds:
                yield f"{arm} was trained with seeds {got}, should be {self.seeds}"
        if other := sorted(self.splits - {"val"}):
            yield f"measured on {' and '.join(other)}: what is chosen is chosen on val"


@exercise
def forecast(f: Callable) -> Iterator[str]:
    "An interval for a new run on more images than any that was measured."
    sizes, seeds, target, labs = [50, 100, 200, 400, 800], [0, 1, 2], 1600, 100
    held, widths = 0, []
    for lab in range(labs):
        curve = _Curve(lab)
        low, high = (float(value) for value in f(curve.error, sizes, seeds, target))
        if target in {images for images, _ in curve.asked}:
            yield f"it trained on {target} images: the target is what you predict, so it stays out"
            return
        if curve.asked != {(size, seed) for size in sizes for seed in seeds}:
            yield f"it measured {len(curve.asked)} runs, should be {len(sizes)} sizes by 3 seeds"
            return
        if not 0 < low < high:
            yield f"{low:.4g} to {high:.4g} is no interval of errors, which lie above 0"
            return
        runs = sorted(curve.asked)
        measured = np.array([curve.value(*run) for run in runs])
        law = fit_power_law(np.array([size for size, _ in runs]), measured).predict(target)
        widths.append(np.log(high / low) / np.log(law["high"] / law["low"]))
        held += low <= curve.value(target, 99) <= high
    width = float(np.median(widths))
    if held < 0.85 * labs or not 0.88 < width < 1.3:
        yield (f"in {labs} laboratories it holds the new run {held} times, should be about 95, and "
               f"is {width:.2f} times as wide as it should be: a new run scatters, and "
               "the line itself is uncertain")  # fmt: skip


class _Curve:
    """Errors that follow a power law, with the scatter of seeds."""

    def __init__(self, lab: int):
        self.lab, self.asked = lab, set()
        self.exponent = 0.3 + 0.4 * np.random.default_rng(lab).random()

    def error(self, images: int, seed: int) -> float:
        self.asked.add((int(images), int(seed)))
        return self.value(images, seed)

    def value(self, images: int, seed: int) -> float:
        luck = np.random.default_rng([self.lab, int(images), int(seed)]).normal(0, 0.15)
        return float(2.0 * images**-self.exponent * np.exp(luck))
