"""Keras' activations, options of a layer or layers of their own, as PyTorch modules; and where
they go in ours."""

import math
from collections.abc import Callable

from torch import nn

from mesocore.core.errors import UserError
from mesocore.nets.keras.files import Layer, snake_case
from mesocore.nets.mesonet import ConvBlock, MesoNet

BY_NAME: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),  # Keras' slope for the name alone
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(dim=1),  # over channels, which Keras has last
}
LAYERS = ("activation", "re_lu", "leaky_re_lu", "elu", "softmax")


def activation(layer: Layer) -> nn.Module:
    """What a layer of a whole model is (one of `LAYERS`) or applies to its sums; else identity.

    Raises `UserError` for an activation that is not known here.
    """
    if layer.kind in LAYERS[1:]:
        return _module(layer)
    given = layer.config.get("activation")
    if isinstance(given, dict):  # a layer as an option, or a function as some versions write it
        if not isinstance(given["config"], str):
            kind = snake_case(given["class_name"])
            return _module(Layer(kind, layer.name, config=given["config"]))
        given = given["config"]
    given = "linear" if given is None else given
    if given not in BY_NAME:
        raise _unknown(given, layer.name)
    return BY_NAME[given]()


def number(layer: Layer, option: str, above: float = -math.inf) -> float:
    """An option of a layer that has to be a finite number larger than `above`.

    Raises `UserError` if it is none.
    """
    value = layer.config.get(option)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = float(value)
        if math.isfinite(value) and value > above:
            return value
    raise UserError(f"has {option} {value!r} in its layer {layer.name}, where a finite number "
                    f"{f'above {above:g} ' if above > -math.inf else ''}is wanted")  # fmt: skip


def _module(layer: Layer) -> nn.Module:
    kind, config = layer.kind, layer.config
    if kind == "leaky_re_lu":
        return nn.LeakyReLU(number(layer, "negative_slope" if "negative_slope" in config else
                                   "alpha"))  # fmt: skip
    if kind == "elu":
        return nn.ELU(number(layer, "alpha"))
    if kind == "softmax" and config.get("axis", -1) == -1:
        return nn.Softmax(dim=1)
    if kind == "re_lu" and config.get("max_value") is None and not config.get("threshold"):
        slope = number(layer, "negative_slope") if config.get("negative_slope") else 0.0
        return nn.LeakyReLU(slope) if slope else nn.ReLU()
    raise _unknown(kind, layer.name)


def _unknown(what: str, name: str) -> UserError:
    return UserError(f"applies {what} in its layer {name}, or with options that are not "
                     f"reproduced here; known are: {', '.join(BY_NAME)}")  # fmt: skip


def output_units(layer: Layer, after: list[nn.Module]) -> int:
    """How many units the last layer has: one under a sigmoid, or two under a softmax.

    Raises `UserError` for another output.
    """
    units = layer.config.get("units")
    if type(units) is int and (units, [type(m) for m in after]) in (
        (1, [nn.Sigmoid]),
        (2, [nn.Softmax]),
    ):
        return units
    what = " then ".join(type(m).__name__.lower() for m in after) or "no activation"
    raise UserError(f"ends in {units} units with {what}; readable are one with sigmoid and two "
                    "with softmax")  # fmt: skip


def put_in(model: MesoNet, after: dict[nn.Module, tuple[Layer, list[nn.Module]]]) -> None:
    """Replaces the activations of `model` by a file's: `after` has those behind its modules.

    Raises `UserError` for one where the network has no place for it.
    """

    def take(module: nn.Module) -> nn.Module:
        _, found = after.pop(module, (None, []))
        return found[0] if len(found) == 1 else nn.Sequential(*found) if found else nn.Identity()

    for parent in [m for m in model.modules() if isinstance(m, nn.Sequential)]:
        for index, child in enumerate(parent):
            if isinstance(child, nn.ReLU | nn.LeakyReLU):  # it follows a convolution or the dense
                parent[index] = take(parent[index - 1])
    for block in model.features:
        if isinstance(block, ConvBlock) and isinstance(block[1], nn.Identity) and block[2] in after:
            block[1], block[2] = block[2], take(block[2])  # Conv -> BatchNorm -> ReLU
    for layer, _ in after.values():
        raise UserError(f"has an activation behind its layer {layer.name}, where "
                        f"{type(model).__name__} has none")  # fmt: skip
