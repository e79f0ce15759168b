"""The published weights: parity with the original code, and an independent reading of the file."""

import os
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn import functional

from mesocore.core.errors import UserError
from mesocore.nets.detector import load_detector
from mesocore.nets.keras_weights import load_keras, save_keras
from mesocore.nets.models import build


def random_model(name: str) -> torch.nn.Module:
    """A model whose BatchNorms do something: freshly made ones would hide mistakes."""
    torch.manual_seed(0)
    model = build(name)
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if tensor.ndim == 1 and tensor.dtype.is_floating_point:
                tensor.copy_(torch.rand_like(tensor) + 0.5 * ("classifier" not in key))
    return model.eval()


def keras_meso4(path: Path, images: np.ndarray) -> np.ndarray:
    """P(real) of Meso4 straight from the file's arrays, channels last as Keras computes it."""
    with h5py.File(path) as file:
        arrays = {name.split("/", 1)[1]: np.asarray(file[name]) for name in _datasets(file)}
    names = sorted({key.split("/")[0] for key in arrays}, key=lambda n: int(n.rsplit("_", 1)[1]))
    layers = {kind: [n for n in names if n.startswith(kind)] for kind in ("conv", "batch", "dense")}
    x = images / 255.0  # (N, H, W, 3)
    for conv, norm, pool in zip(layers["conv"], layers["batch"], (2, 2, 2, 4), strict=True):
        kernel = torch.from_numpy(arrays[f"{conv}/kernel:0"].transpose(3, 2, 0, 1).copy())
        y = functional.conv2d(_nchw(x), kernel.double(), padding="same")
        x = np.maximum(y.permute(0, 2, 3, 1).numpy() + arrays[f"{conv}/bias:0"], 0)
        scale = arrays[f"{norm}/gamma:0"] / np.sqrt(arrays[f"{norm}/moving_variance:0"] + 1e-3)
        x = (x - arrays[f"{norm}/moving_mean:0"]) * scale + arrays[f"{norm}/beta:0"]
        x = functional.max_pool2d(_nchw(x), pool).permute(0, 2, 3, 1).numpy()
    x = x.reshape(len(x), -1)  # H, W, C order
    for index, dense in enumerate(layers["dense"]):
        x = x @ arrays[f"{dense}/kernel:0"] + arrays[f"{dense}/bias:0"]
        x = np.where(x > 0, x, 0.1 * x) if index == 0 else x
    return 1 / (1 + np.exp(-x[:, 0]))


def _nchw(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).double().permute(0, 3, 1, 2)


def _datasets(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda n, o: names.append(n) if isinstance(o, h5py.Dataset) else None)
    return names


def test_import_agrees_with_an_independent_reading_of_the_file(tmp_path):
    path = tmp_path / "weights.h5"
    model = random_model("meso4")
    save_keras(model, path)
    images = np.random.default_rng(0).integers(0, 256, (4, 256, 256, 3), dtype=np.uint8)
    expected = keras_meso4(path, images)
    with torch.no_grad():
        logits = load_keras(path)(torch.from_numpy(images).permute(0, 3, 1, 2))
    assert expected.min() > 0.001 and expected.max() < 0.999  # unsaturated, so that it can fail
    assert np.abs(1 - torch.sigmoid(logits).numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("name", ["meso4", "mesoinception4"])
def test_writing_and_reading_gives_the_same_model(name, tmp_path):
    model = random_model(name)
    save_keras(model, tmp_path / "weights.h5")
    again = load_keras(tmp_path / "weights.h5").state_dict()
    for key, value in model.state_dict().items():
        if "num_batches" not in key:
            assert torch.equal(value, again[key]), key


def test_the_four_published_images_get_the_published_answers():
    folder = os.environ.get("MESO_PUBLISHED_WEIGHTS")
    weights, answers = _published(Path(folder)) if folder else ({}, None)
    for name, path in weights.items():
        detector = load_detector(path)
        for image, expected in answers[name].items():
            pixels = Image.open(Path(folder) / "test_images" / image).convert("RGB")
            array = np.asarray(pixels.resize((256, 256), Image.Resampling.NEAREST))
            fake = detector.probabilities(torch.from_numpy(array.copy()).permute(2, 0, 1)[None])
            assert 1 - fake[0] == pytest.approx(expected, abs=1e-5), (name, image)
    assert len(weights) == (4 if folder else 0)


def _published(folder: Path) -> tuple[dict[str, Path], pd.DataFrame]:
    answers = pd.read_csv(folder / "keras_outputs.csv").set_index("image")
    return {name: folder / f"{name}.h5" for name in answers.columns}, answers


def test_other_files_are_refused_in_one_line(tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("no weights")
    with pytest.raises(UserError, match="text.h5 is neither an HDF5"):
        load_keras(text)
    with pytest.raises(UserError, match="no such file"):
        load_keras(tmp_path / "missing.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("conv2d_1/conv2d_1/kernel:0", data=np.zeros((3, 3, 3, 8)))
    with pytest.raises(UserError, match="neither Meso4 nor MesoInception4"):
        load_keras(tmp_path / "other.h5")
    with pytest.raises(UserError, match="256 px"):
        save_keras(build("meso4", 64), tmp_path / "small.h5")
