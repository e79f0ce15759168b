"""The parts of MesoNetPlus: inverted residuals, attention, a high-pass front, blurred pooling.

Every block takes float `(N, C, H, W)`. An attention block returns the same shape: its input, each
value multiplied by a gate between 0 and 1. Gates are all they add, so `gate` is what chapter 3
draws. A width that would leave a layer without channels is an error: a squeeze-and-excitation block
of 8 channels with the published reduction of 16 has `8 // 16 = 0` hidden units, runs without a word
in some frameworks, and attends to nothing.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core.errors import UserError


class Attention(nn.Module):
    """A gate on the features. Subclasses say what `gate` sees."""

    def gate(self, x: Tensor) -> Tensor:
        """Values in 0..1 that broadcast over `x` `(N, C, H, W)`."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class SqueezeExcitation(Attention):
    """One gate a channel, from the means of all: Hu, Shen, Sun, CVPR 2018, section 3.

    The paper's reduction is 16, for networks of 64 channels and more; ours has 16 to 64.
    Raises `UserError` if `channels // reduction` is 0.
    """

    def __init__(self, channels: int, reduction: int = 4):
        super().__init__()
        hidden = _hidden("squeeze-and-excitation", channels, reduction)
        self.squeeze, self.excite = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def gate(self, x: Tensor) -> Tensor:
        """`(N, C, 1, 1)`."""
        hidden = functional.relu(self.squeeze(x.mean((2, 3))))  # (N, C / reduction)
        return torch.sigmoid(self.excite(hidden))[:, :, None, None]


class EfficientChannel(Attention):
    """One gate a channel, from the means of its neighbours alone: ECA, Wang et al., CVPR 2020.

    One convolution of `k` weights slides over the channels; k, the odd number next to
    `log2(C) / 2 + 1 / 2`, grows with their count as published (eq. 12).
    """

    def __init__(self, channels: int):
        super().__init__()
        _hidden("efficient channel attention", channels, 1)
        reach = int(abs(math.log2(channels) / 2 + 0.5))
        kernel = reach if reach % 2 else reach + 1
        self.slide = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def gate(self, x: Tensor) -> Tensor:
        """`(N, C, 1, 1)`."""
        means = x.mean((2, 3))[:, None]  # (N, 1, C)
        return torch.sigmoid(self.slide(means))[:, 0, :, None, None]


class ConvBlockAttention(Attention):
    """First which channels, then where: CBAM, Woo, Park, Lee, Kweon, ECCV 2018.

    Channels are gated from their means and maxima through one shared bottleneck (eq. 2), places
    from the mean and the maximum over channels through a 7 x 7 convolution (eq. 3).
    Raises `UserError` if `channels // reduction` is 0.
    """

    def __init__(self, channels: int, reduction: int = 4, kernel: int = 7):
        super().__init__()
        hidden = _hidden("CBAM", channels, reduction)
        self.shared = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )
        self.place = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def channel_gate(self, x: Tensor) -> Tensor:
        """`(N, C, 1, 1)`."""
        both = self.shared(x.mean((2, 3))) + self.shared(x.amax((2, 3)))
        return torch.sigmoid(both)[:, :, None, None]

    def gate(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)`: the product of both gates."""
        channels = self.channel_gate(x)
        x = x * channels
        summary = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return channels * torch.sigmoid(self.place(summary))


class CoordinateAttention(Attention):
    """A gate a row and a gate a column of each channel: Hou, Zhou, Feng, CVPR 2021.

    Means along rows and along columns share one bottleneck, and are then told apart again. The
    paper keeps 8 hidden channels at least, and so do we; its h-swish is torch's Hardswish.
    """

    def __init__(self, channels: int, reduction: int = 4):
        super().__init__()
        hidden = max(8, _hidden("coordinate attention", channels, reduction))
        self.shared = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.Hardswish()
        )
        self.row, self.column = nn.Conv2d(hidden, channels, 1), nn.Conv2d(hidden, channels, 1)

    def gate(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)`: the product of both gates."""
        height, width = x.shape[2:]
        rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)
        mixed = self.shared(torch.cat([rows, columns], dim=2))  # (N, hidden, H + W, 1)
        rows, columns = mixed.split([height, width], dim=2)
        return torch.sigmoid(self.row(rows)) * torch.sigmoid(self.column(columns.transpose(2, 3)))


ATTENTION: dict[str, Callable[[int], nn.Module]] = {
    "se": SqueezeExcitation,
    "eca": EfficientChannel,
    "cbam": ConvBlockAttention,
    "coordinate": CoordinateAttention,
}


def attention(name: str, channels: int) -> nn.Module:
    """A fresh block by name; "none" is the identity. Raises `UserError` for an unknown name."""
    if name == "none":
        return nn.Identity()
    if name not in ATTENTION:
        known = ", ".join(["none", *ATTENTION])
        raise UserError(f"no attention is called {name!r}; choose one of: {known}")
    return ATTENTION[name](channels)


class InvertedResidual(nn.Module):
    """Narrow, wide, narrow: MobileNetV2's block (Sandler et al., CVPR 2018, figure 3).

    1 x 1 expansion -> BatchNorm -> ReLU6 -> depthwise k x k -> BatchNorm -> ReLU6 -> attention ->
    linear 1 x 1 projection -> BatchNorm; plus the input, where stride and widths allow it. As in
    MobileNetV3 the attention is on the wide features. Shapes: `(N, inputs, H, W)` ->
    `(N, outputs, ceil(H / stride), ceil(W / stride))`.
    Raises `UserError` for a width below 1, an even kernel or a stride other than 1 or 2.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        expansion: int = 4,
        attend: str = "none",
    ):
        super().__init__()
        wide = inputs * expansion
        if min(inputs, outputs, wide) < 1:
            raise UserError(f"an inverted residual cannot be {inputs} -> {wide} -> {outputs} wide")
        if kernel % 2 == 0 or stride not in (1, 2):
            raise UserError(f"kernel {kernel}, stride {stride}: write an odd kernel, stride 1 or 2")
        self.expand = _unit(inputs, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _unit(wide, wide, kernel, stride, groups=wide)
        self.attention = attention(attend, wide)
        self.project = nn.Sequential(  # no activation: a narrow ReLU would lose information
            nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.attention(self.depthwise(self.expand(x))))
        return x + y if self.residual else y


class HighPass(nn.Module):
    """The image and beside it what a blur takes away: `(N, 3, H, W)` -> `(N, 6, H, W)`.

    Fixed, without weights: each colour minus its 3 x 3 binomial mean, times 8, so that residuals of
    a few grey levels weigh as much as the colours. The idea of fixed residual filters is that of
    Fridrich & Kodovsky, "Rich Models for Steganalysis", TIFS 2012; theirs are 30, quantised.
    """

    def __init__(self, gain: float = 8.0):
        super().__init__()
        kernel = gain * (_impulse(3) - _binomial(3))
        self.register_buffer("kernel", kernel.expand(3, 1, 3, 3).contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        edges = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        with torch.autocast(x.device.type, enabled=False):  # bf16 would round what is left over
            residuals = functional.conv2d(edges, self.kernel, groups=3)
        return torch.cat([x, residuals], dim=1)


class BlurPool(nn.Module):
    """Max pooling that does not alias: `(N, C, H, W)` -> `(N, C, H / 2, W / 2)`.

    The maximum over 2 x 2 at every pixel, then a 3 x 3 binomial blur and every second pixel of it:
    Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, section 3.
    """

    def __init__(self, channels: int):
        super().__init__()
        kernel = _binomial(3).expand(channels, 1, 3, 3).contiguous()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.pad(x, (0, 1, 0, 1), mode="replicate"), 2, stride=1)
        x = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        return functional.conv2d(x, self.kernel, stride=2, groups=x.shape[1])


class TopQuarter(nn.Module):
    """The mean of the highest quarter of a map, rounded up: `(N, 1, H, W)` -> `(N, 1)`."""

    def forward(self, x: Tensor) -> Tensor:
        places = x.flatten(1)  # (N, H * W)
        return places.topk(math.ceil(places.shape[1] / 4)).values.mean(1, keepdim=True)


def _binomial(side: int) -> Tensor:
    row = torch.tensor([math.comb(side - 1, k) for k in range(side)], dtype=torch.float32)
    return row[:, None] * row / row.sum() ** 2


def _impulse(side: int) -> Tensor:
    kernel = torch.zeros(side, side)
    kernel[side // 2, side // 2] = 1
    return kernel


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


def _hidden(name: str, channels: int, reduction: int) -> int:
    """Width of a bottleneck. Raises `UserError` if nothing would be left of it."""
    if channels < 1 or reduction < 1 or channels // reduction < 1:
        raise UserError(
            f"{name}: {channels} channels with reduction {reduction} leave a width of "
            f"{channels // max(reduction, 1)}; write a reduction from 1 to {max(channels, 1)}"
        )
    return channels // reduction
