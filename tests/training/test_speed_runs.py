"""A speed-run trains as `train` does, and stops as soon as it may."""

import pytest

from mesocore.data import dataset
from mesocore.training import speed_runs, train
from mesocore.training.config import TrainConfig
from tests.factories import assembled_set


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    data = assembled_set(tmp_path_factory.mktemp("faces"))
    return TrainConfig("meso4", str(data), epochs=3, size=64, batch_size=8)


def test_the_epochs_are_those_of_training(config, tmp_path):
    run = speed_runs.speed_run(config, target=1.1)  # which none has
    history = train(config, tmp_path / "run")
    assert run.val_roc_auc == pytest.approx(history["val_roc_auc"].tolist(), abs=1e-12)
    assert not run.reached and run.seconds > 0


def test_it_stops_after_the_first_epoch_that_is_good_enough(config):
    whole = speed_runs.speed_run(config, target=1.1)
    target = whole.val_roc_auc[1]
    run = speed_runs.speed_run(config, target)
    first = next(n for n, value in enumerate(whole.val_roc_auc, start=1) if value >= target)
    assert run.reached and len(run.val_roc_auc) == first
    assert run.val_roc_auc == whole.val_roc_auc[:first]
    validation = dataset.load(config.data, "val", 64)
    assert speed_runs.validated(run.model, validation) == run.val_roc_auc[-1]
