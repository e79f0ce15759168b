"""Several models on one split: each row measured as if alone, and paired with the baseline."""

import json

import pytest

from mesocore.core.errors import UserError
from mesocore.evaluation import records
from mesocore.nets.detector import load_detector


@pytest.fixture
def rows(small_set, small_run):
    models = ("meso4", "meso4+eca")
    return small_set, {m: [load_detector(small_run(m, seed)) for seed in (0, 1)] for m in models}


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
