"""Several seeds as one detector: the mean of their logits, fitted on validation, saved as a run."""

import json

import numpy as np
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.data import dataset
from mesocore.evaluation import records
from mesocore.evaluation.cards import model_card
from mesocore.nets.detector import load_detector
from mesocore.nets.models import build, parameter_count
from mesocore.training import ensembles, trainer
from mesocore.training.config import TrainConfig
from tests.commands import mesocore
from tests.factories import assembled_set


@pytest.fixture
def seeds(small_set, small_run):
    return small_set, [small_run("meso4", seed) for seed in (0, 1)]


def test_it_is_the_mean_of_its_members_and_needs_none_of_them_afterwards(seeds, tmp_path):
    faces, runs = seeds
    done = mesocore("ensemble", *runs, "--data", faces, "--out", tmp_path / "both")
    assert done.returncode == 0 and "2*meso4, validation ROC AUC" in done.stdout
    both, members = load_detector(tmp_path / "both"), [load_detector(run) for run in runs]
    test = dataset.load(faces, "test", 64)
    mean = np.mean([member.logits(test.images) for member in members], axis=0)
    np.testing.assert_allclose(both.logits(test.images), mean, atol=1e-6)
    assert both.description["config"]["model"] == "2*meso4" and both.size == 64
    assert both.description["members_sha256"] == [
        member.description["weights_sha256"] for member in members
    ]
    assert parameter_count(both.model) == 2 * parameter_count(members[0].model)


def test_threshold_and_temperature_fit_its_own_validation_scores(seeds):
    faces, runs = seeds
    members = [load_detector(run) for run in runs]
    both, val = ensembles.ensemble(members, faces), dataset.load(faces, "val", 64)
    labels, best = val.labels.numpy(), both.description["best"]
    right = (both.probabilities(val.images) >= both.threshold) == labels
    share = np.mean([right[labels == label].mean() for label in (0, 1)])
    assert share == pytest.approx(best["val_balanced_accuracy"])
    assert both.threshold not in {member.threshold for member in members}


def test_a_row_of_one_ensemble_stands_beside_rows_of_seeds(seeds):
    faces, runs = seeds
    members = [load_detector(run) for run in runs]
    rows = {"meso4": members, "2*meso4": [ensembles.ensemble(members, faces)]}
    record = records.compare(rows, faces, baseline="meso4")["rows"]["2*meso4"]
    assert record["seeds"] == ["0+1"] and record["metrics"]["all"]["images"] == 16
    assert record["multiply_adds"] > 0 and "each" not in record["metrics"]["all"]["roc_auc"]
    json.dumps(record)


def test_its_card_says_that_there_is_one_of_it(seeds, tmp_path):
    faces, runs = seeds
    ensembles.save_ensemble(runs, faces, tmp_path / "both")
    both = load_detector(tmp_path / "both")
    text = model_card.render(records.evaluate(both, faces), both, {})
    assert "2*meso4" in text and "seeds: 0+1" in text and "One ensemble was made" in text


def test_what_does_not_belong_together_is_named(seeds, tmp_path):
    faces, runs = seeds
    members = [load_detector(run) for run in runs]
    with pytest.raises(UserError, match="takes two runs or more"):
        ensembles.ensemble(members[:1], faces)
    with pytest.raises(UserError, match="two of the runs have the same seed"):
        ensembles.ensemble([members[0], members[0]], faces)
    other = assembled_set(tmp_path, per_class=15, seed=1)
    with pytest.raises(UserError, match="not trained on .*name the set that they learnt from"):
        ensembles.ensemble(members, other)
    with pytest.raises(UserError, match="not empty; choose another --out"):
        ensembles.save_ensemble(runs, faces, runs[0])


def test_an_ensemble_is_not_trained_further(seeds, tmp_path):
    faces, runs = seeds
    with pytest.raises(UserError, match=r"2\*meso4 is an ensemble; train, tune or prune"):
        TrainConfig("2*meso4", str(faces))
    ensembles.save_ensemble(runs, faces, tmp_path / "both")
    with pytest.raises(UserError, match="is an ensemble"):
        trainer.fine_tuning_config(tmp_path / "both", str(faces))


@pytest.mark.parametrize("name", ["1*meso4", "0*meso4", "-2*meso4", "*meso4", "2*resnet", "2*"])
def test_names_of_ensembles(name):
    with pytest.raises(UserError, match="no model is called"):
        build(name, 64)


def test_an_ensemble_builds_afresh_with_members_that_differ():
    first, second = build("2*meso4+inverted", 64).members
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    assert not torch.equal(first.eval()(images), second.eval()(images))
