"""A compact style-based generator: from 96 random numbers to a face that nobody photographed.

After StyleGAN and StyleGAN2 (Karras et al., CVPR 2019 and 2020): a mapping network, a learned
constant as input, a style for every convolution, noise for every convolution, and an RGB picture
summed up over the resolutions (skip outputs). Differences: about 560,000 parameters instead of
30 million, styles scale the activations before and after a shared convolution instead of making
a kernel for every image (the same function, and quicker on a CPU), and growing at one's will:
`resolution` may be any of the generator's own.
"""

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core.errors import UserError

LATENT = 96
CHANNELS = {4: 96, 8: 96, 16: 64, 32: 48, 64: 32, 128: 16}
SIZE = max(CHANNELS)
WEIGHTS = Path(__file__).parent / "weights" / "stylegan-128.safetensors"
# the photographs that the shipped generator learnt from: no embedded set can hold one of them
TRAINING_SEEDS = range(10**15, 10**15 + 8_000)
TRUNCATION = 0.9


class EqualLinear(nn.Module):
    """Linear layer whose weights are scaled as it runs (Karras et al., ICLR 2018, section 4.1)."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.scale, self.rate = rate / math.sqrt(inputs), rate

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * self.scale, self.bias * self.rate)


class Mapping(nn.Module):
    """Latents `(N, 96)`, standard normal, to style codes `(N, 96)`: four layers."""

    def __init__(self, layers: int = 4):
        super().__init__()
        # a hundredth of the learning rate, as published
        self.layers = nn.ModuleList(EqualLinear(LATENT, LATENT, rate=0.01) for _ in range(layers))

    def forward(self, z: Tensor) -> Tensor:
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.layers:
            x = lrelu(layer(x))
        return x


class StyledConv(nn.Module):
    """A 3 x 3 convolution that a style scales, with noise, on an upsampled map if asked.

    Weight demodulation after StyleGAN2, eq. 3. A toRGB layer is one of 1 x 1 without either.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, up: bool = False):
        super().__init__()
        self.style = EqualLinear(LATENT, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.strength = nn.Parameter(torch.zeros(outputs)) if kernel == 3 else None
        self.scale, self.up = 1 / math.sqrt(inputs * kernel**2), up

    def forward(self, x: Tensor, code: Tensor, noise: Tensor | None = None) -> Tensor:
        style = self.style(code)  # (N, inputs)
        if self.up:
            x = upsample(x)
        weight = self.weight * self.scale
        x = functional.conv2d(x * style[:, :, None, None], weight, padding="same")
        if self.strength is None:
            return x + self.bias[:, None, None]
        energy = style.square() @ weight.square().sum((2, 3)).T  # (N, outputs)
        x = x * (energy + 1e-8).rsqrt()[:, :, None, None]
        x = x + self.bias[:, None, None]
        if noise is not None:
            x = x + noise * self.strength[:, None, None]
        return lrelu(x)


class Generator(nn.Module):
    """Codes and noise to pictures float `(N, 3, R, R)`, about -1..1, R up to 128.

    `layers` counts the styles: one for 4 px and two for every doubling. `mean_code` is the average
    style, which truncation moves towards.
    """

    def __init__(self):
        super().__init__()
        self.mapping = Mapping()
        self.constant = nn.Parameter(torch.randn(1, CHANNELS[4], 4, 4))
        self.convs, self.to_rgb = nn.ModuleList(), nn.ModuleList()
        last = CHANNELS[4]
        for side, width in CHANNELS.items():
            if side > 4:
                self.convs.append(StyledConv(last, width, up=True))
            self.convs.append(StyledConv(width, width))
            self.to_rgb.append(StyledConv(width, 3, kernel=1))
            last = width
        self.register_buffer("mean_code", torch.zeros(LATENT))

    @property
    def layers(self) -> int:
        return len(self.convs)

    def noise_sides(self) -> list[int]:
        """Side of the noise map that each layer takes."""
        return [4, *(side for side in list(CHANNELS)[1:] for _ in range(2))]

    def codes(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """Latents `(N, 96)` -> style codes `(N, layers, 96)`.

        `truncation` 1 leaves them, 0 gives everybody the average face (Karras et al. 2019,
        appendix B). Codes of two latents may be mixed layer by layer.
        """
        code = self.mean_code + truncation * (self.mapping(z) - self.mean_code)
        return code[:, None].expand(-1, self.layers, -1)

    def forward(
        self, codes: Tensor, noise: Sequence[Tensor] | None = None, resolution: int = 128
    ) -> Tensor:
        """`noise`: one map `(N, 1, s, s)` a layer, s as in `noise_sides`; none: no noise."""
        return self.pyramid(codes, noise, resolution)[-1]

    def pyramid(
        self, codes: Tensor, noise: Sequence[Tensor] | None = None, resolution: int = 128
    ) -> list[Tensor]:
        """The sum of the skip outputs at every resolution from 4 px to `resolution`."""
        x = self.constant.expand(len(codes), -1, -1, -1)
        pictures, layer = [], 0
        for level, side in enumerate(CHANNELS):
            if side > resolution:
                break
            for _ in range(2 if level else 1):
                extra = noise[layer] if noise is not None else None
                x = self.convs[layer](x, codes[:, layer], extra)
                layer += 1
            # the colour layer shares the style of the next convolution, as published
            rgb = self.to_rgb[level](x, codes[:, min(layer, self.layers - 1)])
            pictures.append(rgb + upsample(pictures[-1]) if pictures else rgb)
        return pictures


def adain(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Adaptive instance normalisation of `(N, C, H, W)` to `(N, C)` scales and shifts.

    AdaIN(x, y) = y_s (x - mean(x)) / std(x) + y_b, each channel of each image by itself: the style
    of StyleGAN (2019, eq. 1). StyleGAN2 and `StyledConv` replace its measured deviation by the
    expected one (demodulation). Chapter 1 builds it by hand.
    """
    mean, std = x.mean((2, 3), keepdim=True), x.std((2, 3), correction=0, keepdim=True)
    return scale[..., None, None] * (x - mean) / (std + 1e-8) + shift[..., None, None]


def lrelu(x: Tensor) -> Tensor:
    """Leaky ReLU that keeps the variance."""
    return functional.leaky_relu(x, 0.2) * math.sqrt(2)


def upsample(x: Tensor) -> Tensor:
    """Twice the size, bilinear."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def draw(seeds: Sequence[int], sides: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
    """Latents `(N, 96)` and noise maps, each image's from its own seed.

    Raises `UserError` for a negative seed.
    """
    if any(seed < 0 for seed in seeds):
        raise UserError(f"seed {min(seeds)} is negative; seeds start at 0")
    latents, maps = [], []
    for seed in seeds:
        source = torch.Generator().manual_seed(int(seed))
        latents.append(torch.randn(LATENT, generator=source))
        maps.append([torch.randn(1, side, side, generator=source) for side in sides])
    return torch.stack(latents), [torch.stack(layer) for layer in zip(*maps, strict=True)]


def to_uint8(pictures: Tensor) -> Tensor:
    """Float -1..1 -> uint8 0..255, rounded, clipped."""
    return ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@functools.cache
def load() -> Generator:
    """The generator that comes with the package. Raises `UserError` if its file is missing."""
    if not WEIGHTS.is_file():
        raise UserError(f"{WEIGHTS} is missing: install the package anew, or train a generator")
    generator = Generator()
    tensors = load_file(WEIGHTS)
    generator.load_state_dict({name: value.float() for name, value in tensors.items()})
    return generator.eval().requires_grad_(False)


def generate(seeds: Sequence[int], truncation: float = TRUNCATION) -> np.ndarray:
    """One face a seed from the shipped generator: uint8 `(N, 128, 128, 3)` RGB.

    An image depends on its own seed only: they are made one at a time, since the order of a
    convolution's sums may change with the batch. Raises `UserError` for a negative seed.
    """
    generator = load()
    images = np.empty((len(seeds), SIZE, SIZE, 3), dtype=np.uint8)
    for n, seed in enumerate(seeds):
        latent, noise = draw([seed], generator.noise_sides())
        with torch.inference_mode():
            picture = generator(generator.codes(latent, truncation), noise)
        images[n] = to_uint8(picture)[0].permute(1, 2, 0).numpy()
    return images
