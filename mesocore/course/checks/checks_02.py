"""The exercises of chapter 2: counting, looking, importing, and finding a faulty port."""

from collections.abc import Callable, Iterator

import torch

from mesocore.course import mistakes
from mesocore.course.checks.exercise import exercise
from mesocore.nets import profile
from mesocore.nets.mesonet import Meso4

MESO4_LAYERS = [(3, 1), (2, 2), (5, 1), (2, 2), (5, 1), (2, 2), (5, 1), (4, 4)]


@exercise
def conv_parameters(f: Callable) -> Iterator[str]:
    "The trainable parameters of a convolution with a bias."
    for inputs, outputs, kernel in ((3, 8, 3), (8, 16, 5), (16, 16, 1)):
        right = torch.nn.Conv2d(inputs, outputs, kernel)
        right = sum(p.numel() for p in right.parameters())
        got = f(inputs, outputs, kernel)
        if got == right - outputs:
            yield f"{inputs} -> {outputs} channels: every output channel has a bias as well"
        elif got != right:
            yield f"{inputs} -> {outputs} channels, {kernel} x {kernel}: {got}, should be {right}"


@exercise
def receptive_field(f: Callable) -> Iterator[str]:
    "The receptive field behind a chain of (kernel, stride)."
    chains = ([(3, 1)], [(3, 1), (3, 1)], [(3, 2), (3, 1)], MESO4_LAYERS)
    for chain in chains:
        right, got = profile.receptive_fields(chain)[-1][0], f(chain)
        if got != right:
            yield f"receptive_field({chain}) is {got}, should be {right}"


@exercise
def hwc_to_chw(f: Callable) -> Iterator[str]:
    "A dense layer's weights, from H, W, C order to C, H, W order."
    channels, height, width = 3, 2, 4  # all different, so that no two can be mixed up unseen
    features = torch.arange(24.0).view(channels, height, width)
    weight = torch.sin(torch.arange(48.0)).view(2, 24)  # counts its inputs in H, W, C order
    got = f(weight.clone(), channels, height, width)
    if tuple(got.shape) != (2, 24):
        yield f"the shape is {tuple(got.shape)}, should still be (2, 24)"
        return
    if torch.equal(got, weight):
        yield "the weights came back in the order in which they went in"
        return
    if not torch.allclose(got @ features.flatten(), weight @ features.permute(1, 2, 0).flatten()):
        yield "on one image the answers differ from those of the original layer"


@exercise
def used_twice(f: Callable) -> Iterator[str]:
    "The names of the modules that run more than once in a forward pass."
    torch.manual_seed(0)
    faithful = Meso4(64)
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    for name, model, right in (
        ("the faithful network", faithful, []),
        ("the port", mistakes.shared_norm(faithful), ["features.0.2", "features.2.2"]),
    ):
        got = sorted(f(model, images))
        if got != right:
            yield f"in {name} it found {got}, should be {right}"
        left = [n for n, m in model.named_modules() if m._forward_hooks or m._forward_pre_hooks]
        if left:
            yield f"hooks are left on {name}: call `.remove()` on what registering them returned"


@exercise
def torch_momentum(f: Callable) -> Iterator[str]:
    "Keras' BatchNorm momentum in PyTorch's terms."
    for keras in (0.99, 0.9, 0.5):
        got = f(keras)
        if abs(got - (1 - keras)) > 1e-9:
            yield f"Keras' {keras} should be {1 - keras:.2f} in PyTorch, not {got}"
