"""Augmentations change what they say, keep shapes, and draw from one generator alone."""

import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.data.augmentation import NAMES, augment, parse


def pictures(count: int = 40) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=64, mode="bicubic").clamp(0, 1)
    grain = torch.rand(count, 3, 64, 64, generator=generator)
    return (255 * (0.8 * smooth + 0.2 * grain)).to(torch.uint8)


def drawn(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", NAMES)
def test_an_augmentation_changes_about_half_of_the_images_and_not_the_originals(name):
    images = pictures()
    before = images.clone()
    after = augment(images, name, drawn())
    assert torch.equal(images, before)
    assert after.shape == images.shape and after.dtype == torch.uint8
    changed = (after != before).flatten(1).any(1)
    assert 10 <= changed.sum() <= 30


@pytest.mark.parametrize("name", ["jpeg", "blur", "resize"])
def test_what_is_lost_is_fine_detail(name):
    images = pictures()
    after = augment(images, name, drawn())
    changed = (after != images).flatten(1).any(1)

    def roughness(x):
        return (x.float().diff(dim=-1)[changed]).abs().mean()

    assert roughness(after) < roughness(images)
    distance = (after.float() - images.float())[changed].abs().mean()
    assert distance < 20  # it is still the same picture


def test_the_same_seed_gives_the_same_images_and_torchs_own_state_stays():
    images, every = pictures(8), "+".join(NAMES)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = augment(images, every, drawn())
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, augment(images, every, drawn()))
    assert not torch.equal(first, augment(images, every, drawn(2)))


def test_a_gpus_random_state_which_dropout_needs_is_left_alone(monkeypatch):
    def reseed_all_devices(seed):
        raise AssertionError("torch.manual_seed seeds GPUs too")

    monkeypatch.setattr(torch, "manual_seed", reseed_all_devices)
    augment(pictures(8), "+".join(NAMES), torch.default_generator)


def test_mirroring_alone_draws_nothing_else():
    generator, other = drawn(), drawn()
    augment(pictures(8), "flip", generator)
    torch.rand(8, generator=other)
    assert torch.equal(torch.rand(3, generator=generator), torch.rand(3, generator=other))


def test_names_are_joined():
    assert parse("none") == []
    assert parse("jpeg+flip") == ["flip", "jpeg"]  # always done in one order
    images = pictures(4)
    assert torch.equal(augment(images, "none", drawn()), images)
    with pytest.raises(UserError, match="'mixup'; join some of flip, jpeg"):
        parse("flip+mixup")
    with pytest.raises(UserError, match="'True'"):  # as in a hand-written model.json
        parse(True)
