"""Meso-4 and MesoInception-4, as their authors published them, and MesoNetPlus, in PyTorch.

Source: Afchar, Nozick, Yamagishi, Echizen, "MesoNet: a Compact Facial Video Forgery Detection
Network", WIFS 2018, and the Keras code its authors released. Every model here takes
`uint8 (N, 3, S, S)` RGB and returns one logit per image, `float32 (N,)`; positive means fake.

How the first two differ from the published code, and nothing else does:
- logits instead of a sigmoid, and fake is the positive class (the Keras weights mean P(real));
- any size that is a multiple of 16 from 64 to 2048; at 256 the shapes are the published ones;
- the flattened features are in PyTorch's C, H, W order; keras_weights.py reorders imported ones.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mesocore.core.errors import UserError
from mesocore.nets.inputs import check_size, to_unit
from mesocore.nets.layers import (
    ATTENTION,
    BlurPool,
    HighPass,
    InvertedResidual,
    TopQuarter,
    attention,
)
from mesocore.nets.mobilenet import MobileNetV3Small

MOST_MEMBERS = 100  # of an ensemble


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Keras' defaults in PyTorch's terms: its momentum 0.99 is 0.01 here, its epsilon 1e-3."""
    return nn.BatchNorm2d(channels, momentum=0.01, eps=1e-3)


class ConvBlock(nn.Sequential):
    """Conv -> ReLU -> BatchNorm -> MaxPool, in this order: the norm follows the activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, pool: int):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding="same"),
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
                    nn.Conv2d(outputs, outputs, 3, padding="same", dilation=dilation),
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

    def forward(self, images: Tensor) -> Tensor:
        if self.one_size and images.shape[-2:] != (self.size, self.size):
            raise UserError(
                f"the model was built for {self.size} px but got images of "
                f"{images.shape[-1]} x {images.shape[-2]}; build it with that size, or resize"
            )
        x = self.features(to_unit(images))  # (N, 16, S/32, S/32)
        return self.classifier(x).squeeze(1)  # (N,)


def _meso4_blocks(inputs: int) -> list[nn.Module]:
    return [
        ConvBlock(inputs, 8, kernel=3, pool=2),
        ConvBlock(8, 8, kernel=5, pool=2),
        ConvBlock(8, 16, kernel=5, pool=2),
        ConvBlock(16, 16, kernel=5, pool=4),
    ]


class Meso4(MesoNet):
    """Meso-4: four convolutions, 27,977 trainable parameters at 256 px."""

    def __init__(self, size: int = 256):
        super().__init__(nn.Sequential(*_meso4_blocks(3)), size)


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


class MesoNetPlus(MesoNet):
    """Meso-4 with parts exchanged or added, each alone or together; without any it is Meso-4.

    - `inverted`: other features, to the same 16 channels at 1/32 of the resolution: two plain
      convolutions, where the picture is large and wide features would be slow, then five inverted
      residuals. They are initialised and normalised as is usual now (Conv -> BatchNorm -> ReLU).
    - `attend`: a kind of attention (`layers.ATTENTION`); in the inverted residuals, or behind each
      of Meso-4's own convolutions where there are none.
    - `highpass`: fixed high-pass residuals beside the three colours.
    - `blur`: the first two poolings do not alias.
    - `pooled`: inverted residuals of a third more channels, and the mean over all places (global
      average pooling: Lin, Chen, Yan, "Network in Network", ICLR 2014) before one dense layer, so
      that what is found counts wherever it is. The two go together: without the large dense layer
      there are weights to spare.
    - `patches`: as `pooled`, but each place has a score of its own, and the verdict is the mean of
      the top quarter: the idea of LaDeDa (Cavia et al., arXiv 2406.09398), whose patches are of
      9 x 9 pixels and which takes the mean of all; a forgery may be in one part of a face.

    Raises `UserError` for `pooled` or `patches` without `inverted`, or for both.
    """

    def __init__(
        self,
        size: int = 256,
        inverted: bool = False,
        attend: str = "none",
        highpass: bool = False,
        blur: bool = False,
        pooled: bool = False,
        patches: bool = False,
    ):
        everywhere = pooled or patches
        if everywhere and not inverted or pooled and patches:
            raise UserError("pooled and patches go with inverted residuals, and not together: "
                            "write meso4+inverted+pooled")  # fmt: skip
        colours = 6 if highpass else 3
        blocks = (
            _inverted_blocks(colours, attend, everywhere) if inverted else _meso4_blocks(colours)
        )
        if blur:
            for block in blocks[:2]:
                block[-1] = BlurPool(block[0].out_channels)
        if not inverted and attend != "none":
            blocks = [x for b in blocks for x in (b, attention(attend, b[0].out_channels))]
        features = nn.Sequential(*([HighPass()] if highpass else []), *blocks)
        super().__init__(features, size, keras=not inverted)
        self.one_size = not everywhere
        if pooled:
            mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.classifier = nn.Sequential(mean, nn.Dropout(0.2), nn.Linear(96, 1))
        elif patches:
            self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Conv2d(96, 1, 1), TopQuarter())


def _inverted_blocks(inputs: int, attend: str, everywhere: bool) -> list[nn.Module]:
    widths = (16, 32, 48, 48, 64, 64) if everywhere else (16, 24, 32, 32, 48, 48)
    strides = (1, 2, 1, 2, 1)
    plan = zip(widths[:-1], widths[1:], strides, strict=True)
    last = (96, nn.Identity()) if everywhere else (16, nn.AvgPool2d(2, ceil_mode=True))
    return [
        _plain(inputs, 8, 3, nn.MaxPool2d(2)),
        _plain(8, 16, 3, nn.MaxPool2d(2)),
        *(InvertedResidual(i, o, 3, stride, 3, attend) for i, o, stride in plan),
        _plain(widths[-1], last[0], 1, last[1]),
    ]


def _plain(inputs: int, outputs: int, kernel: int, pool: nn.Module) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), pool)


class Ensemble(nn.Module):
    """Several models as one: the mean of their logits.

    Lakshminarayanan, Pritzel, Blundell, "Simple and Scalable Predictive Uncertainty Estimation
    using Deep Ensembles", NeurIPS 2017; theirs averages probabilities.
    """

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([member(images) for member in self.members]).mean(0)  # (N,)


MODELS: dict[str, Callable[..., nn.Module]] = {
    "meso4": Meso4,
    "mesoinception4": MesoInception4,
    "mobilenet_v3_small": MobileNetV3Small,
}
NETWORK_PARTS: dict[str, dict] = {
    "inverted": {"inverted": True},
    "highpass": {"highpass": True},
    "blur": {"blur": True},
    "pooled": {"pooled": True},
    "patches": {"patches": True},
    **{kind: {"attend": kind} for kind in ATTENTION},
}
CHOSEN = "meso4+inverted+highpass"  # on validation; see chapter 3


def full_name(name: str) -> str:
    """What a run records: the parts behind `mesonetplus`, which may change; other names as is."""
    return CHOSEN if name == "mesonetplus" else name


def build(name: str, size: int = 256) -> nn.Module:
    """A freshly initialised model by name.

    A name is one of `MODELS`, `mesonetplus`, or `meso4` with parts of MesoNetPlus:
    `meso4+inverted+se`. `3*NAME` is an ensemble of three. Raises `UserError` for an unknown name
    or part, two kinds of attention, or more than `MOST_MEMBERS`.
    """
    count, star, member = name.partition("*")
    if star and count.isascii() and count.isdecimal() and count[0] != "0" and count != "1":
        if len(count) > 3 or int(count) > MOST_MEMBERS or "*" in member:
            raise UserError(f"{name[:80]!r}: an ensemble has at most {MOST_MEMBERS} members, which "
                            "are no ensembles")  # fmt: skip
        return Ensemble([build(member, size) for _ in range(int(count))])
    if name in MODELS:
        return MODELS[name](size=size)
    base, *parts = full_name(name).split("+")
    if base != "meso4" or not parts or not set(parts) <= set(NETWORK_PARTS):
        names = ", ".join([*MODELS, "mesonetplus"])
        raise UserError(
            f"no model is called {name[:80]!r}; choose one of: {names}, or meso4 with parts: "
            f"meso4+inverted+se. Parts: {', '.join(NETWORK_PARTS)}"
        )
    if len(set(parts)) < len(parts) or len(set(parts) & set(ATTENTION)) > 1:
        raise UserError(f"{name!r}: name each part once, and one kind of attention")
    options = [item for part in parts for item in NETWORK_PARTS[part].items()]
    return MesoNetPlus(size, **dict(options))


def check_crop(name: str, size: int, crop: int) -> None:
    """Raises `UserError` unless a model of that size can be trained on squares of `crop` pixels."""
    if not {"pooled", "patches"} & set(full_name(name).split("+")):
        raise UserError(f"crop: {name} takes images of one size; add pooled or patches to its name")
    if check_size(crop) >= size:
        raise UserError(f"crop: {crop} px are no part of images of {size} px; write less")


def parameter_count(model: nn.Module) -> int:
    """Trainable parameters (BatchNorm's running statistics are not among them)."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _keras_init(module: nn.Module) -> None:
    # Keras' default, Glorot uniform with zero biases; PyTorch's own would start elsewhere
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:  # attention has convolutions without
            nn.init.zeros_(module.bias)
