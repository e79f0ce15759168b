"""A source folder whose name a CSV reader takes for a missing value is a source like any other."""

import pytest

from mesocore import evaluation
from mesocore.data.assembled_set import AssembledSet
from mesocore.data.assembly.assemble import assemble
from mesocore.nets.detector import load_detector
from mesocore.training import trainer
from mesocore.training.config import TrainConfig
from tests.factories import write_images


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """Trained for an epoch on a source called NA."""
    folder = tmp_path_factory.mktemp("missing")
    write_images(folder / "NA", per_class=20)
    assemble([folder / "NA"], folder / "set", size=64, split=(0.6, 0.2, 0.2), progress=False)
    config = TrainConfig("meso4", str(folder / "set"), epochs=1, size=64, batch_size=8)
    trainer.train(config, folder / "run")
    return load_detector(folder / "run")


@pytest.mark.parametrize("name", ["NA", "null", "nan", "007"])
def test_it_assembles_and_a_detector_is_evaluated_on_it(name, detector, tmp_path):
    write_images(tmp_path / name, per_class=20)
    assemble([tmp_path / name], tmp_path / "set", size=64, split=(0.6, 0.2, 0.2), progress=False)
    assert set(AssembledSet(tmp_path / "set").rows()["source"]) == {name}
    metrics = evaluation.evaluate([detector], str(tmp_path / "set"), "test")["metrics"]
    assert list(metrics["by_source"]) == [name]
    assert metrics["by_source"][name] == metrics["all"]
    assert metrics["all"]["images"] == 8
