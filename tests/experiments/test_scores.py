"""The committed scores are those of the detector that ships, and give its recorded figures."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mesocore.core.runtime import project_root
from mesocore.nets.inference import shipped
from mesocore.nets.inference.calibration import tempered

OUTSIDE = "openforensics-validation-faces"


def test_they_are_of_the_detector_that_ships_and_give_what_its_record_says():
    folder = project_root() / "results/real"
    scores = json.loads((folder / "recommended-scores.json").read_text())
    record = json.loads((folder / "recommended.json").read_text())
    (found,) = [each for each in shipped.shipped() if each.name == "recommended"]
    assert scores["weights_sha256"] == found.description["weights_sha256"]
    column, limits = scores[OUTSIDE], scores["limits"]
    kind, fake = np.array(column["probability_kind"]), np.array(column["fake"])
    unknown = kind < limits["kind_from"]
    probability = tempered(np.array(column["probability"]), unknown)
    expected = record["outside"]["metrics"]["all"]["roc_auc"]["value"]
    assert roc_auc_score(fake, probability) == pytest.approx(expected, abs=2e-3)
    judged = (
        (probability < limits["real_below"]) | (probability >= limits["fake_from"])
    ) & ~unknown
    coverage = record["outside"]["verdicts"]["coverage"]["value"]
    assert judged.mean() == pytest.approx(coverage, abs=5e-3)
