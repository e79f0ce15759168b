"""Meso-4 and MesoInception-4, as their authors published them, in PyTorch.

Source: Afchar, Nozick, Yamagishi, Echizen, "MesoNet: a Compact Facial Video Forgery Detection
Network", WIFS 2018, and the Keras code its authors released. Every model of this package takes
`uint8 (N, 3, S, S)` RGB and returns one logit per image, `float32 (N,)`; positive means fake.

How these two differ from the published code, and nothing else does:
- logits instead of a sigmoid, and fake is the positive class (the Keras weights mean P(real));
- any size that is a multiple of 16 from 64 to 2048; at 256 the shapes are the published ones;
- the flattened features are in PyTorch's C, H, W order; keras_weights.py reorders imported ones.
"""

import math

import torch
from torch import Tensor, nn

from mesocore.core.errors import UserError
from mesocore.nets.inputs import check_size, to_unit


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Keras' defaults in PyTorch's terms: its momentum 0.99 is 0.01 here, its epsilon 1e-3."""
    return nn.BatchNorm2d(channels, momentum=0.01, eps=1e-3)


class ConvBlock(nn.Sequential):
    """Conv -> ReLU -> BatchNorm -> MaxPool, in this order: the norm follows the activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, pool: int, dilation: int = 1):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding="same", dilation=dilation),
            nn.ReLU(),
            batch_norm(outputs),
            nn.MaxPool2d(pool, ceil_mode=True),  # Keras' "same" pooling keeps the last rest
        )


class InceptionBlock(nn.Module):
    """Four parallel views of one input, side by side: `(N, C, H, W)` -> `(N, a+b+c+d, H, W)`.

    1x1 (a); 1x1 -> 3x3 (b); 1x1 -> 3x3 dilated by 2 (c); 1x1 -> 3x3 dilated by 3 (d), a ReLU
    after every convolution.
    """

    def __init__(self, inputs: int, a: int, b: int, c: int, d: int):
        super().__init__()
        self.branches = nn.ModuleList([nn.Sequential(nn.Conv2d(inputs, a, 1), nn.ReLU())])
        for outputs, dilation in ((b, 1), (c, 2), (d, 3)):
            self.branches.append(
                nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1),
                    nn.ReLU(),
                    nn.Conv2d(outputs, outputs, 3, padding=dilation, dilation=dilation),
                    nn.ReLU(),
                )
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class MesoNet(nn.Module):
    """What both networks share: features at 1/32 of the resolution, then two dense layers.

    `one_size`: whether those layers need the features of images of one size.
    """

    one_size = True

    def __init__(self, features: nn.Sequential, size: int, keras: bool = True):
        super().__init__()
        cells = math.ceil(check_size(size) / 32) ** 2  # 8 x 8 at 256 px
        self.size = size
        self.features = features
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(16 * cells, 16),
            nn.LeakyReLU(0.1),
            nn.Dropout(0.5),
            nn.Linear(16, 1),
        )
        (self if keras else self.classifier).apply(_keras_init)

    def check(self, images: Tensor) -> None:
        """Raises `UserError` for images of a size that the model does not take."""
        if self.one_size and images.shape[-2:] != (self.size, self.size):
            raise UserError(
                f"the model was built for {self.size} px but got images of "
                f"{images.shape[-1]} x {images.shape[-2]}; build it with that size, or resize"
            )

    def forward(self, images: Tensor) -> Tensor:
        self.check(images)
        x = self.features(to_unit(images))  # (N, 16, S/32, S/32)
        return self.classifier(x).squeeze(1)  # (N,)


def meso4_blocks(inputs: int, kernel: int = 5, dilation: int = 1) -> list[nn.Module]:
    """`kernel` of all convolutions but the first, `dilation` of the last two."""
    return [
        ConvBlock(inputs, 8, kernel=3, pool=2),
        ConvBlock(8, 8, kernel, pool=2),
        ConvBlock(8, 16, kernel, pool=2, dilation=dilation),
        ConvBlock(16, 16, kernel, pool=4, dilation=dilation),
    ]


class Meso4(MesoNet):
    """Meso-4: four convolutions, 27,977 trainable parameters at 256 px."""

    def __init__(self, size: int = 256):
        super().__init__(nn.Sequential(*meso4_blocks(3)), size)


class MesoInception4(MesoNet):
    """MesoInception-4: the first two convolutions become inception blocks; 28,615 parameters."""

    def __init__(self, size: int = 256):
        features = nn.Sequential(
            InceptionBlock(3, 1, 4, 4, 2),
            batch_norm(11),
            nn.MaxPool2d(2, ceil_mode=True),
            InceptionBlock(11, 2, 4, 4, 2),
            batch_norm(12),
            nn.MaxPool2d(2, ceil_mode=True),
            ConvBlock(12, 16, kernel=5, pool=2),
            ConvBlock(16, 16, kernel=5, pool=4),
        )
        super().__init__(features, size)


def _keras_init(module: nn.Module) -> None:
    # Keras' default, Glorot uniform with zero biases; PyTorch's own would start elsewhere
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:  # attention has convolutions without
            nn.init.zeros_(module.bias)
