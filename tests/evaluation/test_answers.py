"""Answers that are kept: what an interrupted file goes on with, and pictures of the evidence."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.evaluation import prediction
from mesocore.evaluation.answers import Overlays, VerdictFile
from mesocore.evaluation.answers.overlays import EDGE, HEAT, SIDE, evidence, picture
from mesocore.evaluation.prediction import Verdict, predict
from mesocore.nets.detector import Detector
from mesocore.nets.inference import export, load_exported
from mesocore.nets.models import build
from tests.evaluation.test_prediction import Brightness, save

POOLED = "meso4+inverted+pooled+cooccurrences+kinds"


@pytest.fixture
def detector() -> Detector:
    return Detector(Brightness(), Preparation(size=64), 64, threshold=0.6, temperature=2.0)


@pytest.fixture
def pictures(tmp_path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for grey in (90, 130, 200, 220):
        save(folder / f"{grey:03d}.png", grey)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def rows(file: Path) -> list[dict]:
    with open(file, encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_the_file_says_what_predict_says(detector, pictures, tmp_path):
    out = tmp_path / "verdicts.csv"
    counts = VerdictFile(out).add(detector, [str(pictures)])
    assert counts == {"real": 2, "fake": 2, "error": 1}
    expected = [{name: "" if value is None else str(value) for name, value in v.to_dict().items()}
                for v in predict(detector, [str(pictures)])]  # fmt: skip
    assert rows(out) == expected


@pytest.mark.parametrize(
    "lines, cut, again", [(1, 0, 4), (2, 0, 4), (4, 20, 4), (5, 0, 2), (6, 9, 0)]
)
def test_an_interrupted_file_goes_on_to_the_same_bytes(
    detector, pictures, tmp_path, monkeypatch, lines, cut, again
):
    monkeypatch.setattr(prediction, "BATCH", 2)
    whole, begun = tmp_path / "whole.csv", tmp_path / "begun.csv"
    VerdictFile(whole).add(detector, [str(pictures)])
    kept = b"".join(whole.read_bytes().splitlines(keepends=True)[:lines])
    begun.write_bytes(kept[: len(kept) - cut])
    seen = []
    monkeypatch.setattr(Brightness, "forward", counting(Brightness.forward, seen))
    VerdictFile(begun, resume=True).add(detector, [str(pictures)])
    assert begun.read_bytes() == whole.read_bytes()
    assert sum(seen) == again


def counting(forward, seen: list[int]):
    def counted(self, images):
        seen.append(len(images))
        return forward(self, images)

    return counted


def test_a_picture_whose_faces_may_be_cut_off_is_judged_anew(detector, pictures, tmp_path):
    out = tmp_path / "verdicts.csv"
    VerdictFile(out).add(detector, [str(pictures)])
    first = rows(out)[0]["path"]
    text = out.read_text().splitlines(keepends=True)
    out.write_text("".join([text[0], text[1].replace(",real,", ",fake,")]))
    VerdictFile(out, resume=True).add(detector, [first])
    assert [row["verdict"] for row in rows(out)] == ["real"]


def test_what_is_no_file_of_these_verdicts_is_refused(detector, pictures, tmp_path):
    out = tmp_path / "verdicts.csv"
    VerdictFile(out).add(detector, [str(pictures)])
    before = out.read_bytes()
    with pytest.raises(UserError, match="is there already; add --resume"):
        VerdictFile(out)
    for other, prior, said in ((replace(detector, threshold=0.7, band=None), 0.5,
                                "real_below 0.6, now 0.7"),
                               (detector, 0.1, "prior 0.5, now 0.1")):  # fmt: skip
        with pytest.raises(UserError, match=f"was begun with .*{said}"):
            VerdictFile(out, resume=True).add(other, [str(pictures)], prior=prior)
    assert out.read_bytes() == before
    for content in (b"some,other,table\n1,2,3\n", b"\xff\xfe"):
        out.write_bytes(content)
        with pytest.raises(UserError, match="verdicts.csv (begins with|is not UTF-8)"):
            VerdictFile(out, resume=True)
        assert out.read_bytes() == content


def test_an_overlay_is_orange_where_the_map_is_high():
    image = np.full((3, 64, 64), 200, np.uint8)
    heat = np.zeros((64, 64), np.float32)
    heat[:32, :32] = 3.0
    sheet = np.asarray(picture(image, heat, "face.png: fake"))
    panels = np.flatnonzero((sheet == 200).all(2).sum(1) > SIDE // 2)
    top, right = panels[0], SIDE + 2 * EDGE
    hot, cold = sheet[top + 40, right + 40], sheet[top + SIDE - 40, right + SIDE - 40]
    assert (cold == 200).all() and np.abs(hot.astype(int) - HEAT).sum() < 120
    assert (sheet[top + 40, EDGE + 40] == 200).all(), "the face itself is left as it was"
    assert (np.asarray(picture(image, 0 * heat, "")) != HEAT).any()


def test_each_judged_face_gets_a_picture_with_its_name(tmp_path):
    network = build("meso4+inverted+pooled+cooccurrences+kinds", 64).eval()
    detector = Detector(network, Preparation(size=128), 64, 0.5, 1.0)
    overlays = Overlays(detector, tmp_path / "new")
    image = np.random.default_rng(0).integers(0, 256, (3, 128, 128), dtype=np.uint8)
    answer = Verdict("a/b c.jpg", 2, 1, 2, 3, 4, 0.7, 0.5, 0.7, "unsure", 0.2, 0.9)
    names = [overlays.add(replace(answer, face=face), image).name for face in (2, None)]
    assert names == ["00001-b_c-face-2.png", "00002-b_c.png"]
    assert Image.open(tmp_path / "new" / names[0]).size[0] == 2 * SIDE + 3 * EDGE


def test_an_exported_detector_gives_the_evidence_of_its_network(tmp_path):
    about = {"config": {"model": POOLED}, "weights_sha256": "0" * 64}
    model = build(POOLED, 64).eval()
    with torch.no_grad():  # what is found anywhere speaks for one kind of forgery
        model.classifier[-1].weight.zero_()[-1] = 1
    ours = Detector(model, Preparation(size=64), 64, 0.5, 1.0, about)
    export(ours, tmp_path / "detector.onnx")
    theirs = load_exported(tmp_path / "detector.onnx")
    image = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    found = evidence(theirs, image)
    assert found.shape == (64, 64) and np.ptp(found) > 0
    assert np.allclose(found, evidence(ours, image), atol=1e-5)


def test_an_exported_detector_without_places_explains_nothing(tmp_path):
    about = {"config": {"model": "meso4"}, "weights_sha256": "0" * 64}
    export(Detector(build("meso4", 64), Preparation(size=64), 64, 0.5, 1.0, about),
           tmp_path / "detector.onnx")  # fmt: skip
    with pytest.raises(UserError, match="the exported meso4 gives no evidence by place"):
        Overlays(load_exported(tmp_path / "detector.onnx"), tmp_path / "new")
    assert not (tmp_path / "new").exists()
