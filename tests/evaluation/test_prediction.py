"""Verdicts: one line an image, bad images answered, the counts adding up."""

import numpy as np
import pytest
import torch
from PIL import Image

from mesocore.core.images import Preparation, to_array
from mesocore.evaluation.prediction import find_images, predict
from mesocore.nets.detector import Detector
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
    assert 0.5 < middle.probability_fake < 0.6 == middle.threshold
    assert bright.probability_fake == pytest.approx(1 / (1 + np.exp(-7.2 / 2)), abs=0.01)


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
