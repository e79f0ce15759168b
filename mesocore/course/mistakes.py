"""Mistakes that anyone makes, on purpose: faulty ports of Meso-4, an empty block, wrong pruning.

All of them run without a complaint. A port takes a `Meso4` and returns a
changed copy in eval mode; the weights are those of the original, so what differs between the
answers is the mistake alone.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune

from mesocore.nets import pruning
from mesocore.nets.layers import Attention
from mesocore.nets.mesonet import Meso4


def flatten_not_reordered(model: Meso4) -> Meso4:
    """The first dense layer as an import leaves it that forgets the H, W, C order of the file."""
    port = _copy(model)
    dense = port.classifier[2]
    channels = port.features[-1][0].out_channels
    side = round((dense.in_features / channels) ** 0.5)
    chw = dense.weight.data.view(-1, channels, side, side)
    dense.weight.data = chw.permute(0, 2, 3, 1).flatten(1)  # as in the file, used on C, H, W
    return port


def shared_norm(model: Meso4) -> Meso4:
    """One BatchNorm object for the first two convolutions and one for the last two."""
    port = _copy(model)
    port.features[1][2] = port.features[0][2]
    port.features[3][2] = port.features[2][2]
    return port


def norm_before_relu(model: Meso4) -> Meso4:
    """Conv -> BatchNorm -> ReLU, the order that most later networks have."""
    port = _copy(model)
    for block in port.features:
        block[1], block[2] = block[2], block[1]
    return port


def relu_then_leaky(model: Meso4) -> Meso4:
    """A ReLU in front of the LeakyReLU, which then has nothing left to leak."""
    port = _copy(model)
    port.classifier[3] = nn.Sequential(nn.ReLU(), port.classifier[3])
    return port


def default_epsilon(model: Meso4) -> Meso4:
    """PyTorch's default epsilon, 1e-5, in place of Keras' 1e-3."""
    port = _copy(model)
    for module in port.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5
    return port


def real_read_as_fake(model: Meso4) -> Meso4:
    """P(real), which the published code gives, taken for P(fake)."""
    port = _copy(model)
    port.classifier[-1].weight.data.neg_()
    port.classifier[-1].bias.data.neg_()
    return port


FAULTY_PORTS: dict[str, Callable[[Meso4], Meso4]] = {
    "flatten order forgotten": flatten_not_reordered,
    "one BatchNorm for two layers": shared_norm,
    "BatchNorm before ReLU": norm_before_relu,
    "ReLU, then LeakyReLU": relu_then_leaky,
    "epsilon 1e-5": default_epsilon,
    "P(real) read as P(fake)": real_read_as_fake,
}


def refresh_norms(model: Meso4, images: Tensor, momentum: float, batch: int = 32) -> Meso4:
    """A copy whose running averages were gathered anew from `images`, with PyTorch's `momentum`.

    `images` uint8 `(N, 3, S, S)`, in the order in which training would see them. The weights stay:
    this is what a momentum read the wrong way round does to a network at the end of training.
    """
    port = _copy(model)
    for module in port.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = momentum
            module.train()
    with torch.no_grad():
        for part in images.split(batch):
            port(part)
    return port.eval()


class EmptySqueeze(Attention):
    """Squeeze-and-excitation with a reduction of 16 wherever it stands: in front of fewer than 16
    channels its bottleneck, `channels // 16` wide, is empty."""

    def __init__(self, channels: int):
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // 16)
        self.excite = nn.Linear(channels // 16, channels)

    def gate(self, x: Tensor) -> Tensor:
        """`(N, C, 1, 1)`."""
        hidden = functional.relu(self.squeeze(x.mean((2, 3))))  # (N, 0) below 16 channels
        return torch.sigmoid(self.excite(hidden))[:, :, None, None]


def faulty_pruning(
    model: nn.Module, batches: list[tuple[Tensor, Tensor]], amount: float
) -> nn.Module:
    """Meant to prune "globally" and to fine-tune. It has three common bugs; do not use it."""
    optimiser = torch.optim.Adam(copy.deepcopy(model).parameters(), 1e-2)
    for layer in pruning.in_scope(model).values():
        prune.l1_unstructured(layer, "weight", amount=amount)
        prune.remove(layer, "weight")
    for images, labels in batches:
        optimiser.zero_grad()
        functional.binary_cross_entropy_with_logits(model(images), labels).backward()
        optimiser.step()
    return model


def _copy(model: Meso4) -> Meso4:
    return copy.deepcopy(model).eval()
