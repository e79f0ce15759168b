"""Several models on one split: each row measured as if alone, and paired with the baseline."""

import json

import pytest

from mesocore.core.errors import UserError
from mesocore.evaluation import records
from mesocore.nets.detector import load_detector
from mesocore.training import trainer
from mesocore.training.config import TrainConfig
from tests.factories import assembled_set


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    faces = assembled_set(folder)
    found = {}
    for model in ("meso4", "meso4+eca"):
        for seed in (0, 1):
            out = folder / f"{model}-{seed}"
            trainer.train(TrainConfig(model, str(faces), 2, 64, 8, seed=seed), out)
            found.setdefault(model, []).append(load_detector(out))
    return faces, found


def test_a_row_is_measured_as_if_alone_and_against_the_baseline(rows):
    faces, found = rows
    record = records.compare(found, faces, baseline="meso4")
    json.dumps(record)
    base, other = (record["rows"][name] for name in ("meso4", "meso4+eca"))
    alone = records.evaluate(found["meso4+eca"], faces, "test")
    assert other["metrics"] == {"all": alone["metrics"]["all"]}
    assert other["seeds"] == [0, 1] and len(other["val_roc_auc"]) == 2
    assert base["against"] == {"value": 0, "low": 0, "high": 0}
    gap = [row["metrics"]["all"]["roc_auc"]["value"] for row in (other, base)]
    assert other["against"]["value"] == pytest.approx(gap[0] - gap[1])
    assert other["parameters"] > base["parameters"]
    assert record["data"]["split"] == "test" and str(faces.parent) not in json.dumps(record)


def test_runs_that_do_not_belong_together_are_named(rows):
    faces, found = rows
    mixed = {"meso4": [found["meso4"][0], found["meso4+eca"][1]]}
    with pytest.raises(UserError, match="differ in more than their seed"):
        records.compare(mixed, faces, baseline="meso4")
