"""Every deliberate mistake changes the answers, and parity is what notices."""

import os

import h5py
import pandas as pd
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.course import mistakes, parity
from mesocore.evaluation.prediction import predict
from mesocore.nets.detector import load_detector
from mesocore.nets.keras_weights import save_keras
from mesocore.nets.models import parameter_count
from tests.factories import write_images
from tests.nets.test_keras_weights import random_model


@pytest.mark.parametrize("mistake", mistakes.FAULTY_PORTS)
def test_a_cousin_runs_and_answers_otherwise(mistake):
    model = random_model("meso4")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    images = torch.randint(0, 256, (4, 3, 256, 256), dtype=torch.uint8)
    port = mistakes.FAULTY_PORTS[mistake](model)
    with torch.no_grad():
        assert (port(images) - model(images)).abs().max() > 1e-5
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_only_a_shared_norm_shows_in_the_count():
    model = random_model("meso4")
    counts = {name: parameter_count(make(model)) for name, make in mistakes.FAULTY_PORTS.items()}
    assert counts.pop("one BatchNorm for two layers") == 27_977 - 2 * (8 + 16)
    assert set(counts.values()) == {27_977}


def test_the_forgotten_order_is_what_an_import_would_leave(tmp_path):
    model = random_model("meso4")
    save_keras(model, tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5") as file:
        in_file = torch.from_numpy(file["dense_1/dense_1/kernel:0"][()]).T
    assert torch.equal(mistakes.flatten_not_reordered(model).classifier[2].weight.data, in_file)


def test_norms_refreshed_with_momentum_one_remember_the_last_batch_only():
    model = random_model("meso4")
    images = torch.randint(0, 256, (6, 3, 256, 256), dtype=torch.uint8)
    whole = mistakes.refresh_norms(model, images, 1.0, batch=4)
    last = mistakes.refresh_norms(model, images[4:], 1.0, batch=4)
    assert torch.equal(whole.features[0][2].running_mean, last.features[0][2].running_mean)
    assert not whole.training and not any(module.training for module in whole.modules())


@pytest.fixture
def published(tmp_path):
    """A folder in the layout of the published weights, answered by ourselves."""
    save_keras(random_model("meso4"), tmp_path / "Own.h5")
    folder = write_images(tmp_path / "written", per_class=2) / "real"
    folder.rename(tmp_path / parity.IMAGES)
    names = ["000.png", "001.png"]
    paths = [str(tmp_path / parity.IMAGES / name) for name in names]
    answers = [1 - v.probability_fake for v in predict(load_detector(tmp_path / "Own.h5"), paths)]
    table = pd.DataFrame({"image": names, "Own": answers})
    table.to_csv(tmp_path / parity.ANSWERS, index=False)
    return tmp_path


def test_parity_of_a_faithful_port_and_of_its_cousins(published):
    record = parity.compare_with_original(published)
    assert record["weights"]["Own"]["max_difference"] < 1e-6
    assert all(found["max_difference"] > 1e-5 for found in record["cousins"]["Own"].values())


def test_a_missing_file_is_named(published):
    (published / parity.IMAGES / "001.png").unlink()
    with pytest.raises(UserError, match="001.png"):
        parity.compare_with_original(published)
    (published / parity.ANSWERS).unlink()
    with pytest.raises(UserError, match="holds no keras_outputs.csv"):
        parity.compare_with_original(published)


def test_the_published_weights_when_they_are_there():
    folder = os.environ.get("MESO_PUBLISHED_WEIGHTS")
    record = parity.compare_with_original(folder) if folder else {"weights": {}}
    assert all(found["max_difference"] < 1e-5 for found in record["weights"].values())
    assert len(record["weights"]) == (4 if folder else 0)
