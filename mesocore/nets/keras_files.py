"""Files that Keras writes, as a list of layers: HDF5 of any Keras, `.weights.h5`, `.keras`.

Nothing in a file is run: a configuration is read as JSON, and a layer of code (Lambda) is a name.
An array stays on disk until its shape is known to be right.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from mesocore.core.errors import UserError

MOST_BYTES = 64 << 20  # of a part of a .keras file: Meso4 with its optimiser takes one MB
DEEPEST = 8  # groups within groups; Keras needs five
WITH_WEIGHTS = ("conv2d", "batch_normalization", "dense")
BRANCH = "branch"  # stands before each of the layers side by side that a concatenation joins


@dataclass(frozen=True)
class Layer:
    """A layer in a file.

    `kind` is its class as Keras writes it in names (`conv2d`, `leaky_re_lu`), `arrays` its weights
    by Keras' names (`kernel`, `bias`, `gamma`, ...), `config` its options, or {} in a file of
    weights alone.
    """

    kind: str
    name: str
    arrays: dict[str, h5py.Dataset] = field(default_factory=dict)
    config: dict = field(default_factory=dict)


@contextmanager
def open_layers(path: Path) -> Iterator[tuple[list[Layer], bool]]:
    """The layers in `path`, and whether the file is a whole model, which tells what they do.

    Those of a whole model come in the order of computation, branches one after another. Those of
    weights alone come in the order of creation where names tell it, else in the file's order.
    Arrays can be read inside the `with`. Raises `UserError` with a reason that does not name the
    file, `OSError`, `ValueError` and the like for a damaged one.
    """
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            config = file.attrs.get("model_config")
            yield _layers(file, None if config is None else json.loads(config))
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            config = json.loads(_part(archive, "config.json"))
            with h5py.File(io.BytesIO(_part(archive, "model.weights.h5"))) as file:
                yield _layers(file, config)
    else:
        raise UserError("is neither an HDF5 file nor a zip file of Keras")


def read(layer: Layer, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array `name`, float32 of `shape`. Raises `UserError` if the file has it otherwise."""
    dataset = layer.arrays[name]
    if dataset.shape != shape:
        raise UserError(f"{name} of its layer {layer.name} is {dataset.shape}, not {shape}")
    if dataset.dtype.kind != "f":
        raise UserError(
            f"{name} of its layer {layer.name} is {dataset.dtype}, not of float numbers"
        )
    if dataset.external or dataset.is_virtual:
        raise UserError(f"{name} of its layer {layer.name} lies in another file; none is followed")
    values = dataset[()].astype(np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{name} of its layer {layer.name} has infinite or nan values")
    return values


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    if name not in archive.namelist():
        raise UserError(f"is a zip file without {name}, so not of Keras")
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise UserError(f"holds a {name} of more than {MOST_BYTES >> 20} MB; Meso4 takes one")
    return archive.read(name)


def _layers(file: h5py.File, config: dict | None) -> tuple[list[Layer], bool]:
    places = ("layers", "_layer_checkpoint_dependencies", "model_weights")
    place = next((name for name in places if name in file), "/")
    weights, by_class = _child(file, place), place in places[:2]
    if config is not None:
        return _whole_model(weights, config, by_class), True
    found = [_layer(weights, name, by_class) for name in _names(weights)]
    if not any(layer.arrays for layer in found):
        raise UserError(f"is an HDF5 file without weights of layers; it holds: "
                        f"{', '.join(list(file)[:8]) or 'nothing'}")  # fmt: skip
    named = [layer for layer in found if layer.kind in WITH_WEIGHTS]
    if all(re.fullmatch(rf"{layer.kind}(_\d+)?", layer.name) for layer in named):
        # Keras numbers layers as they are created, per kind, across a session
        found.sort(key=lambda layer: _number(layer.name))
    return found, False


def _number(name: str) -> int:
    match = re.search(r"_(\d+)$", name)
    return int(match[1]) if match else 0  # the first layer of a session has no number


def _names(weights: h5py.Group) -> list[str]:
    named = weights.attrs.get("layer_names")
    if named is None:
        return sorted(weights, key=_number)
    return [n.decode() if isinstance(n, bytes) else str(n) for n in named]


def _child(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset:
    for name in filter(None, path.split("/")):
        link = group.get(name, getlink=True)
        if link is None:
            raise UserError(f"lacks {path}")
        if not isinstance(link, h5py.HardLink):
            raise UserError(f"has a link at {path} that leads elsewhere; none is followed")
        group = group[name]
    return group


def _layer(weights: h5py.Group, name: str, by_class: bool, config: dict | None = None) -> Layer:
    group, kind = _child(weights, name), re.sub(r"_\d+$", "", name)
    if not isinstance(group, h5py.Group):
        return Layer(kind, name)
    if by_class:
        held = _child(group, "vars")
        arrays = [_child(held, str(index)) for index in range(len(held))]
        names = _array_names(kind, len(arrays), config or {})
        beside = next((f"/{name}" for name in group if name != "vars"), "")  # a layer as an option
        given = f"{held.attrs.get('name', name)}{beside}"
        return Layer(kind + beside, given, dict(zip(names, arrays, strict=True)))
    arrays = dict(_datasets(group))
    if "moving_mean" in arrays:
        kind = "batch_normalization"
    elif "kernel" in arrays:
        kind = {4: "conv2d", 2: "dense"}.get(arrays["kernel"].ndim, kind)
    return Layer(kind, name, arrays)


def _datasets(group: h5py.Group, depth: int = 0) -> Iterator[tuple[str, h5py.Dataset]]:
    if depth > DEEPEST:
        raise UserError(f"has groups more than {DEEPEST} deep, which Keras does not write")
    for name in group:
        item = _child(group, name)
        if isinstance(item, h5py.Group):
            yield from _datasets(item, depth + 1)
        else:
            yield name.split(":")[0], item


def _array_names(kind: str, count: int, config: dict) -> list[str]:
    # Keras 3 numbers a layer's arrays in the order in which the layer makes them
    if kind == "batch_normalization":
        names = [n for n, option in (("gamma", "scale"), ("beta", "center"))
                 if config.get(option, True)]  # fmt: skip
        names += ["moving_mean", "moving_variance"]
        if count != len(names):
            raise UserError(f"has a BatchNorm of {count} arrays; without a configuration only 4 "
                            "are told apart")  # fmt: skip
        return names
    names = ["kernel", "bias"] if kind in WITH_WEIGHTS else []
    return (names + [f"array {index}" for index in range(len(names), count)])[:count]


def snake_case(name: str) -> str:
    """A class's name as Keras writes it in names: `LeakyReLU` -> `leaky_re_lu`."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _whole_model(weights: h5py.Group, model: dict, by_class: bool) -> list[Layer]:
    own = model["config"]
    listed = own if isinstance(own, list) else own["layers"]  # a list: Sequential before 2.2.3
    places: dict[str, str] = {}  # in Keras 3's own files, layers bear the names of their classes
    counts: dict[str, int] = {}
    for entry in listed:
        kind, name = snake_case(entry["class_name"]), entry["config"]["name"]
        count = counts[kind] = counts.get(kind, -1) + 1
        places[name] = (f"{kind}_{count}" if count else kind) if by_class else name
    found = []
    for entry in _in_order(model["class_name"], own, listed):
        if entry is None:
            found.append(Layer(BRANCH, BRANCH))
            continue
        kind, config = snake_case(entry["class_name"]), entry["config"]
        place, arrays = places[config["name"]], {}
        if kind in WITH_WEIGHTS:
            if place not in weights:
                raise UserError(f"lacks the weights of its layer {config['name']}")
            arrays = _layer(weights, place, by_class, config).arrays
        found.append(Layer(kind, config["name"], arrays, config))
    return found


def _in_order(class_name: str, own: dict, listed: list[dict]) -> list[dict | None]:
    """A model's layers in the order of computation, None before each branch."""
    if class_name == "Sequential":
        return listed
    if class_name not in ("Functional", "Model"):
        raise UserError(f"is a model of the class {class_name}, whose layers do not tell their "
                        "order; save one made of Sequential or Model(inputs, outputs)")  # fmt: skip
    layers = {entry["config"]["name"]: entry for entry in listed}
    before = {name: _inputs(entry) for name, entry in layers.items()}
    ends = own["output_layers"]
    ends = [ends] if isinstance(ends[0], str) else ends
    if len(ends) != 1:
        raise UserError(f"has {len(ends)} outputs; one is wanted")

    def back(name: str) -> list[str]:  # to where branches meet, or to the input
        way = [name]
        while len(before[way[-1]]) == 1 and len(way) <= len(layers):
            way.append(before[way[-1]][0])
        return way

    name, found = ends[0][0], []
    while name is not None:
        found.append(layers[name])
        if len(found) > 2 * len(layers):  # with the marks of branches
            raise UserError("has layers that form a ring")
        inputs = before[name]
        name = inputs[0] if len(inputs) == 1 else None
        if len(inputs) > 1:
            ways = [back(one) for one in inputs]
            name = next((one for one in ways[0] if all(one in way for way in ways)), None)
            for way in reversed(ways):
                found += [layers[one] for one in way[: way.index(name) if name else None]] + [None]
    return found[::-1]


def _inputs(entry: dict) -> list[str]:
    nodes = entry["inbound_nodes"]
    if len(nodes) > 1:
        raise UserError(f"uses its layer {entry['config']['name']} several times")
    if not nodes:
        return []
    if isinstance(nodes[0], list):  # Keras 2: [name, node, tensor, options] for each
        return [one[0] for one in nodes[0]]
    tensors = nodes[0]["args"]
    tensors = tensors[0] if tensors and isinstance(tensors[0], list) else tensors
    return [tensor["config"]["keras_history"][0] for tensor in tensors]
