"""The models by name: Meso-4, MesoInception-4, MesoNetPlus and its parts, ensembles of them.

Each takes `uint8 (N, 3, S, S)` RGB and returns one logit per image, `float32 (N,)`; positive means
fake.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mesocore.core.errors import UserError
from mesocore.nets.inputs import check_size
from mesocore.nets.layers import ATTENTION
from mesocore.nets.mesonet import Meso4, MesoInception4
from mesocore.nets.mesonet_plus import MesoNetPlus
from mesocore.nets.mobilenet import MobileNetV3Small

MOST_MEMBERS = 100  # of an ensemble


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
    "cooccurrences": {"cooccurrences": True},
    "kinds": {"kinds": True},
    "kernel3": {"kernel3": True},
    "dilated": {"dilated": True},
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
