"""The exercises of chapter 4: a schedule by hand, a leak of augmentation, the best epoch kept."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from mesocore.course.checks.exercise import exercise
from mesocore.training.schedule import learning_rate


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
