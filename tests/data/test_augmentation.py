"""Augmentations change what they say, keep shapes, and draw from one generator alone."""

import functools

import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.data import batch_augmentation
from mesocore.data.augmentation import NAMES, augment, cropped, parse, rescaled, saved


def pictures(count: int = 40, grain: float = 0.2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=64, mode="bicubic").clamp(0, 1)
    noise = torch.rand(count, 3, 64, 64, generator=generator)
    return (255 * ((1 - grain) * smooth + grain * noise)).to(torch.uint8)


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


def test_zooming_enlarges_a_square_of_at_least_seven_tenths_anywhere():
    x = torch.arange(64).expand(3, 64, 64)
    images = torch.stack([x, x.transpose(1, 2)] * 100).to(torch.uint8)
    after = augment(images, "zoom", drawn())
    ends = after.flatten(1).aminmax(dim=1)
    shares = (ends.max - ends.min + 1.0) / 64
    assert 0.68 < shares.min() < 0.75 and shares.max() == 1
    assert (ends.min == 0).any() and ends.min.max() > 15  # of 19 that could be left out
    steps = after[0::2].float().diff(dim=-1)
    assert (steps >= 0).all() and not after[0::2].float().diff(dim=-2).any()


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
    assert parse("none") == {}
    both = parse("jpeg:0.25+flip")
    assert both == {"flip": 0.5, "jpeg": 0.25} and list(both) == ["flip", "jpeg"]  # in one order
    images = pictures(4)
    assert torch.equal(augment(images, "none", drawn()), images)
    with pytest.raises(UserError, match="'mixup'; join some of flip, zoom, jpeg"):
        parse("flip+mixup")
    with pytest.raises(UserError, match="'True'"):  # as in a hand-written model.json
        parse(True)


@pytest.mark.parametrize("chance", ["0", "1.5", "nan", "often"])
def test_a_chance_is_above_0_and_at_most_1(chance):
    with pytest.raises(UserError, match=f"the chance of jpeg is '{chance}'"):
        parse(f"flip+jpeg:{chance}")


@pytest.mark.parametrize("name", ["flip", "jpeg"])
def test_an_augmentation_is_done_to_the_share_that_is_asked_for(name):
    images = pictures(200)
    shares = [(augment(images, f"{name}:{chance}", drawn()) != images).flatten(1).any(1)
              .float().mean() for chance in (0.1, 0.9, 1)]  # fmt: skip
    assert 0.04 < shares[0] < 0.16 and 0.84 < shares[1] < 0.96 and shares[2] == 1


def test_a_crop_is_a_square_of_its_own_image_and_falls_everywhere():
    images = torch.arange(64 * 64).reshape(1, 1, 64, 64).expand(300, 3, 64, 64).to(torch.int32)
    crops = cropped(images, 16, drawn())
    assert crops.shape == (300, 3, 16, 16)
    y, x = crops[:, 0, 0, 0] // 64, crops[:, 0, 0, 0] % 64
    assert torch.equal(crops[:, 0] - crops[:, 0, :1, :1], images[:, 0, :16, :16])
    assert {int(y.min()), int(x.min())} == {0} and {int(y.max()), int(x.max())} == {48}
    whole = cropped(images[:6], 16, drawn())
    parts = [cropped(images[:6][k::2], 16, drawn(), 6, slice(k, None, 2)) for k in (0, 1)]
    assert all(torch.equal(part, whole[k::2]) for k, part in enumerate(parts))


@pytest.mark.parametrize("name", batch_augmentation.BATCHED)
def test_a_whole_batch_is_changed_as_its_images_would_be(name):
    images = pictures()
    change_some = functools.partial(batch_augmentation.augment, chances={name: 0.5})
    one, other = (change_some(images.clone(), generator=drawn(k)) for k in (1, 2))
    assert one.shape == images.shape and one.dtype == torch.uint8
    changed = (one != images).flatten(1).any(1)
    assert 10 <= changed.sum() <= 30 and not torch.equal(one, other)
    assert torch.equal(one, change_some(images.clone(), generator=drawn(1)))

    def change(after):
        changed = (after != images).flatten(1).any(1)
        return (after.float() - images.float())[changed].abs().mean()

    assert change(one) == pytest.approx(change(augment(images, name, drawn())), rel=0.25)


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_jpeg_of_a_batch_is_libjpegs_up_to_rounding(quality):
    images = pictures(6, grain=0.02)
    found = batch_augmentation.through_jpeg(images.float(), torch.full((6,), quality))
    expected = torch.stack([saved(image, quality) for image in images]).float()
    apart = (found.round().clamp(0, 255) - expected).abs()
    assert apart.mean() < 1 and (apart > 2).float().mean() < 0.1
    assert (images.float() - expected).abs().mean() > 3 * apart.mean()


def test_resizing_a_group_is_resizing_its_images(monkeypatch):
    images = pictures(8)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor([0.5]))  # to 48 of 64 px
    found = batch_augmentation.resize(images.float(), drawn())
    expected = torch.stack([rescaled(image, 0.75) for image in images]).float()
    apart = (found.round() - expected).abs()
    assert apart.max() <= 2 and apart.mean() < 0.5
