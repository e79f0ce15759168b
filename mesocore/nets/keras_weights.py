"""The published MesoNet weights (Keras HDF5), read with h5py into the PyTorch models, and back.

Three things must be turned round, and a port that forgets one still runs:
- kernels are (H, W, in, out) in Keras and (out, in, H, W) here;
- the first dense layer counts its 1024 inputs in H, W, C order, ours in C, H, W order;
- the published output is P(real), ours the logit of P(fake): the last layer changes sign.
"""

import re
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.nets.models import MesoNet, build

# How the published figures were computed: the whole image squashed to 256 px, nearest neighbour.
PREPARATION = Preparation(size=256, fit="squash", resample="nearest", quality=None)


def load_keras(path: str | Path) -> MesoNet:
    """Builds Meso4 or MesoInception4 (told apart by the layers in the file), 256 px, eval mode.

    Raises `UserError` if the file is missing, is no HDF5 file, or holds another network.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with h5py.File(path) as file:
            layers = _layers(file)
    except OSError as error:
        raise UserError(f"{path} is not an HDF5 weight file ({error})") from error
    convolutions = sum(kind == "conv2d" for kind, _ in layers)
    model = build("meso4" if convolutions == 4 else "mesoinception4")
    targets = _targets(model)
    if [kind for kind, _ in layers] != [kind for kind, _ in targets]:
        raise UserError(f"{path} holds neither Meso4 nor MesoInception4 weights")
    for (_, arrays), (_, module) in zip(layers, targets, strict=True):
        _copy(arrays, module, path)
    with torch.no_grad():
        first, last = model.classifier[2], model.classifier[5]
        hwc = first.weight.view(16, 8, 8, 16)  # (out, H, W, C), as the file counts its inputs
        first.weight.copy_(hwc.permute(0, 3, 1, 2).reshape(16, 1024).clone())  # (out, C*H*W)
        last.weight.neg_()
        last.bias.neg_()
    return model.eval()


def _layers(file: h5py.File) -> list[tuple[str, dict[str, np.ndarray]]]:
    # Keras numbers layers as they are created, per kind, across a session: sort by that number
    found = []
    for name, group in file.items():
        match = re.fullmatch(r"(conv2d|batch_normalization|dense)_(\d+)", name)
        if match and name in group:
            arrays = {key.split(":")[0]: np.asarray(value) for key, value in group[name].items()}
            found.append((match[1], int(match[2]), arrays))
    return [(kind, arrays) for kind, _, arrays in sorted(found, key=lambda item: item[:2])]


def _targets(model: nn.Module) -> list[tuple[str, nn.Module]]:
    kinds = {nn.BatchNorm2d: "batch_normalization", nn.Conv2d: "conv2d", nn.Linear: "dense"}
    modules = [(kinds[type(m)], m) for m in model.modules() if type(m) in kinds]
    return sorted(modules, key=lambda item: item[0])  # stable: keeps the order of creation


def _copy(arrays: dict[str, np.ndarray], module: nn.Module, path: Path) -> None:
    if isinstance(module, nn.BatchNorm2d):
        pairs = {
            "gamma": module.weight,
            "beta": module.bias,
            "moving_mean": module.running_mean,
            "moving_variance": module.running_var,
        }
    else:
        axes = (3, 2, 0, 1) if isinstance(module, nn.Conv2d) else (1, 0)
        arrays = {**arrays, "kernel": arrays["kernel"].transpose(axes)}
        pairs = {"kernel": module.weight, "bias": module.bias}
    for name, target in pairs.items():
        if tuple(target.shape) != arrays[name].shape:
            raise UserError(f"{path} holds neither Meso4 nor MesoInception4 weights ({name})")
        with torch.no_grad():
            target.copy_(torch.from_numpy(np.ascontiguousarray(arrays[name])))


def save_keras(model: MesoNet, path: str | Path) -> None:
    """Writes a 256 px Meso4 or MesoInception4 in the published layout, P(real) as its output.

    The inverse of `load_keras`: what was trained here runs in the authors' Keras code.
    """
    if model.size != 256:
        raise UserError(
            f"the published layout is for 256 px; this model was built for {model.size}"
        )
    tensors = {id(module): _keras_arrays(module) for _, module in _targets(model)}
    first, last = tensors[id(model.classifier[2])], tensors[id(model.classifier[5])]
    chw = first["kernel"].reshape(16, 8, 8, 16)  # (C, H, W, out)
    first["kernel"] = chw.transpose(1, 2, 0, 3).reshape(1024, 16)  # (H*W*C, out)
    last["kernel"], last["bias"] = -last["kernel"], -last["bias"]
    with h5py.File(path, "w") as file:
        numbers: dict[str, int] = {}
        for kind, module in _targets(model):
            numbers[kind] = numbers.get(kind, 0) + 1
            name = f"{kind}_{numbers[kind]}"
            for key, array in tensors[id(module)].items():
                file.create_dataset(f"{name}/{name}/{key}:0", data=array)


def _keras_arrays(module: nn.Module) -> dict[str, np.ndarray]:
    def array(tensor: torch.Tensor) -> np.ndarray:
        return tensor.detach().numpy().copy()

    if isinstance(module, nn.BatchNorm2d):
        return {
            "gamma": array(module.weight),
            "beta": array(module.bias),
            "moving_mean": array(module.running_mean),
            "moving_variance": array(module.running_var),
        }
    axes = (2, 3, 1, 0) if isinstance(module, nn.Conv2d) else (1, 0)
    return {"kernel": array(module.weight).transpose(axes), "bias": array(module.bias)}
