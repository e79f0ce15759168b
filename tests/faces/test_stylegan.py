"""The style-based generator: styles, noise, mixing, truncation, and pictures that repeat."""

import numpy as np
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.course import stylegan_plots
from mesocore.faces import stylegan
from mesocore.faces.stylegan import LATENT, Generator, StyledConv, adain, draw


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return Generator().eval()


@pytest.fixture(scope="module")
def drawn(generator):
    return draw([1, 2, 3], generator.noise_sides())


@torch.inference_mode()
def test_pictures_have_the_size_that_was_asked_for(generator, drawn):
    latent, noise = drawn
    assert generator(generator.codes(latent), noise).shape == (3, 3, 128, 128)
    sides = [picture.shape[-1] for picture in generator.pyramid(generator.codes(latent), noise, 32)]
    assert sides == [4, 8, 16, 32]


@torch.inference_mode()
def test_scaled_activations_are_scaled_kernels(drawn):
    """StyleGAN2's own formulation makes a kernel for each image; ours must be the same function."""
    conv = StyledConv(5, 7).double()
    x, code = torch.randn(2, 5, 8, 8).double(), torch.randn(2, LATENT).double()
    style = conv.style(code)
    kernels = conv.weight * conv.scale * style[:, None, :, None, None]  # (2, 7, 5, 3, 3)
    kernels = kernels / (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    one_by_one = [torch.nn.functional.conv2d(x[i : i + 1], kernels[i], padding=1) for i in range(2)]
    expected = stylegan.lrelu(torch.cat(one_by_one) + conv.bias[:, None, None])
    assert torch.allclose(conv(x, code), expected, atol=1e-6)


@torch.inference_mode()
def test_early_styles_reach_every_pixel_and_late_ones_only_the_surface(generator, drawn):
    latent, noise = drawn
    codes = generator.codes(latent[:1]).clone()
    other = generator.codes(latent[1:2] * 3)
    noise = [layer[:1] for layer in noise]
    base = generator.pyramid(codes, noise, 128)
    mixed = codes.clone()
    mixed[:, -1] = other[:, -1]
    late = generator.pyramid(mixed, noise, 128)
    assert all(torch.equal(a, b) for a, b in zip(base[:-1], late[:-1], strict=True))
    assert not torch.equal(base[-1], late[-1])
    mixed = codes.clone()
    mixed[:, 0] = other[:, 0]
    assert not torch.equal(generator.pyramid(mixed, noise, 4)[0], base[0])


@torch.inference_mode()
def test_truncation_goes_to_the_mean_face(generator, drawn):
    latent, _ = drawn
    full, half, none = (generator.codes(latent, t) for t in (1.0, 0.5, 0.0))
    assert torch.allclose(none, generator.mean_code.expand_as(none))
    assert torch.allclose(half, (full + none) / 2, atol=1e-6)


@torch.inference_mode()
def test_noise_changes_a_picture_as_far_as_it_was_given_strength(generator, drawn):
    latent, noise = drawn
    codes = generator.codes(latent)
    assert torch.equal(generator(codes, noise), generator(codes))  # strengths start at 0
    generator.convs[-1].strength.data.fill_(0.1)
    changed = generator(codes, noise)
    generator.convs[-1].strength.data.zero_()
    assert not torch.equal(changed, generator(codes))


def test_adain_gives_each_channel_the_mean_and_deviation_of_the_style():
    x = torch.randn(2, 3, 16, 16) * 5 + 2
    scale, shift = torch.rand(2, 3) + 0.5, torch.randn(2, 3)
    y = adain(x, scale, shift)
    assert torch.allclose(y.mean((2, 3)), shift, atol=1e-5)
    assert torch.allclose(y.std((2, 3), correction=0), scale, atol=1e-5)


def test_the_shipped_generator_is_small_and_repeats_itself():
    assert stylegan.WEIGHTS.stat().st_size <= 8 * 2**20
    images = stylegan.generate([5, 6])
    assert images.shape == (2, 128, 128, 3) and images.dtype == np.uint8
    assert np.array_equal(images[1], stylegan.generate([6])[0])
    assert not np.array_equal(images[0], images[1])
    calm = stylegan.generate([5, 6], truncation=0.0).astype(int)
    assert np.abs(calm[0] - calm[1]).mean() < np.abs(images[0].astype(int) - images[1]).mean() / 3


def test_mixing_takes_each_range_of_styles_from_another_seed():
    coarse = stylegan_plots.mix([1], [2], stylegan_plots.RANGES["coarse"])[0, 0].astype(int)
    fine = stylegan_plots.mix([1], [2], stylegan_plots.RANGES["fine"])[0, 0].astype(int)
    own = stylegan_plots.mix([1], [1], slice(None))[0, 0].astype(int)
    shown = stylegan_plots.truncated([1], [0.7])[0, 0]
    assert np.array_equal(own, shown)
    assert np.abs(coarse - own).mean() > np.abs(fine - own).mean() > 0


def test_upsampling_leaves_its_mark_in_the_spectrum():
    noise = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 30 + 128
    power = {}
    for kind in ("bilinear", "nearest", "zeros"):
        large = stylegan_plots.upsampled(noise, kind)[:, 0].clamp(0, 255).to(torch.uint8).numpy()
        power[kind] = stylegan_plots.mean_spectrum(list(large))[
            24:
        ].mean()  # from 0.375 cycles a pixel
    assert power["bilinear"] < power["nearest"] < power["zeros"]


def test_mistakes_are_named(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="seed -1"):
        draw([3, -1], [4])
    monkeypatch.setattr(stylegan, "WEIGHTS", tmp_path / "no.safetensors")
    stylegan.load.cache_clear()
    with pytest.raises(UserError, match=r"no\.safetensors is missing"):
        stylegan.load()
    stylegan.load.cache_clear()
