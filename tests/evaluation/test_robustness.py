"""Every sweep does what it says, more of it at every level, and the same to the same image."""

import numpy as np
import pandas as pd
import pytest
import torch

from mesocore.data.augmentation import saved
from mesocore.evaluation import robustness
from mesocore.evaluation.robustness import SWEEPS
from mesocore.nets.detector import Detector
from mesocore.nets.models import build
from tests.data.test_augmentation import pictures


@pytest.mark.parametrize("name", SWEEPS)
def test_a_level_changes_every_image_and_repeats_itself(name):
    images = pictures(4)
    before = images.clone()
    for level in (SWEEPS[name].levels[0], SWEEPS[name].levels[-1]):
        after = robustness.changed(images, name, level)
        assert after.shape == images.shape and after.dtype == torch.uint8
        assert (after != images).flatten(1).any(1).all()
        assert torch.equal(after, robustness.changed(images, name, level))
    assert torch.equal(images, before)
    assert robustness.changed(images, name, SWEEPS[name].none) is images


@pytest.mark.parametrize("name", SWEEPS)
def test_levels_grow(name):
    images = pictures(6)
    levels = (SWEEPS[name].levels[0], SWEEPS[name].levels[-1])
    near, far = (robustness.changed(images, name, level).float() for level in levels)
    assert (far - images).square().mean() > 1.2 * (near - images).square().mean()


def test_levels_of_a_random_sweep_share_their_draws():
    images = torch.full((1, 3, 64, 64), 128, dtype=torch.uint8)
    small, large = (robustness.changed(images, "noise", d).float() - 128 for d in (4, 8))
    assert torch.corrcoef(torch.stack([small.flatten(), large.flatten()]))[0, 1] > 0.98
    assert large.std() == pytest.approx(8, rel=0.05)


def test_a_screen_leaves_stripes_and_less_contrast():
    images = torch.full((1, 3, 96, 96), 128, dtype=torch.uint8)
    images[..., 32:64] = 250
    seen = robustness.changed(images, "recapture", 1.0).float()
    dark, light = seen[..., 4:28].mean(), seen[..., 36:60].mean()
    assert 60 < light - dark < 122  # the glow and the tone curve of a screen
    assert seen[..., 4:28].std() > 2


def test_jpeg_is_the_encoder_of_assembly():
    images = pictures(2)
    assert torch.equal(robustness.changed(images, "jpeg", 50)[1], saved(images[1], 50))


def test_a_detector_of_fine_grain_loses_it_to_blur():
    class Grain(torch.nn.Module):
        def forward(self, images):
            return 2 * images.float().diff(dim=-1).abs().mean((1, 2, 3)) - 13

    images = pictures(60)
    images[::2] = robustness.changed(images[::2], "blur", 0.7)  # the even ones are real
    table = pd.DataFrame({"label": ["real", "fake"] * 30, "group": range(60)})
    detector = Detector(Grain(), None, 64, 0.5, 1.0)
    found = robustness.sweep(detector, images, table, "blur", resamples=30)
    assert found["level"].tolist() == [0, *SWEEPS["blur"].levels]
    assert found["roc_auc"].iloc[0] > 0.99 > 0.9 > found["roc_auc"].iloc[-1]
    assert found["balanced_accuracy"].iloc[-1] == 0.5  # everything is called real
    assert (found["roc_auc_low"] <= found["roc_auc"]).all()


def test_several_runs_are_averaged():
    table = pd.DataFrame({"label": ["real", "fake"] * 20, "group": range(40)})
    rng = np.random.default_rng(0)
    runs = rng.random((2, 40))
    both = robustness.level_metrics(table, runs, [0.5, 0.9], resamples=10)
    alone = [
        robustness.level_metrics(table, run, [t], 10)
        for run, t in zip(runs, (0.5, 0.9), strict=True)
    ]
    mean = np.mean([found["roc_auc"]["value"] for found in alone])
    assert both["roc_auc"]["value"] == pytest.approx(mean)
    share = np.mean([found["called_fake"]["real"] for found in alone])
    assert both["called_fake"]["real"] == pytest.approx(share)


def test_a_model_that_was_built_is_swept():
    torch.manual_seed(0)
    detector = Detector(build("meso4", 64), None, 64, 0.5, 1.0)
    table = pd.DataFrame({"label": ["real", "fake"] * 5, "group": range(10)})
    found = robustness.sweep(detector, pictures(10), table, "crop", resamples=5)
    assert len(found) == 5 and found.notna().all().all()
