"""Files that Keras writes, as a list of layers: HDF5 of any Keras, `.weights.h5`, `.keras`.

Nothing in a file is run: a configuration is read as JSON, and a layer of code (Lambda) is a name.
What a file may hold and how large that may be is decided in hdf5.py and, of a zip file, here.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mesocore.core.errors import UserError
from mesocore.nets.keras import hdf5
from mesocore.nets.keras.hdf5 import MOST_BYTES, MOST_TEXT, Group

MOST_LAYERS = 1000  # of a configuration; MesoInception4 has 40
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
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    config: dict = field(default_factory=dict)


def read_layers(path: Path) -> tuple[list[Layer], bool]:
    """The layers in `path`, and whether the file is a whole model, which tells what they do.

    Those of a whole model come in the order of computation, branches one after another. Those of
    weights alone come in the order of creation where names tell it, else in the file's order.
    Raises `UserError` with a reason that does not name the file, `OSError`, `ValueError` and the
    like for a damaged one.
    """
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UserError(f"has more than {MOST_BYTES >> 20} MB; Meso4 takes one")
    if not data.startswith(b"PK") and hdf5.is_hdf5(data):
        root = hdf5.read(data)
        config = root.attributes.get("model_config")
        return _layers(root, None if config is None else _configuration(config))
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise UserError("is neither an HDF5 file nor a zip file of Keras")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        config = _part(archive, "config.json", MOST_TEXT)
        weights = _part(archive, "model.weights.h5", MOST_BYTES)
    return _layers(hdf5.read(weights), _configuration(config))


def read(layer: Layer, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array `name`, float32 of `shape`. Raises `UserError` if the file has it otherwise."""
    array = layer.arrays[name]
    if array.shape != shape:
        raise UserError(f"{name} of its layer {layer.name} is {array.shape}, not {shape}")
    if array.dtype.kind != "f":
        raise UserError(f"{name} of its layer {layer.name} is {array.dtype}, not of float numbers")
    with np.errstate(over="ignore"):  # of float64: infinite then, which is said below
        values = array.astype(np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{name} of its layer {layer.name} has infinite or nan values")
    if name == "moving_variance" and (values < 0).any():
        raise UserError(f"{name} of its layer {layer.name} has negative values")
    return values


def _part(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    found = [part for part in archive.infolist() if part.filename == name]
    if len(found) != 1:
        there = f"with {name} twice" if found else f"without {name}"
        raise UserError(f"is a zip file {there}, so not of Keras")
    if found[0].file_size > most:
        raise UserError(f"holds a {name} of more than {most >> 20} MB; Meso4 takes one")
    if found[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(f"holds a {name} that is compressed as Keras does not do it")
    return archive.read(found[0])


def _configuration(text: str | bytes) -> dict:
    def refuse(number: str) -> None:
        raise ValueError(f"{number} is no number of JSON")

    return json.loads(text, parse_constant=refuse)


def _layers(root: Group, config: dict | None) -> tuple[list[Layer], bool]:
    places = ("layers", "_layer_checkpoint_dependencies", "model_weights")
    place = next((name for name in places if name in root.children), "")
    weights, by_class = _group(root, place) if place else root, place in places[:2]
    if config is not None:
        return _whole_model(weights, config, by_class), True
    found = [_layer(weights, name, by_class) for name in _names(weights)]
    if not any(layer.arrays for layer in found):
        raise UserError(f"is an HDF5 file without weights of layers; it holds: "
                        f"{', '.join(list(root.children)[:8]) or 'nothing'}")  # fmt: skip
    named = [layer for layer in found if layer.kind in WITH_WEIGHTS]
    if all(re.fullmatch(rf"{layer.kind}(_\d+)?", layer.name) for layer in named):
        # Keras numbers layers as they are created, per kind, across a session
        found.sort(key=lambda layer: _number(layer.name))
    return found, False


def _number(name: str) -> int:
    match = re.search(r"_(\d+)$", name)
    return int(match[1]) if match else 0  # the first layer of a session has no number


def _names(weights: Group) -> list[str]:
    named = weights.attributes.get("layer_names")
    return sorted(weights.children, key=_number) if named is None else list(named)


def _group(group: Group, path: str) -> Group:
    """The group at `path` below `group`. Raises `UserError` if there is none."""
    for name in filter(None, path.split("/")):
        group = group.children.get(name) if isinstance(group, Group) else None
    if not isinstance(group, Group):
        raise UserError(f"has no group {path}")
    return group


def _layer(weights: Group, name: str, by_class: bool, config: dict | None = None) -> Layer:
    kind = re.sub(r"_\d+$", "", name)
    if isinstance(weights.children.get(name), np.ndarray):
        return Layer(kind, name)
    group = _group(weights, name)
    if by_class:
        held = _group(group, "vars")
        arrays = [held.children[str(index)] for index in range(len(held.children))]
        names = _array_names(kind, len(arrays), config or {})
        # a layer as an option
        beside = next((f"/{name}" for name in group.children if name != "vars"), "")
        given = f"{held.attributes.get('name', name)}{beside}"
        return Layer(kind + beside, given, _arrays(zip(names, arrays, strict=True)))
    arrays = _arrays(_inside(group))
    if "moving_mean" in arrays:
        kind = "batch_normalization"
    elif "kernel" in arrays:
        kind = {4: "conv2d", 2: "dense"}.get(arrays["kernel"].ndim, kind)
    return Layer(kind, name, arrays)


def _arrays(named: Iterable[tuple[str, Group | np.ndarray]]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, array in named:
        if not isinstance(array, np.ndarray) or name in found:
            raise UserError(f"has a group at {name}, or two arrays, where a layer has one array")
        found[name] = array
    return found


def _inside(group: Group) -> Iterator[tuple[str, np.ndarray]]:
    for name, item in group.children.items():
        if isinstance(item, Group):
            yield from _inside(item)
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


def _whole_model(weights: Group, model: dict, by_class: bool) -> list[Layer]:
    own = model["config"]
    listed = own if isinstance(own, list) else own["layers"]  # a list: Sequential before 2.2.3
    if len(listed) > MOST_LAYERS:
        raise UserError(f"has {len(listed)} layers; MesoInception4 has 40")
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
            if place not in weights.children:
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
            shared = set(ways[0]).intersection(*ways)
            name = next((one for one in ways[0] if one in shared), None)
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
