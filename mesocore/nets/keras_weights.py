"""MesoNet weights of Keras, put into the PyTorch models; and back, in the published layout.

Three things must be turned round, and a port that forgets one still runs:
- kernels are (H, W, in, out) in Keras and (out, in, H, W) here;
- the first dense layer counts its 1024 inputs in H, W, C order, ours in C, H, W order;
- the published output is P(real), ours the logit of P(fake): the last layer changes sign.

A whole model tells its activations, BatchNorm's epsilon and its size; they are taken over. A file
of weights alone is taken to be for the published code: ReLU, LeakyReLU of slope 0.1, 256 px.
"""

import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn

from mesocore.core.errors import UserError, one_line
from mesocore.core.images import Preparation
from mesocore.nets.inputs import LARGEST, SMALLEST
from mesocore.nets.keras import files
from mesocore.nets.keras.activations import LAYERS, activation, number, output_units, put_in
from mesocore.nets.keras.files import BRANCH, WITH_WEIGHTS, Layer
from mesocore.nets.mesonet import InceptionBlock, MesoNet
from mesocore.nets.models import build

# How the published figures were computed: the whole image squashed to 256 px, nearest neighbour.
PREPARATION = Preparation(size=256, fit="squash", resample="nearest", quality=None)
CONVOLUTIONS = {4: "meso4", 16: "mesoinception4"}
KINDS = {
    nn.Conv2d: "conv2d",
    nn.BatchNorm2d: "batch_normalization",
    nn.MaxPool2d: "max_pooling2d",
    nn.Flatten: "flatten",
    nn.Linear: "dense",
}
# do nothing once a model is trained
IDLE = ("input", "input_layer", "dropout", "spatial_dropout2d", "gaussian_noise")
# axes of kernels: (H, W, in, out) there and (out, in, H, W) here
FROM_KERAS, TO_KERAS = {4: (3, 2, 0, 1), 2: (1, 0)}, {4: (2, 3, 1, 0), 2: (1, 0)}
TELLS_NOT = "a file of weights alone does not tell; save the whole model, as NAME.keras"
# an inception block's convolutions in the order of Keras' model.layers, by order of creation
BY_DEPTH = (1, 3, 5, 0, 2, 4, 6)
# arrays that a layer may lack, and the option that says so
OPTIONAL = {"bias": "use_bias", "gamma": "scale", "beta": "center"}
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError,
          OverflowError, zipfile.BadZipFile, zlib.error)  # fmt: skip


def load_keras(path: str | Path, fake_class: int = 0) -> MesoNet:
    """Builds Meso4 or MesoInception4 (told apart by their convolutions) in eval mode.

    `path`: HDF5 weights or a whole model of Keras 2, tf.keras or Keras 3, `.weights.h5`, `.keras`.
    `fake_class`: the class that means fake where the file's output is P(class 1), as a sigmoid's
    is; 0 for the published weights.

    Raises `UserError` with the reason if the file is missing, damaged, or holds what neither
    network can do.
    """
    path = Path(path)
    if fake_class not in (0, 1):
        raise UserError(f"fake class {fake_class!r}: write 0 or 1")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        layers, whole = files.read_layers(path)
        model = _whole_model(layers) if whole else _weights_alone(layers)
    except UserError as reason:
        raise UserError(f"{path} {one_line(reason)}") from None
    except DAMAGE as error:
        raise UserError(f"{path} is damaged, or not of Keras ({one_line(error)})") from error
    with torch.no_grad():
        first, last = model.classifier[2], model.classifier[5]
        side = math.isqrt(first.in_features // 16)
        hwc = first.weight.view(16, side, side, 16)  # (out, H, W, C), as the file counts its inputs
        first.weight.copy_(hwc.permute(0, 3, 1, 2).flatten(1).clone())  # (out, C*H*W)
        if fake_class == 0:
            last.weight.neg_()
            last.bias.neg_()
    return model.eval()


def _whole_model(layers: list[Layer]) -> MesoNet:
    size = _size(layers)
    steps = _steps(layers)
    model = build(_architecture([layer for layer, _ in steps]), size)
    plan, net = list(_plan(model)), type(model).__name__
    for index, (layer, _) in enumerate(steps):
        wanted = plan[index][0] if index < len(plan) else "nothing more"
        if layer.kind != wanted:
            raise UserError(f"has {_named(layer)} where {net} has {wanted}")
    if len(steps) < len(plan):
        raise UserError(f"ends before the {plan[len(steps)][0]} of {net}")
    units = output_units(*steps[-1])
    for (layer, _), (_, module) in zip(steps, plan, strict=True):
        _check_options(layer, module, net)
        if layer.kind in WITH_WEIGHTS:
            _copy(layer, module, units if layer is steps[-1][0] else None)
    put_in(model, {module: (layer, after) for (layer, after), (_, module)
                      in zip(steps[:-1], plan[:-1], strict=True) if after})  # fmt: skip
    return model


def _size(layers: list[Layer]) -> int:
    shapes = (layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
              for layer in layers)  # fmt: skip
    _, height, width, channels = next(filter(None, shapes), (None, 256, 256, 3))
    # other sides are padded at the left too, which ours are not
    square = type(height) is int and height == width and channels == 3 and not height % 32
    if not square or not SMALLEST <= height <= LARGEST:
        raise UserError(
            f"takes images of {width} x {height} pixels in {channels} channels; readable are "
            f"squares in 3 whose side is a multiple of 32 from {SMALLEST} to {LARGEST}"
        )
    return height


def _steps(layers: list[Layer]) -> list[tuple[Layer, list[nn.Module]]]:
    """Each layer of a whole model that is more than an activation, with those that follow it."""
    steps: list[tuple[Layer, list[nn.Module]]] = []
    for layer in layers:
        if layer.kind in IDLE:
            continue
        if layer.kind == "rescaling" and not steps:
            _check_rescaling(layer)
            continue
        if layer.kind not in LAYERS or not steps:
            steps.append((layer, []))
        found = activation(layer)
        if not isinstance(found, nn.Identity):
            steps[-1][1].append(found)
    return steps


def _check_rescaling(layer: Layer) -> None:
    scale, offset = layer.config.get("scale"), layer.config.get("offset")
    if not (isinstance(scale, float) and math.isclose(scale, 1 / 255, rel_tol=1e-5) and not offset):
        raise UserError(f"scales pixels by {scale} and adds {offset} in its layer {layer.name}; "
                        "readable are models for pixels / 255")  # fmt: skip


def _architecture(layers: list[Layer]) -> str:
    counts = Counter(layer.kind for layer in layers if layer.kind != BRANCH)
    if counts["conv2d"] not in CONVOLUTIONS:
        listed = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        raise UserError(f"holds neither Meso4 nor MesoInception4, which have 4 and 16 layers "
                        f"conv2d; its layers are: {listed}")  # fmt: skip
    return CONVOLUTIONS[counts["conv2d"]]


def _plan(module: nn.Module) -> Iterator[tuple[str, nn.Module | None]]:
    """What a whole model must consist of, in order: Keras' word and our module."""
    for child in module.children():
        if type(child) in KINDS:
            yield KINDS[type(child)], child
        elif isinstance(child, InceptionBlock):
            for branch in child.branches:
                yield BRANCH, None
                yield from _plan(branch)
            yield "concatenate", None
        else:
            yield from _plan(child)


def _named(layer: Layer) -> str:
    return layer.kind if layer.kind == BRANCH else f"{layer.kind} (layer {layer.name})"


def _check_options(layer: Layer, module: nn.Module | None, net: str) -> None:
    wanted: dict[str, tuple] = {"data_format": ("channels_last",)}
    if isinstance(module, nn.Conv2d):
        padding = ("same", "valid") if module.kernel_size == (1, 1) else ("same",)
        wanted |= {"strides": (1,), "dilation_rate": module.dilation[:1], "groups": (1,),
                   "padding": padding}  # fmt: skip
    elif isinstance(module, nn.MaxPool2d):
        wanted |= {"pool_size": (module.kernel_size,), "strides": (module.kernel_size,)}
    elif layer.kind in ("batch_normalization", "concatenate"):
        wanted |= {"axis": (-1, 3)}
    for option, allowed in wanted.items():
        given = layer.config.get(option)
        if isinstance(given, list) and len(set(given)) == 1:  # one for each side
            given = given[0]
        if given is not None and (type(given) is bool or given not in allowed):
            raise UserError(f"has {option} {given} in its layer {layer.name}; {net} has "
                            f"{allowed[0]} there")  # fmt: skip
    if isinstance(module, nn.BatchNorm2d):
        module.eps = number(layer, "epsilon", above=0.0)


def _weights_alone(layers: list[Layer]) -> MesoNet:
    known = (*WITH_WEIGHTS, *IDLE, "max_pooling2d", "flatten", "concatenate",
             "top_level_model_weights")  # fmt: skip
    slopes = [layer for layer in layers if layer.kind == "leaky_re_lu"]
    others = [layer.name for layer in layers if layer.kind not in (*known, "leaky_re_lu")]
    if others or len(slopes) > 1:
        names = ", ".join(others or [layer.name for layer in slopes])
        raise UserError(f"names the layers {names}, which the published networks lack; what they "
                        f"do {TELLS_NOT}")  # fmt: skip
    model = build(_architecture([layer for layer in layers if layer.kind in WITH_WEIGHTS]))
    found = {kind: [x for x in layers if x.kind == kind] for kind in WITH_WEIGHTS}
    first = found["conv2d"]
    if len(first) == 16 and first[0].arrays["kernel"].shape[-1] != 1:
        for start in (0, 7):
            block = first[start : start + 7]
            for index, layer in zip(BY_DEPTH, block, strict=True):
                first[start + index] = layer
    targets = _targets(model)
    for kind, layers_there in found.items():
        wanted = sum(one == kind for one, _ in targets)
        if len(layers_there) != wanted:
            raise UserError(f"has {len(layers_there)} layers {kind}; {type(model).__name__} has "
                            f"{wanted}")  # fmt: skip
    for kind, module in targets:
        layer = found[kind].pop(0)
        try:
            _copy(layer, module)
        except UserError as reason:
            raise UserError(
                f"{reason}: of another network, or with options that {TELLS_NOT}"
            ) from None
    return model


def _targets(model: nn.Module) -> list[tuple[str, nn.Module]]:
    modules = [(KINDS[type(m)], m) for m in model.modules() if type(m) in KINDS]
    modules = [(kind, module) for kind, module in modules if kind in WITH_WEIGHTS]
    return sorted(modules, key=lambda item: item[0])  # stable: keeps the order of creation


def _copy(layer: Layer, module: nn.Module, units: int | None = None) -> None:
    """A layer's arrays into our module; of two `units`, the difference is what one has to give."""
    ours = _keras_arrays(module)
    if strange := set(layer.arrays) - set(ours):
        raise UserError(f"holds {', '.join(sorted(strange))} in its layer {layer.name}, which a "
                        f"{layer.kind} has not here")  # fmt: skip
    for name, target in _tensors(module).items():
        if name not in layer.arrays:
            if name not in OPTIONAL or layer.config.get(OPTIONAL[name]):
                raise UserError(f"lacks {name} of its layer {layer.name}")
            target.data.fill_(float(name == "gamma"))
            continue
        *inputs, outputs = ours[name].shape
        array = files.read(layer, name, (*inputs, units or outputs))
        if units == 2:
            array = array[..., 1:] - array[..., :1]
        array = array.transpose(FROM_KERAS.get(array.ndim, (0,)))
        target.data.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    if isinstance(module, nn.BatchNorm2d):
        return {
            "gamma": module.weight,
            "beta": module.bias,
            "moving_mean": module.running_mean,
            "moving_variance": module.running_var,
        }
    return {"kernel": module.weight, "bias": module.bias}


def _keras_arrays(module: nn.Module) -> dict[str, np.ndarray]:
    found = {name: tensor.detach().numpy().copy() for name, tensor in _tensors(module).items()}
    return {k: a.transpose(TO_KERAS.get(a.ndim, (0,))) for k, a in found.items()}


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
