"""What a network costs: parameters, multiply-adds, and time, measured side by side.

Times say nothing alone: they hang on the machine and on what else it does. So several networks are
timed in turn, round after round, in one process, and what counts are the ratios.
"""

import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.anatomy import layer_table
from mesocore.core.errors import UserError
from mesocore.models import parameter_count


def complexity(model: nn.Module, size: int) -> dict[str, int]:
    """`parameters` (trainable) and `multiply_adds` (of one image of `size` px, by convolutions and
    dense layers)."""
    layers = layer_table(model, size)
    return {
        "parameters": parameter_count(model),
        "multiply_adds": int(layers["multiply_adds"].sum()),
    }


def latency(
    models: Mapping[str, nn.Module], size: int, batch: int = 1, rounds: int = 5
) -> dict[str, float]:
    """Milliseconds to judge `batch` images of `size` px: the best of `rounds`, by name."""
    images = _noise(batch, size)

    def judge(model: nn.Module) -> Callable[[], None]:
        def step() -> None:
            with torch.inference_mode():
                model.eval()(images)

        return step

    best = _interleaved({name: judge(model) for name, model in models.items()}, rounds)
    return {name: 1000 * seconds for name, seconds in best.items()}


def training_rate(
    models: Mapping[str, nn.Module], size: int, batch: int = 32, rounds: int = 5
) -> dict[str, float]:
    """Images a second through a whole AdamW step: the best of `rounds`, by name.

    The models' weights are changed; give copies of those that matter.
    """
    images = _noise(batch, size)
    labels = (torch.arange(batch) % 2).float()

    def learn(model: nn.Module) -> Callable[[], None]:
        optimiser = torch.optim.AdamW(model.train().parameters())

        def step() -> None:
            loss = functional.binary_cross_entropy_with_logits(model(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        return step

    best = _interleaved({name: learn(model) for name, model in models.items()}, rounds)
    return {name: batch / seconds for name, seconds in best.items()}


def _noise(batch: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, generator=generator)


def _interleaved(steps: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Seconds of the fastest call of each step, called in turn, after one call to warm up."""
    if rounds < 1:
        raise UserError(f"rounds is {rounds}; write 1 or more")
    best = dict.fromkeys(steps, float("inf"))
    for turn in range(rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn:
                best[name] = min(best[name], time.perf_counter() - start)
    return best
