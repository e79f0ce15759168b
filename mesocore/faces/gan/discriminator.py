"""The discriminator that the style-based generator is trained against.

A residual network after StyleGAN2 (Karras et al., CVPR 2020, section 4.1), with the deviation
within the minibatch as a last feature (Karras et al., ICLR 2018, section 3).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.faces.stylegan import CHANNELS, EqualLinear, lrelu

SHRUNK = math.sqrt(0.5)  # of a sum of two, to keep the variance


class EqualConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = 1 / math.sqrt(inputs * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight * self.scale, self.bias, padding="same")


class Block(nn.Module):
    """Two convolutions beside a shortcut; the side is halved by averaging."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first, self.second = EqualConv(inputs, inputs, 3), EqualConv(inputs, outputs, 3)
        self.shortcut = EqualConv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = lrelu(self.first(x))
        y = lrelu(self.second(functional.avg_pool2d(y, 2)))
        return (y + self.shortcut(functional.avg_pool2d(x, 2))) * SHRUNK


class Discriminator(nn.Module):
    """Pictures float `(N, 3, R, R)`, R a power of two from 8 to 128 -> realness logits `(N,)`.

    There is an entrance for every resolution. With `fade` below 1 the entrance of half the
    resolution still has its share (progressive growing: Karras et al., ICLR 2018).
    """

    def __init__(self):
        super().__init__()
        sides = sorted(CHANNELS, reverse=True)
        self.from_rgb = nn.ModuleDict({str(s): EqualConv(3, CHANNELS[s], 1) for s in sides})
        self.blocks = nn.ModuleDict(
            {str(s): Block(CHANNELS[s], CHANNELS[s // 2]) for s in sides if s > 4}
        )
        last = CHANNELS[4]
        self.final = EqualConv(last + 1, last, 3)
        self.dense, self.logit = EqualLinear(last * 16, last), EqualLinear(last, 1)

    def forward(self, pictures: Tensor, fade: float = 1.0) -> Tensor:
        side = pictures.shape[-1]
        x = lrelu(self.from_rgb[str(side)](pictures))
        x = self.blocks[str(side)](x)
        if fade < 1:
            half = functional.avg_pool2d(pictures, 2)
            x = fade * x + (1 - fade) * lrelu(self.from_rgb[str(side // 2)](half))
        while (side := side // 2) > 4:
            x = self.blocks[str(side)](x)
        x = torch.cat([x, deviation(x)], dim=1)
        x = lrelu(self.final(x)).flatten(1)
        return self.logit(lrelu(self.dense(x)))[:, 0]


def deviation(x: Tensor, group: int = 4) -> Tensor:
    """How much images of a group differ, one constant map `(N, 1, H, W)`: collapse shows here."""
    n = len(x)
    group = math.gcd(group, n)
    stacked = x.view(group, n // group, *x.shape[1:])
    spread = (stacked.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))  # (n / group,)
    return spread.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])
