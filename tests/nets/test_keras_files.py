"""Keras files of others: each layout gives the same network, options are obeyed or refused."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from mesocore.core.errors import UserError
from mesocore.nets.detector import load_detector
from mesocore.nets.keras.hdf5 import MOST_BYTES, MOST_TEXT
from mesocore.nets.keras_weights import load_keras
from mesocore.nets.mesonet import MesoNet
from tests.keras_writer import Network
from tests.nets.test_keras_weights import random_model

IMAGES = torch.randint(0, 256, (2, 3, 256, 256), generator=torch.Generator().manual_seed(0))
LAYOUTS: dict[str, Callable[[Network, Path], Path]] = {
    "tf.keras weights": lambda n, f: n.write_h5(f / "a.h5", whole=False),
    "tf.keras model": lambda n, f: n.write_h5(f / "a.hdf5", whole=True),
    "Keras 3 model.h5": lambda n, f: n.write_h5(f / "a.h5", whole=True, keras=3),
    "Keras 3 weights": lambda n, f: n.write_weights(f / "a.weights.h5"),
    "older weights": lambda n, f: n.write_weights(f / "a.weights.h5", named=False),
    "tf.keras 2.13": lambda n, f: n.write_weights(
        f / "a.weights.h5", named=False, root="_layer_checkpoint_dependencies"
    ),
    ".keras": lambda n, f: n.write_keras(f / "a.keras"),
}


def answers(model: MesoNet) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IMAGES.byte())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["meso4", "mesoinception4"])
@pytest.mark.parametrize("first", [0, 7])  # 7: names go on to two digits, which sort as numbers
def test_every_layout_gives_the_same_network(layout, name, first, tmp_path):
    model = random_model(name)
    path = LAYOUTS[layout](Network(model, tmp_path, first), tmp_path)
    again = load_keras(path)
    assert type(again) is type(model)
    for key, value in again.state_dict().items():
        if "num_batches" not in key:
            assert torch.equal(value, model.state_dict()[key]), key
    assert torch.equal(answers(again), answers(model))


@pytest.mark.parametrize("layout", ["tf.keras weights", "Keras 3 weights", ".keras"])
def test_names_of_ones_own_are_read_in_the_order_of_the_file(layout, tmp_path):
    network = Network(random_model("meso4"), tmp_path)
    names = {layer["config"]["name"]: layer["config"]["name"] for layer in network.layers}
    names |= {name: f"my{-index}" for index, name in enumerate(names)
              if name.startswith(("conv", "batch", "dense"))}  # fmt: skip
    for layer in network.layers:
        layer["config"]["name"] = names[layer["config"]["name"]]
        layer["inputs"] = [names[name] for name in layer["inputs"]]
    network.end = names[network.end]
    again = load_keras(LAYOUTS[layout](network, tmp_path))
    assert torch.equal(answers(again), answers(random_model("meso4")))


def leaky(network: Network) -> None:
    option = {"class_name": "LeakyReLU", "config": {"name": "l", "negative_slope": 0.3}}
    network.all("Conv2D")[1]["config"]["activation"] = option


def norm_first(network: Network) -> None:
    norm, pool = network.all("BatchNormalization")[0], network.all("MaxPooling2D")[0]
    network.all("Conv2D")[0]["config"]["activation"] = "linear"
    pool["inputs"] = [network.add("Activation", [norm["config"]["name"]], activation="elu")]


def without_bias(network: Network) -> None:
    layer = network.all("Conv2D")[2]
    layer["config"]["use_bias"] = False
    del layer["arrays"]["bias"]


def epsilon(network: Network) -> None:
    network.all("BatchNormalization")[3]["config"]["epsilon"] = 0.5


def linear(network: Network) -> None:
    network.all("LeakyReLU")[0]["config"]["negative_slope"] = 1.0


def swap(model: MesoNet) -> None:
    block = model.features[0]
    block[1], block[2] = block[2], nn.ELU()


OPTIONS: dict[str, tuple[Callable, Callable[[MesoNet], object]]] = {
    "activation": (leaky, lambda m: m.features[1].__setitem__(1, nn.LeakyReLU(0.3))),
    "norm before activation": (norm_first, swap),
    "no bias": (without_bias, lambda m: m.features[2][0].bias.data.zero_()),
    "epsilon": (epsilon, lambda m: setattr(m.features[3][2], "eps", 0.5)),
    "slope": (linear, lambda m: m.classifier.__setitem__(3, nn.Identity())),
}


@pytest.mark.parametrize("layout", [".keras", "tf.keras model"])
@pytest.mark.parametrize("option", OPTIONS)
def test_what_a_whole_model_says_is_done(option, layout, tmp_path):
    in_file, in_ours = OPTIONS[option]
    network, expected = Network(random_model("meso4"), tmp_path), random_model("meso4")
    in_file(network)
    in_ours(expected)
    found = answers(load_keras(LAYOUTS[layout](network, tmp_path)))
    assert torch.allclose(found, answers(expected), atol=1e-6)
    assert not torch.allclose(found, answers(random_model("meso4")), atol=1e-3)  # it can fail


def test_two_units_with_softmax_are_one_with_their_difference(tmp_path):
    network = Network(random_model("meso4"), tmp_path)
    last = network.all("Dense")[1]
    last["config"] |= {"units": 2, "activation": "softmax"}
    kernel, bias = last["arrays"]["kernel"], last["arrays"]["bias"]  # of P(class 1)
    other = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
    last["arrays"] = {"kernel": np.hstack([other, other + kernel]),
                      "bias": np.concatenate([bias * 0 + 3, bias + 3])}  # fmt: skip
    found = answers(load_keras(network.write_keras(tmp_path / "a.keras")))
    assert torch.allclose(found, answers(random_model("meso4")), atol=1e-5)


def test_the_class_that_is_fake_can_be_the_other(tmp_path):
    path = Network(random_model("meso4"), tmp_path).write_keras(tmp_path / "a.keras")
    zero, one = (load_detector(path, fake_class=index) for index in (0, 1))
    assert torch.equal(answers(zero.model), -answers(one.model))
    assert torch.equal(answers(load_detector(path).model), answers(zero.model))
    assert [d.description["config"]["fake_class"] for d in (zero, one)] == [0, 1]
    with pytest.raises(UserError, match="fake class 2"):
        load_detector(path, fake_class=2)


def test_a_run_has_no_other_direction(small_run):
    with pytest.raises(UserError, match="output is P.fake.; leave out the fake class"):
        load_detector(small_run("meso4", seed=0), fake_class=1)


def test_images_of_another_size_are_prepared_to_it(tmp_path):
    network = Network(random_model("meso4"), tmp_path)
    network.layers[0]["config"]["batch_shape"] = [None, 128, 128, 3]
    dense = network.all("Dense")[0]["arrays"]
    dense["kernel"] = dense["kernel"][:256]
    detector = load_detector(network.write_keras(tmp_path / "a.keras"))
    assert detector.size == detector.preparation.size == detector.model.size == 128
    with pytest.raises(UserError, match=r"\(256, 16\), not \(1024, 16\).*save the whole model"):
        load_keras(network.write_weights(tmp_path / "a.weights.h5"))


def change(name: str, **options) -> Callable[[Network], object]:
    return lambda network: network.all(name)[0]["config"].update(options)


def lambda_layer(network: Network) -> None:
    network.all("Flatten")[0]["inputs"] = [
        network.add("Lambda", network.all("Flatten")[0]["inputs"], function="4wEAAA==")
    ]


REFUSED = {
    "strides": (change("Conv2D", strides=[2, 2]), "strides 2 in its layer conv2d; Meso4 has 1"),
    "pool": (change("MaxPooling2D", pool_size=[3, 3]), "pool_size 3"),
    "axis": (change("BatchNormalization", axis=1), "axis 1"),
    "channels": (change("InputLayer", batch_shape=[None, 256, 256, 1]), "in 1 channels"),
    "activation": (change("Conv2D", activation="hard_swish"), "applies hard_swish in .* conv2d"),
    "behind a pool": (change("Flatten", activation="relu"), "activation behind its layer flatten"),
    "output": (lambda n: n.layers[-1]["config"].update(activation="linear"), "no activation"),
    "code": (lambda_layer, "has lambda .layer lambda. where Meso4 has flatten"),
    "shape": (lambda n: n.layers[1]["arrays"].update(kernel=np.zeros((5, 5, 3, 8), "f4")),
              r"kernel of its layer conv2d is \(5, 5, 3, 8\), not \(3, 3, 3, 8\)"),
    "nan": (lambda n: n.layers[1]["arrays"].update(bias=np.full(8, np.nan, "f4")), "nan values"),
    "integers": (lambda n: n.layers[1]["arrays"].update(bias=np.zeros(8, "i4")), "int32, not of"),
    "fewer": (lambda n: n.layers.remove(n.layers[1]), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_not_reproduced_gets_its_reason(why, tmp_path):
    network = Network(random_model("meso4"), tmp_path)
    spoil, said = REFUSED[why]
    spoil(network)
    with pytest.raises(UserError, match=said) as found:
        load_keras(network.write_keras(tmp_path / "a.keras"))
    assert str(tmp_path / "a.keras") in str(found.value) and "\n" not in str(found.value)


def test_layers_that_weights_alone_do_not_explain_are_named(tmp_path):
    network = Network(random_model("meso4"), tmp_path)
    network.add("Activation", [])
    for layout in ("tf.keras weights", "Keras 3 weights"):
        with pytest.raises(UserError, match="names the layers activation, .* save the whole model"):
            load_keras(LAYOUTS[layout](network, tmp_path))


def test_another_network_is_named_by_its_layers(tmp_path):
    network = Network(random_model("meso4"), tmp_path)
    network.layers += [dict(network.all("Conv2D")[3]) for _ in range(2)]
    for index, layer in enumerate(network.all("Conv2D")):
        layer["config"] = layer["config"] | {"name": f"conv2d_{index + 1}"}
    with pytest.raises(UserError, match="its layers are: 4 batch_.*, 6 conv2d"):
        load_keras(network.write_h5(tmp_path / "a.h5", whole=False))


def test_links_out_of_a_file_are_not_followed(tmp_path):
    network = Network(random_model("meso4"), tmp_path)
    network.write_h5(tmp_path / "whole.h5", whole=False)
    for name, link in {"group": "conv2d", "array": "conv2d/conv2d/bias:0"}.items():
        path = network.write_h5(tmp_path / f"{name}.h5", whole=False)
        with h5py.File(path, "r+") as file:
            del file[link]
            file[link] = h5py.ExternalLink(str(tmp_path / "whole.h5"), link)
        with pytest.raises(UserError, match="link at .* that leads elsewhere"):
            load_keras(path)
    path = network.write_h5(tmp_path / "raw.h5", whole=False)
    with h5py.File(path, "r+") as file:
        del file["dense_1/dense_1/bias:0"]
        file.create_dataset("dense_1/dense_1/bias:0", (1,), "f4", external="/etc/hostname")
    with pytest.raises(UserError, match="array /dense_1/dense_1/bias:0 that lies in another file"):
        load_keras(path)


def test_other_kinds_of_files_are_told_apart(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"\x80\x02")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/saved_model.pb").touch()
    (tmp_path / "ckpt.index").touch()
    (tmp_path / "a.txt").touch()
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("data.pkl", "")
    with h5py.File(tmp_path / "pictures.h5", "w") as file:
        file["pictures"] = np.zeros(3)
    said = {"a.pth": "pickle", "saved": "TensorFlow's", "ckpt": "TensorFlow's",
            "a.txt": "not a model", "a.keras": "zip file without config.json",
            "pictures.h5": "without weights of layers; it holds: pictures"}  # fmt: skip
    for name, reason in said.items():
        with pytest.raises(UserError, match=reason):
            load_detector(tmp_path / name)


def test_a_part_that_would_fill_memory_is_refused(tmp_path):
    for name, size in {"config.json": MOST_TEXT, "model.weights.h5": MOST_BYTES}.items():
        parts = {"config.json": b"{}", "model.weights.h5": b"", name: bytes(size + 1)}
        with zipfile.ZipFile(tmp_path / "a.keras", "w", zipfile.ZIP_DEFLATED) as archive:
            for part, content in parts.items():
                archive.writestr(part, content)
        with pytest.raises(UserError, match=f"{name} of more than"):
            load_keras(tmp_path / "a.keras")


def test_a_truncated_file_is_damaged(tmp_path):
    network = Network(random_model("meso4"), tmp_path)
    for layout in ("tf.keras model", ".keras"):
        path = LAYOUTS[layout](network, tmp_path)
        path.write_bytes(path.read_bytes()[:-3000])
        with pytest.raises(UserError, match="damaged|neither"):
            load_keras(path)
