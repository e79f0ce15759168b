"""Where the parts of a face are, and that the committed record is of the detector that ships."""

import json

import numpy as np
import pytest

from experiments.measure.evidence import mask, replaced
from mesocore.core.runtime import project_root
from mesocore.nets.inference import shipped

POINTS = np.array([[20, 20], [40, 20], [30, 32], [24, 44], [36, 44]], np.float32)  # of 64 pixels


@pytest.mark.parametrize(
    ("parts", "inside", "outside"),
    [
        ([True, False, False, False], (20, 40), (20, 20)),  # the left eye is right in the picture
        ([False, True, False, False], (20, 20), (20, 40)),
        ([False, False, True, False], (32, 30), (44, 30)),
        ([False, False, False, True], (44, 30), (32, 30)),
    ],
)
def test_a_part_is_a_disc_about_its_point(parts, inside, outside):
    found = mask(POINTS, parts, 64)
    assert found[inside] and not found[outside]
    assert found.sum() == pytest.approx(np.pi * 7**2, rel=0.05)  # .35 of the eyes' 20 pixels


def test_names_say_which_parts_were_replaced():
    assert replaced("photoshop/fake/mid_12_0010.jpg") == [False, False, True, False]
    for other in ("openforensics/fake/fake_12.jpg", "openforensics/real/real_1001.jpg"):
        assert replaced(other) == []


def test_the_record_is_of_the_detector_that_ships():
    record = json.loads((project_root() / "results/real/joint-faces-evidence.json").read_text())
    (found,) = [each for each in shipped.shipped() if each.name == "recommended"]
    assert record["weights_sha256"] == found.description["weights_sha256"]
