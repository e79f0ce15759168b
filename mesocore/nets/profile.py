"""What a network is made of and what it costs: shapes, weights, work, time, and how far it looks.

The receptive field follows from kernels and strides alone; `footprint` measures it instead, by
gradients, so that the two can be held against each other. Times say nothing alone: they depend on
the machine and on what else it does. So several networks are timed in turn, round after round, in
one process, and what counts are the ratios.
"""

import copy
import time
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core.errors import UserError
from mesocore.nets.inputs import to_unit
from mesocore.nets.models import parameter_count


def layer_table(model: nn.Module, size: int) -> pd.DataFrame:
    """One row per layer with weights or a new shape, in the order in which they run.

    Columns: `layer` (its class), `output` (shape for one image, as text), `parameters` (trainable)
    and `multiply_adds` (of convolutions and dense layers, for one image of `size` px).
    """
    rows: list[dict] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
        if not parameters and output.shape == inputs[0].shape:
            return  # activations and dropout neither weigh nor reshape
        weighs = isinstance(module, nn.Conv2d | nn.Linear)
        each = module.weight[0].numel() if weighs else 0  # multiply-adds for one output value
        rows.append(
            {
                "layer": type(module).__name__,
                "output": " x ".join(str(side) for side in output.shape[1:]),
                "parameters": parameters,
                "multiply_adds": output.numel() * each,
            }
        )

    leaves = [module for module in model.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(note) for module in leaves]
    training = model.training
    with torch.inference_mode():
        model.eval()(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    model.train(training)
    for hook in hooks:
        hook.remove()
    return pd.DataFrame(rows)


def receptive_fields(layers: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The receptive field and the stride in input pixels after each of `layers`.

    `layers`: (kernel, stride) of each convolution or pooling, first to last. The recurrence is in
    Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill,
    2019.
    """
    field, stride, found = 1, 1, []
    for kernel, step in layers:
        field += (kernel - 1) * stride
        stride *= step
        found.append((field, stride))
    return found


def footprint(features: nn.Module, size: int) -> Tensor:
    """How strongly each input pixel moves the middle output cell: float `(size, size)`, sum 1.

    Measured by the gradient through a copy in which nothing blocks a path: weights by their
    magnitude, average pooling for max pooling. What is 0 here is outside the receptive field.
    After Luo, Li, Urtasun, Zemel, "Understanding the Effective Receptive Field in Deep
    Convolutional Neural Networks", NeurIPS 2016.
    """
    unblocked = copy.deepcopy(features).eval()
    for parent in list(unblocked.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.MaxPool2d):
                average = nn.AvgPool2d(child.kernel_size, ceil_mode=child.ceil_mode)
                setattr(parent, name, average)
            elif isinstance(child, nn.BatchNorm2d):
                child.running_mean.zero_()  # or its output could be negative, and a ReLU shut
    for parameter in unblocked.parameters():
        parameter.data.abs_()
    white = to_unit(torch.full((1, 3, size, size), 255, dtype=torch.uint8)).requires_grad_()
    output = unblocked(white)  # (1, C, S/32, S/32)
    row, column = (side // 2 for side in output.shape[-2:])
    output[0, :, row, column].sum().backward()
    strength = white.grad[0].abs().sum(0)  # (size, size)
    return strength / strength.sum()


def square_holding(strength: Tensor, share: float) -> int:
    """The side of the smallest square around the middle of a `footprint` that holds `share` of it.

    The middle is that of the pixels with any influence.
    """
    rows, columns = (strength.sum(axis).nonzero() for axis in (1, 0))
    top, left = int(rows.min()), int(columns.min())
    seen = strength[top : int(rows.max()) + 1, left : int(columns.max()) + 1]
    side = seen.shape[0]
    for margin in range(side // 2, -1, -1):  # from the inside out
        inner = seen[margin : side - margin, margin : side - margin]
        if inner.sum() >= share * strength.sum():
            return side - 2 * margin
    return side


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
    """Milliseconds of a forward pass of `batch` images of `size` px, best of `rounds`, by name."""
    images = _noise(batch, size)

    def forward(model: nn.Module) -> Callable[[], None]:
        def step() -> None:
            with torch.inference_mode():
                model.eval()(images)

        return step

    best = interleaved({name: forward(model) for name, model in models.items()}, rounds)
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

    best = interleaved({name: learn(model) for name, model in models.items()}, rounds)
    return {name: batch / seconds for name, seconds in best.items()}


def _noise(batch: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, generator=generator)


def interleaved(steps: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Seconds of the fastest of `rounds` calls of each step, called in turn, after one to warm up.

    Raises `UserError` for fewer rounds than 1.
    """
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
