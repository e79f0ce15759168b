"""Files as Keras writes them, without Keras: the layouts were compared with those of Keras 3.15."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np

from mesocore.nets.keras_weights import save_keras
from mesocore.nets.mesonet import Meso4, MesoNet

SNAKE = {"Conv2D": "conv2d", "BatchNormalization": "batch_normalization", "Dense": "dense",
         "MaxPooling2D": "max_pooling2d", "LeakyReLU": "leaky_re_lu", "Activation": "activation",
         "InputLayer": "input_layer", "Flatten": "flatten", "Concatenate": "concatenate",
         "Lambda": "lambda"}  # fmt: skip
ORDER = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")


class Network:
    """Layers of a functional model as they are created: class, options, inputs and arrays.

    `arrays` come from the published layout, which numbers layers as they are created, from 1.
    """

    def __init__(self, model: MesoNet, folder: Path, first: int = 0):
        save_keras(model, folder / "published.h5")
        with h5py.File(folder / "published.h5") as file:
            self.arrays = {name: {key.split(":")[0]: np.asarray(data)
                                  for key, data in file[name][name].items()}
                           for name in file}  # fmt: skip
        self.layers: list[dict] = []
        self.first, self.counts = first, {}
        x = self.add("InputLayer", [], batch_shape=[None, 256, 256, 3])
        kernels = [(3, 2), (5, 2), (5, 2), (5, 4)]
        for block, (kernel, pool) in enumerate(kernels):
            plain = isinstance(model, Meso4) or block > 1
            x = self.conv(x, kernel) if plain else self.inception(x)
            x = self.add("BatchNormalization", [x], epsilon=1e-3, axis=-1)
            x = self.add("MaxPooling2D", [x], pool_size=[pool] * 2, strides=[pool] * 2,
                         padding="same")  # fmt: skip
        x = self.add("Dense", [self.add("Flatten", [x])], activation="linear", units=16)
        x = self.add("LeakyReLU", [x], negative_slope=0.1)
        self.end = self.add("Dense", [x], activation="sigmoid", units=1)

    def add(self, class_name: str, inputs: list[str], **options) -> str:
        kind = SNAKE[class_name]
        count = self.counts[kind] = self.counts.get(kind, 0) + 1
        number = self.first + count - 1
        name = f"{kind}_{number}" if number else kind  # the first of a session has no number
        arrays = self.arrays.get(f"{kind}_{count}", {})
        config = {"name": name, **options}
        self.layers.append(
            {"class_name": class_name, "config": config, "inputs": inputs, "arrays": arrays}
        )
        return name

    def conv(self, x: str, kernel: int, dilation: int = 1) -> str:
        return self.add("Conv2D", [x], activation="relu", kernel_size=[kernel] * 2, strides=[1, 1],
                        padding="same", dilation_rate=[dilation] * 2, use_bias=True)  # fmt: skip

    def inception(self, x: str) -> str:
        start = len(self.layers)
        branches = [self.conv(x, 1)]
        branches += [self.conv(self.conv(x, 1), 3, dilation) for dilation in (1, 2, 3)]
        # Keras lists layers by their distance from the output: 1x1 of the longer branches first
        made = self.layers[start:]
        self.layers[start:] = [made[index] for index in (1, 3, 5, 0, 2, 4, 6)]
        return self.add("Concatenate", branches, axis=-1)

    def all(self, class_name: str) -> list[dict]:
        return [layer for layer in self.layers if layer["class_name"] == class_name]

    def config(self, keras: int = 3) -> dict:
        """What `model.to_json` gives; Keras 2 and 3 write inputs in different ways."""
        listed = []
        for layer in self.layers:
            if keras == 2:
                nodes = [[[name, 0, 0, {}] for name in layer["inputs"]]]
            else:
                histories = [{"keras_history": [name, 0, 0]} for name in layer["inputs"]]
                tensors = [{"class_name": "__keras_tensor__", "config": h} for h in histories]
                nodes = [{"args": tensors if len(tensors) < 2 else [tensors], "kwargs": {}}]
            listed.append({"class_name": layer["class_name"], "config": layer["config"],
                           "name": layer["config"]["name"],
                           "inbound_nodes": nodes if layer["inputs"] else []})  # fmt: skip
        ends = [self.end, 0, 0]
        config = {"layers": listed, "output_layers": [ends] if keras == 2 else ends}
        return {"class_name": "Model" if keras == 2 else "Functional", "config": config}

    def write_h5(self, path: Path, whole: bool, keras: int = 2) -> Path:
        """`model.save` or `model.save_weights` to HDF5 by tf.keras."""
        with h5py.File(path, "w") as file:
            if whole:
                file.attrs["model_config"] = json.dumps(self.config(keras))
            root = file.create_group("model_weights") if whole else file
            names = [layer["config"]["name"] for layer in self.layers]
            root.attrs["layer_names"] = [name.encode() for name in names]
            for name, layer in zip(names, self.layers, strict=True):
                group = root.create_group(name)
                for key, array in layer["arrays"].items():
                    group.create_dataset(f"{name}/{key}:0", data=array)
        return path

    def write_weights(self, path: Path | io.BytesIO, named: bool = True, root: str = "layers"):
        """`model.save_weights` to `.weights.h5`; before 3.7 layers did not note their own names."""
        counts: dict[str, int] = {}
        with h5py.File(path, "w") as file:
            for layer in self.layers:
                kind = SNAKE[layer["class_name"]]
                count = counts[kind] = counts.get(kind, -1) + 1
                held = file.create_group(f"{root}/{kind}_{count}/vars" if count else
                                         f"{root}/{kind}/vars")  # fmt: skip
                if named:
                    held.attrs["name"] = layer["config"]["name"]
                arrays = sorted(layer["arrays"].items(), key=lambda item: ORDER.index(item[0]))
                for index, (_, array) in enumerate(arrays):
                    held[str(index)] = array
        return path

    def write_keras(self, path: Path) -> Path:
        """`model.save` to `.keras`."""
        weights = io.BytesIO()
        self.write_weights(weights)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", "{}")
            archive.writestr("config.json", json.dumps(self.config()))
            archive.writestr("model.weights.h5", weights.getvalue())
        return path
