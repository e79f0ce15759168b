"""Verdicts: one line a file, bad images answered, the counts adding up."""

import csv
import io
import json
import math
import os
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mesocore.core.errors import BadImage, UserError
from mesocore.core.images import Preparation, to_array
from mesocore.evaluation import prediction
from mesocore.evaluation.prediction import (
    BETWEEN,
    UNKNOWN,
    Verdict,
    find_images,
    predict,
    show,
)
from mesocore.faces import face_finder, render
from mesocore.nets.detector import Detector
from mesocore.nets.inference.calibration import Examined
from tests.conftest import picture
from tests.factories import write_images


class Brightness(torch.nn.Module):
    """A detector whose answer can be checked by hand: bright images are fake."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.float().mean((1, 2, 3)) - 128) / 10


@pytest.fixture
def detector() -> Detector:
    return Detector(Brightness(), Preparation(size=64), 64, threshold=0.6, temperature=2.0)


def save(path, grey: int):
    Image.new("RGB", (80, 80), (grey,) * 3).save(path)
    return str(path)


def test_probability_verdict_and_threshold(detector, tmp_path):
    paths = [save(tmp_path / f"{grey}.png", grey) for grey in (90, 130, 200)]
    dark, middle, bright = predict(detector, paths)
    assert (dark.verdict, middle.verdict, bright.verdict) == ("real", "real", "fake")
    assert 0.5 < middle.probability_fake < 0.6 == middle.real_below == middle.fake_from
    assert str(middle).endswith("threshold 0.600)")
    assert bright.probability_fake == pytest.approx(1 / (1 + np.exp(-7.2 / 2)), abs=0.01)


def test_between_the_limits_of_a_band_the_verdict_is_unsure(detector, tmp_path):
    careful = replace(detector, band=(0.4, 0.9))
    paths = [save(tmp_path / f"{grey}.png", grey) for grey in (90, 130, 200)]
    found = list(predict(careful, paths))
    assert [v.verdict for v in found] == ["real", "unsure", "fake"]
    assert str(found[1]).endswith("real below 0.400, fake from 0.900)")
    assert [careful.verdict(p) for p in (0.39999, 0.4, 0.89999, 0.9)] == [
        "real", "unsure", "unsure", "fake"]  # fmt: skip


class Sorting(Brightness):
    """As `Brightness`; and the redder a picture, the surer it is of its kind."""

    def examine(self, images: torch.Tensor) -> Examined:
        kind = images[:, 0].float().mean((1, 2)) / 255
        return Examined(self(images).double().numpy(), kind.double().numpy())


def test_what_is_like_nothing_learnt_is_unsure_however_sure_the_score(tmp_path, monkeypatch):
    knowing = Detector(Sorting(), Preparation(size=64), 64, 0.6, 2.0, band=(0.4, 0.9),
                       kind_from=0.8)  # fmt: skip
    monkeypatch.setattr("mesocore.nets.detector.examine",
                        lambda model, images, batch: model.examine(images))  # fmt: skip
    for name, colour in (("known", (255, 200, 200)), ("strange", (180, 255, 255)),
                         ("between", (230, 100, 70))):  # fmt: skip
        Image.new("RGB", (80, 80), colour).save(tmp_path / f"{name}.png")
    between, known, strange = predict(knowing, [str(tmp_path)])
    assert [v.verdict for v in (known, strange, between)] == ["fake", "unsure", "unsure"]
    assert [v.reason for v in (known, strange, between)] == [None, UNKNOWN, BETWEEN]
    assert 0.85 < strange.probability_fake <= 0.9  # drawn towards one half
    assert strange.kind_from == 0.8 > strange.probability_kind
    assert "unsure, like nothing it learnt from (probability" in str(strange)
    assert "unsure (probability" in str(between)
    blind = replace(knowing, kind_from=None)
    for verdict in predict(blind, [str(tmp_path / "strange.png")]):
        assert (verdict.verdict, verdict.probability_kind, verdict.reason) == ("fake", None, None)
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(UserError, match="kind_from"):
            replace(knowing, kind_from=wrong)


def test_where_fakes_are_rare_it_takes_more_to_call_one(detector, tmp_path):
    path = save(tmp_path / "bright.png", 200)
    even, rare = (next(predict(detector, [path], prior=prior)) for prior in (0.5, 0.01))
    assert even.verdict == "fake" and rare.verdict == "real"
    assert even.probability_at_prior == even.probability_fake == rare.probability_fake
    odds = rare.probability_fake / (1 - rare.probability_fake) / 99  # Bayes, by hand
    assert rare.probability_at_prior == pytest.approx(odds / (1 + odds))
    assert "prior" not in str(even) and f"at a prior of 0.01 {odds / (1 + odds):.3f}" in str(rare)


@pytest.mark.parametrize("prior", [0, 1, -0.1, math.nan])
def test_a_prior_of_none_or_all_is_refused(detector, prior):
    with pytest.raises(UserError, match="prior is .*; write a number above 0 to below 1"):
        next(predict(detector, ["nothing.jpg"], prior=prior))


@pytest.mark.parametrize("band", [(0.7, 0.9), (0.2, 0.5), (-0.1, 0.9), (0.5, 1.1), (0.5, math.nan)])
def test_a_band_that_lacks_the_threshold_is_refused(detector, band):
    with pytest.raises(UserError, match="band"):
        replace(detector, band=band)


def test_a_detector_of_cut_out_faces_cuts_them_out_itself(detector, tmp_path):
    face = render([3], 128)[0][0].permute(1, 2, 0).numpy()
    bright = np.full((300, 400, 3), 250, np.uint8)
    bright[150:278, 220:348] = face
    Image.fromarray(bright).save(tmp_path / "wide.png")
    Image.fromarray(face).save(tmp_path / "face.png")
    Image.new("RGB", (300, 300), "white").save(tmp_path / "none.png")
    cutting = replace(detector, preparation=Preparation(size=64, margin=1.0))
    wide, tight, none = (next(predict(cutting, [str(tmp_path / f"{name}.png")]))
                         for name in ("wide", "face", "none"))  # fmt: skip
    assert wide.probability_fake == pytest.approx(tight.probability_fake, abs=0.05)
    assert next(predict(detector, [str(tmp_path / "wide.png")])).probability_fake > 0.9
    assert none.error == "no face was found"
    assert (wide.face, none.face) == (1, None)
    assert abs(wide.left + wide.right - 2 * 284) < 40 and abs(wide.top + wide.bottom - 428) < 40


def test_each_face_of_a_picture_is_judged_where_it_is(detector, tmp_path):
    """Two faces, one lit: by a detector of brightness they differ."""
    dark, light = (render([seed], 128)[0][0].permute(1, 2, 0).numpy() for seed in (3, 4))
    sheet = np.full((200, 500, 3), 128, np.uint8)
    sheet[30:158, 40:168] = dark // 3
    sheet[30:158, 320:448] = 255 - (255 - light) // 3
    Image.fromarray(sheet).save(tmp_path / "two.png")
    turned = Image.fromarray(sheet).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter, upright again
    turned.save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(sheet).resize((100, 40)).save(tmp_path / "tiny.png")
    cutting = replace(detector, preparation=Preparation(size=64, margin=1.0))
    found = list(predict(cutting, [str(tmp_path / "two.png")]))
    assert [v.face for v in found] == [1, 2] and {v.path for v in found} == {found[0].path}
    by_place = sorted(found, key=lambda v: v.left)
    assert [v.verdict for v in by_place] == ["real", "fake"]
    assert by_place[0].right < 250 < by_place[1].left
    assert f", face 1 at {found[0].left},{found[0].top} to " in str(found[0])
    shown = list(predict(cutting, [str(tmp_path / "turned.png")]))
    assert [(v.left, v.verdict) for v in shown] == [(v.left, v.verdict) for v in found]
    small = list(predict(cutting, [str(tmp_path / "tiny.png")]))
    assert small and all(v.verdict is None for v in small)
    assert small[0].error.startswith(("too small to judge: ", "no face was found"))
    (whole,) = predict(cutting, [str(tmp_path / "two.png")], crop=False)
    assert whole.face is None and whole.left is None and whole.verdict is not None


def test_faces_fill_batches_and_keep_their_order(detector, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "BATCH", 3)
    squares = {40: 0, 80: 4, 120: 1, 160: 2}  # faces by the grey level of the picture
    for grey in squares:
        save(tmp_path / f"{grey:03d}.png", grey)
    cut = (0, 0, 64, 64)

    def faces(image, margin):
        count = squares[image.getpixel((0, 0))[0]]
        if not count:
            raise BadImage("no face was found")
        return [cut] * count

    monkeypatch.setattr(face_finder, "face_squares", faces)
    cutting = replace(detector, preparation=Preparation(size=64, margin=1.0))
    found = list(predict(cutting, [str(tmp_path)]))
    names = [os.path.basename(v.path)[:3] for v in found]
    assert names == ["040", *["080"] * 4, "120", "160", "160"]
    assert [v.face for v in found] == [None, 1, 2, 3, 4, 1, 1, 2]
    expected = [detector.probabilities(torch.full((1, 3, 64, 64), int(name), dtype=torch.uint8))[0]
                for name in names[1:]]  # fmt: skip
    assert [v.probability_fake for v in found[1:]] == pytest.approx(expected, abs=0.02)


def test_a_bad_image_is_answered_and_the_rest_go_on(detector, tmp_path):
    good = save(tmp_path / "good.png", 200)
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "empty.jpg").touch()
    paths = [str(tmp_path / "text.jpg"), good, str(tmp_path / "empty.jpg"), "missing.jpg"]
    found = list(predict(detector, paths))
    assert [v.path for v in found] == paths
    assert [v.error is None for v in found] == [False, True, False, False]
    assert found[1].verdict == "fake" and "text.jpg: error: " in str(found[0])


def test_folders_globs_and_more_than_one_batch(detector, tmp_path):
    write_images(tmp_path / "a b" / "é", per_class=20)
    assert len(list(predict(detector, [str(tmp_path)]))) == 40
    assert len(find_images([str(tmp_path / "a b" / "*" / "fake" / "*.png")])) == 20
    assert len(find_images([str(tmp_path / "**")])) == 40
    assert len(find_images([str(tmp_path / "a b" / "*")])) == 40
    (tmp_path / "none").mkdir()
    assert find_images([str(tmp_path / "none")])[0][1] == "no image in this folder"
    assert find_images([str(tmp_path / "*.xyz")])[0][1] == "no such file"


def test_an_image_goes_through_the_detectors_own_preparation(detector, tmp_path):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (100, 140, 3), dtype=np.uint8))
    image.save(tmp_path / "wide.png")
    expected = to_array(tmp_path / "wide.png", detector.preparation)
    score = detector.probabilities(torch.from_numpy(expected)[None])[0]
    assert next(predict(detector, [str(tmp_path / "wide.png")])).probability_fake == score


def test_every_file_of_a_folder_is_answered(detector, tmp_path):
    folder, beside = tmp_path / "mine", tmp_path / "beside"
    (folder / "empty").mkdir(parents=True)
    beside.mkdir()
    for name, form in (("a.jpe", "JPEG"), ("b.avif", "AVIF"), ("c.jp2", "JPEG2000"),
                       ("d.ppm", "PPM"), ("e", "PNG"), (".f.jpg", "JPEG")):  # fmt: skip
        picture(1).save(folder / name, form)
    picture(2).save(beside / "g.png")
    (folder / "linked").symlink_to(beside)
    (folder / "loop").symlink_to(folder)
    (folder / "broken.jpg").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    (folder / "clip.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(99))
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" + bytes(99))
    (folder / "notes.txt").write_text("a letter")
    found = {os.path.relpath(v.path, folder): v for v in predict(detector, [str(folder)])}
    judged = {"a.jpe", "b.avif", "c.jp2", "d.ppm", "e", ".f.jpg", "linked/g.png"}
    assert {name for name, verdict in found.items() if verdict.verdict} == judged
    reasons = {name: v.error.split(":")[0] for name, v in found.items() if v.error}
    assert reasons == {
        "loop": "a link to a folder that was already visited",
        "broken.jpg": "broken symbolic link",
        "pipe": "not a regular file",
        "clip.mov": "not an image but a video",
        ".DS_Store": "not an image",
        "notes.txt": "not an image",
    }


def test_a_glob_walks_into_no_loop(tmp_path):
    save(tmp_path / "a.png", 90)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/loop").symlink_to(tmp_path)
    assert find_images([str(tmp_path / "**/*.png")]) == [(str(tmp_path / "a.png"), None)]


def test_a_low_range_is_an_error_and_no_verdict(detector, tmp_path):
    grey = np.asarray(picture(3).convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 16).save(tmp_path / "12_in_16.png")
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.int32)).save(tmp_path / "8_in_32.tif")
    refused, plain, wide = predict(detector, [str(tmp_path)])
    assert refused.error.startswith("integer pixels of unknown range: ")
    assert wide.probability_fake == plain.probability_fake


NAMES = [os.fsdecode(b"caf\xe9.jpg"), "été.jpg", "two\nlines.jpg"]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("form", ["text", "csv", "json"])
def test_any_name_prints_in_any_locale(monkeypatch, form, encoding):
    out = io.TextIOWrapper(io.BytesIO(), encoding, newline="")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        assert show((Verdict(name, error="empty file") for name in NAMES), form) == 3
    out.flush()
    printed = out.buffer.getvalue()
    if form == "text":
        shown = printed.decode(encoding).replace("\\xe9t\\xe9", "été").splitlines()
        paths = [line.removesuffix(": error: empty file") for line in shown]
        assert paths == ["caf\\xe9.jpg", "été.jpg", "two\\x0alines.jpg"]
        return
    said = printed.decode("utf-8")
    rows = json.loads(said) if form == "json" else csv.DictReader(io.StringIO(said, newline=""))
    assert [row["path"] for row in rows] == ["caf\\xe9.jpg", "été.jpg", "two\\x0alines.jpg"]
