"""The exercises of chapter 2: counting, importing, finding a faulty port, and two experiments."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from mesocore.course import mistakes
from mesocore.course.checks.exercise import exercise
from mesocore.nets import profile
from mesocore.nets.mesonet import Meso4

MESO4_LAYERS = [(3, 1), (2, 2), (5, 1), (2, 2), (5, 1), (2, 2), (5, 1), (4, 4)]
Pictures = tuple[Tensor, Tensor]  # float (N, 1, S, S), and labels float (N,) with 1 = traced


def planted(lag: int, pictures: int, seed: int, side: int = 20) -> Pictures:
    """Noise pictures float `(N, 1, S, S)`, and labels float `(N,)`: every other one has a trace.

    The trace (label 1): each pixel is the sum of two pixels of the noise, `lag` columns apart, over
    the root of 2. So single pixels, and pixels nearer than that in a row, are as in pure noise.
    """
    noise = torch.randn(pictures, 1, side, side, generator=torch.Generator().manual_seed(seed))
    labels = (torch.arange(pictures) % 2).float()
    traced = (noise + noise.roll(lag, -1)) / math.sqrt(2)
    return torch.where(labels.view(-1, 1, 1, 1) == 1, traced, noise), labels


def _turned(pictures: Pictures) -> Pictures:
    """The same pictures with the labels the other way round."""
    return pictures[0], 1 - pictures[1]


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


@exercise
def finds(f: Callable) -> Iterator[str]:
    "The share of test pictures that a network with one convolution of a size gets right."
    near, far = (
        (planted(lag, 64, seed=0), planted(lag, 200, seed=1)) for lag in (1, 4)
    )  # training and test pictures
    torch.manual_seed(1)
    share = float(f(3, *near))
    if not 0.85 <= share <= 1:
        yield f"kernel 3 finds the trace of 1 pixel in all pictures, nearly; your share is {share}"
        return
    torch.manual_seed(2)
    if float(f(3, *near)) != share:
        yield "called twice with the same pictures it gives two results: set the seed inside"
    if float(f(3, near[0], _turned(near[1]))) > 0.3:
        yield ("with the labels of the test pictures turned round, the share should be near 0: "
               "learn from `train` alone, and count on `test` alone")  # fmt: skip
    if not 0.3 <= (share := float(f(3, *far))) <= 0.7:
        yield (
            f"no window of 3 pixels holds the trace of 4, and your share is {share:.2f}, not about "
            "a half: does another layer widen the field, or is `kernel` not used"
        )
    if float(f(5, *far)) < 0.85:
        yield "a window of 5 pixels holds the trace of 4, and your network does not find it"


@exercise
def over_seeds(f: Callable) -> Iterator[str]:
    "Mean and standard deviation over seeds of the test AUC."
    train, test = planted(1, 64, seed=0, side=8), planted(1, 100, seed=1, side=8)
    built = []

    def build() -> nn.Module:
        built.append(0)
        return _Tiny()

    def run(seeds: list[int], images: Pictures = test) -> tuple[float, float]:
        mean, spread = f(build, train, images, seeds)
        return float(mean), float(spread)

    first, spread = run([0, 0])
    if spread > 1e-9:
        yield f"the same seed twice has a spread of {spread:.3g}: set the seed before `build()`"
        return
    if len(built) != 2:
        yield f"for two seeds it built {len(built)} networks: every seed begins anew"
    if not 0 < first < 1:
        yield f"an AUC on these test pictures lies between 0 and 1, not at {first}"
    if abs(run([0, 0], _turned(test))[0] - (1 - first)) > 1e-6:
        yield ("with the labels of the test pictures turned round, the AUC should be 1 minus what "
               "it was: learn from `train`, measure on `test`")  # fmt: skip
    if abs(run([0, 0], (test[0].flip(0), test[1].flip(0)))[0] - first) > 1e-6:
        yield "the order of the test pictures changes the AUC: call `network.eval()` before it"
    second, _ = run([1, 1])
    if first == second:
        yield "seeds 0 and 1 give the same AUC to the last digit: weights have to follow the seed"
        return
    mean, spread = run([0, 1])
    if abs(mean - (first + second) / 2) > 1e-6:
        yield "seed 1 gives another AUC after seed 0 than alone: something outlives a run"
    elif abs(spread - abs(first - second) / 2) < 1e-9:
        yield "the spread divides by n; a standard deviation of a sample divides by n - 1"
    elif abs(spread - abs(first - second) / math.sqrt(2)) > 1e-6:
        yield f"the standard deviation of {first:.3f} and {second:.3f} is not {spread:.3f}"


class _Tiny(nn.Module):
    """The least network with dropout: float `(N, 1, S, S)` -> logits `(N,)`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5),
            nn.Linear(8, 1),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).squeeze(1)
