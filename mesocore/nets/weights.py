"""The one door through which weights come into a network: names, shapes, types and values.

A file of weights may be damaged or a stranger's. Nothing of it is read before its names, shapes and
types are known to fit, and no network leaves here whose score could not be a number.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from mesocore.core.errors import UserError, one_line
from mesocore.core.tensor_files import open_tensors

_TYPES = {torch.float32: "F32", torch.int64: "I64"}  # of networks here, as safetensors says them
_NAMED = 3  # names that an error lists


def load_weights(model: nn.Module, path: Path, size: int) -> None:
    """Fills `model`, freshly built for `size` px, from a safetensors file, and leaves it in eval
    mode. Of a narrower network it takes over the widths.

    Raises `UserError` if the file does not fit `model`, or as `check_weights` does.
    """
    own = model.state_dict()
    with open_tensors(path) as file:
        names = set(file.keys())
        _check_names(path, names, set(own))
        narrower = False
        for name, value in own.items():
            piece = file.get_slice(name)
            shape, kind = tuple(piece.get_shape()), piece.get_dtype()
            if kind != _TYPES[value.dtype]:
                raise UserError(f"{path}: {name} is {kind}, not {_TYPES[value.dtype]}")
            if not _fits(shape, tuple(value.shape)):
                raise UserError(f"{path}: {name} is {shape}, where {tuple(value.shape)} is wanted")
            narrower |= shape != value.shape
        state = {name: file.get_tensor(name) for name in names}
    if narrower:
        fit_widths(model, state)
    try:
        model.load_state_dict(state)
        check_weights(model)
        model.eval()
        if narrower:
            with torch.inference_mode():  # do the widths meet?
                model(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    except UserError as reason:
        raise UserError(f"{path}: {reason}") from None
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"{path} holds layers that do not fit together ({one_line(error)})"
        ) from error


def check_weights(model: nn.Module) -> None:
    """Raises `UserError` if a weight is not finite, or a variance of BatchNorm is negative."""
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            continue
        if not value.isfinite().all():
            raise UserError(f"{name} has infinite or nan values, which give no score")
        if name.endswith("running_var") and (value < 0).any():
            raise UserError(f"{name} has negative values, which are no variances")


def fit_widths(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Gives `model`, freshly built, the widths of the narrower network that `state` was saved from.

    The values are not taken over. Raises `KeyError` if `state` lacks a layer.
    """
    for name, module in model.named_modules():
        if not isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            continue
        shape = state[f"{name}.weight"].shape
        if isinstance(module, nn.Conv2d):
            depthwise = module.groups == module.in_channels and module.groups > 1
            module.groups = shape[0] if depthwise else module.groups
            module.out_channels, module.in_channels = shape[0], shape[1] * module.groups
        elif isinstance(module, nn.Linear):
            module.out_features, module.in_features = shape
        else:
            module.num_features = shape[0]
        for kind in ("weight", "bias"):
            if getattr(module, kind) is not None:
                value = torch.zeros_like(state[f"{name}.{kind}"])
                setattr(module, kind, nn.Parameter(value))
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.zeros(shape)
            module.running_var = torch.ones(shape)


def _check_names(path: Path, names: set[str], wanted: set[str]) -> None:
    for what, found in (("lacks", wanted - names), ("holds, beyond the network,", names - wanted)):
        if found:
            listed = ", ".join(one_line(name, 80) for name in sorted(found)[:_NAMED])
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            raise UserError(f"{path} {what} {listed}{more}")


def _fits(shape: tuple[int, ...], own: tuple[int, ...]) -> bool:
    """The same, or narrower in what structured pruning makes narrower: channels, not kernels."""
    return (
        len(shape) == len(own)
        and shape[2:] == own[2:]
        and all(0 < side <= most for side, most in zip(shape, own, strict=True))
    )
