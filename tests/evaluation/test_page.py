"""The page prepares pictures, finds faces and judges as the package does, and sends nothing."""

import json
import re

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from py_mini_racer import MiniRacer

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation, prepared_array
from mesocore.evaluation import prediction
from mesocore.evaluation.answers import overlays
from mesocore.evaluation.page import page_html, write_page, writing
from mesocore.faces import face_finder, render
from mesocore.nets.detector import Detector
from mesocore.nets.inference import export, load_exported
from mesocore.nets.models import build
from tests import browser
from tests.conftest import picture

FINDER = writing.FOLDER / "vendor" / writing.FINDER
MODEL = "meso4+inverted+highpass+pooled+cooccurrences"


@pytest.fixture(scope="module")
def scripts():
    """The page's functions, in V8."""
    engine = MiniRacer()
    for name in ("pixels.js", "faces.js", "verdicts.js"):
        engine.eval((writing.FOLDER / name).read_text())
    return lambda call, **values: json.loads(
        engine.eval("".join(f"var {k} = {json.dumps(v)};" for k, v in values.items())
                    + f"JSON.stringify({call})"))  # fmt: skip


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Three drawn photographs, and a picture without a face."""
    folder, (images, _) = tmp_path_factory.mktemp("photographs"), render(range(3), 256)
    for number, image in enumerate(images):
        drawn = Image.fromarray(image.permute(1, 2, 0).numpy())
        drawn.save(folder / f"face-{number}.png")
    drawn.resize((700, 700)).save(folder / "large.png")
    picture(1, 300).save(folder / "none.png")
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A detector of faces that are cut out, whose answers differ from face to face."""
    preparation = Preparation(size=128, margin=1.3)
    drawn = (Image.fromarray(image.permute(1, 2, 0).numpy()) for image in render(range(8), 256)[0])
    cut = (prepared_array(face_finder.crop_to_face(image, 1.3), preparation) for image in drawn)
    faces = torch.from_numpy(np.stack([*cut]))
    torch.manual_seed(0)
    model = build(MODEL, 128).train()
    for _ in range(10):
        model(faces)
    with torch.no_grad():
        model.classifier[-1].weight.abs_()  # so that there is evidence for "fake"
        spread = model.eval()(faces).std()
        model.classifier[-1].weight *= 3 / spread
        model.classifier[-1].bias -= model(faces).mean()
    about = {"config": {"model": MODEL}, "weights_sha256": "0" * 64}
    detector = Detector(model, preparation, 128, 0.5, 1.0, about, None, (0.4, 0.6))
    file = tmp_path_factory.mktemp("exported") / "detector.onnx"
    export(detector, file)
    return file


def rgba(image: np.ndarray) -> dict:
    height, width = image.shape[:2]
    data = np.dstack([image, np.full((height, width), 255, np.uint8)])
    return {"width": width, "height": height, "data": data.ravel().tolist()}


def pixels(found: dict) -> np.ndarray:
    values = found["data"]  # a typed array, by index
    flat = np.array([values[str(i)] for i in range(len(values))], np.uint8)
    return flat.reshape(found["height"], found["width"], 4)[..., :3]


@pytest.mark.parametrize(("square", "size"), [((5, 9, 40), 64), ((0, 0, 70), 32), ((3, 2, 48), 48)])
def test_squares_are_cut_out_and_scaled_as_by_pillow(scripts, square, size):
    image, (left, top, side) = picture(1, (90, 70)), square
    where = {"left": left, "top": top, "side": side}
    found = scripts("cutOut(image, square, size)", image=rgba(np.asarray(image)), square=where,
                    size=size)  # fmt: skip
    part = image.crop((left, top, left + side, top + side))
    expected = part.resize((size, size), Image.Resampling.LANCZOS)
    assert np.array_equal(pixels(found), np.asarray(expected))


def test_pictures_are_made_smaller_as_by_opencv(scripts):
    image = np.asarray(picture(2, (90, 70)))
    found = scripts("shrunk(image, 41, 33)", image=rgba(image))
    expected = cv2.resize(image, (41, 33), interpolation=cv2.INTER_AREA)
    assert np.array_equal(pixels(found), expected)


def test_squares_about_faces_are_those_of_the_package(scripts):
    drawn = np.random.default_rng(0)
    for _ in range(50):
        size = drawn.integers(60, 400, 2).tolist()
        box = dict(zip(("left", "top", "width", "height"), drawn.uniform(0, 200, 4), strict=True))
        face = face_finder.FoundFace(**box, score=1.0, points=np.zeros((5, 2)))
        found = scripts("squareAbout(face, w, h, 1.3)", face=box, w=size[0], h=size[1])
        left, top, right, _ = face_finder._square(face, tuple(size), 1.3)
        assert found == {"left": left, "top": top, "side": right - left}


def test_the_finders_outputs_are_read_as_by_opencv(scripts, photographs):
    session = onnxruntime.InferenceSession(FINDER, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for file in sorted(photographs.iterdir()):
        image = np.asarray(Image.open(file).convert("RGB"))
        sizes = scripts("finderSize(w, h)", w=image.shape[1], h=image.shape[0])
        small = cv2.resize(image, (sizes["width"], sizes["height"]), interpolation=cv2.INTER_AREA)
        height, width = (-(-length // 32) * 32 for length in small.shape[:2])
        padded = np.zeros((height, width, 3), np.float32)
        padded[: small.shape[0], : small.shape[1]] = small[..., ::-1]
        outputs = session.run(names, {"input": padded.transpose(2, 0, 1)[None]})
        found = scripts("facesFrom(outputs, wide, scale)", scale=sizes["scale"], wide=width,
                        outputs=dict(zip(names, (value.ravel().tolist() for value in outputs),
                                         strict=True)))  # fmt: skip
        expected = face_finder.find_faces(image)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            for name in ("left", "top", "width", "height", "score"):
                assert one[name] == pytest.approx(getattr(other, name), abs=1e-2)


def test_the_pages_finder_is_that_of_the_package():
    ours, theirs = onnx.load(face_finder.WEIGHTS).graph, onnx.load(FINDER).graph
    assert ours.initializer == theirs.initializer and ours.node == theirs.node


def test_pictures_are_shown_to_the_finder_as_planes(scripts):
    image = np.asarray(picture(3, (33, 20)))
    found = scripts("finderInput(image)", image=rgba(image))
    assert (found["width"], found["height"]) == (64, 32)
    values = np.array([found["data"][str(i)] for i in range(3 * 64 * 32)]).reshape(3, 32, 64)
    assert np.array_equal(values[:, :20, :33], image[..., ::-1].transpose(2, 0, 1))
    assert not values[:, 20:].any() and not values[:, :, 33:].any()


def test_of_two_boxes_of_one_face_the_better_stays(scripts):
    one = {"left": 10, "top": 10, "width": 50, "height": 60, "score": 0.8}
    boxes = [one, one | {"left": 14, "score": 0.9}, one | {"left": 200, "score": 0.75}]
    assert [box["score"] for box in scripts("better(boxes)", boxes=boxes)] == [0.9, 0.75]


def test_answers_at_a_prior_are_those_of_predict(scripts, exported, photographs):
    detector = load_exported(exported)
    band = dict(zip(("real_below", "fake_from"), detector.band, strict=True))
    for prior in (0.5, 0.01):
        for verdict in prediction.predict(detector, [str(photographs / "face-*.png")], prior=prior):
            said = scripts("inWords(p, prior, band)", p=verdict.probability_fake, prior=prior,
                           band=band)  # fmt: skip
            assert said["probability"] == pytest.approx(verdict.probability_at_prior, rel=1e-9)
            assert said["verdict"] == verdict.verdict
            assert ("1 in 100" in said["words"]) == (prior == 0.01)
    band = {"real_below": 0.1, "fake_from": 0.9}
    strange = scripts("inWords(0.95, 0.5, band, false)", band=band)
    assert strange["verdict"] == "unsure" and "like nothing that it learnt" in strange["words"]
    words = scripts("inWords(0.95, 0.001, band)", band=band)["words"]
    assert words.startswith("By itself fake; where so few are fake, real. Chance of a fake: 95")


def test_evidence_is_a_layer_on_a_scale_of_its_own(scripts):
    layer = scripts("heatOf(values)", values=[0, 0.5, 2, 1])
    drawn = np.array([layer[str(place)] for place in range(16)]).reshape(4, 4)
    assert drawn[:, :3].tolist() == [list(overlays.HEAT)] * 4
    assert drawn[:, 3].tolist() == [0, 50, 200, 100]
    assert not any(scripts("heatOf([0, 0])")[str(3 + 4 * place)] for place in range(2))


def test_the_page_is_whole_and_may_connect_to_nothing(exported):
    rows = [{"tested on": "<b>here</b>", "ROC AUC": "0.9"}]
    page = page_html(exported, rows)
    assert "@@" not in re.sub(r'<script type="text/plain".*?</script>', "", page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "blob:"
    assert not re.search(r"https?:", policy) and "<b>here</b>" not in page
    assert len(page) < 7e6


def test_a_detector_of_whole_pictures_has_no_page(tmp_path):
    about = {"config": {"model": "meso4"}, "weights_sha256": "0" * 64}
    detector = Detector(build("meso4", 64), Preparation(size=64), 64, 0.5, 1.0, about)
    export(detector, tmp_path / "whole.onnx")
    with pytest.raises(UserError, match="judges whole pictures"):
        page_html(tmp_path / "whole.onnx")


CARDS = """Object.fromEntries([...document.querySelectorAll(".picture")].map((card) => [
    card.querySelector("h3 span").textContent,
    {said: card.textContent, faces: [...card.querySelectorAll("meter")].map((m) => m.value)}]))"""

DRAWN = "[...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()).join()"


def changed(control: str, value: str, event: str) -> str:
    """What a reader does to a control."""
    return (f"(c => {{c.value = '{value}'; c.dispatchEvent(new Event('{event}'))}})"
            f"(document.getElementById('{control}'))")  # fmt: skip


@pytest.mark.skipif(browser.PROGRAM is None, reason="there is no Chromium here")
def test_in_chromium_pictures_are_judged_as_by_predict(exported, photographs, tmp_path):
    write_page(exported, tmp_path / "page.html")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    files = sorted(photographs.iterdir())
    with browser.opened(tmp_path / "page.html", tmp_path / "profile") as tab:
        tab.wait_for("document.documentElement.dataset.ready === 'yes'")
        tab.choose("#files", [*files, tmp_path / "notes.txt", tmp_path / "broken.jpg"])
        tab.wait_for("/faces:/.test(document.getElementById('status').textContent)")
        found = tab.value(CARDS)
        tab.value(changed("prior", "0.001", "change"))
        rare = tab.value("document.getElementById('status').textContent")
        tab.value(changed("prior", "0.5", "change"))
        tab.value(changed("quality", "30", "input"))
        tab.wait_for("/Judging/.test(document.getElementById('status').textContent)", 20)
        tab.wait_for("/faces:/.test(document.getElementById('status').textContent)")
        again = tab.value(CARDS)
        plain = tab.value(DRAWN)
        assert tab.value("document.getElementById('evidence').checkVisibility()")
        tab.value("document.getElementById('evidence').click()")
        assert tab.value(DRAWN) != plain
        tab.value("document.getElementById('evidence').click()")
        assert tab.value(DRAWN) == plain
        assert tab.complaints == []
    expected: dict = {file.name: [] for file in files}
    for verdict in prediction.predict(load_exported(exported), [str(photographs)]):
        expected[verdict.path.rpartition("/")[2]].append(verdict.probability_fake)
    assert np.ptp([p for name, (p,) in expected.items() if name != "none.png"]) > 0.2
    for name, probabilities in expected.items():
        if name == "none.png":
            assert found[name]["faces"] == [] and "No face was found" in found[name]["said"]
        else:
            assert found[name]["faces"] == pytest.approx(probabilities, abs=0.02)
    assert "cannot be read" in found["broken.jpg"]["said"]
    assert "kind that can be read" in found["notes.txt"]["said"]
    assert "0 fake" in rare
    assert abs(again["large.png"]["faces"][0] - found["large.png"]["faces"][0]) > 1e-4
