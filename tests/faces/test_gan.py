"""Training of the generator: it moves, it grows, and it resumes to the same bits."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from mesocore.core.errors import UserError
from mesocore.core.images import encode_jpeg
from mesocore.faces.gan import regularisers, train
from mesocore.faces.gan.discriminator import Discriminator, deviation
from mesocore.faces.gan.train import GanConfig, Phase

SHORT = GanConfig(phases=(Phase(8, 3, 4), Phase(16, 3, 4)), penalty_every=2)


@pytest.fixture(scope="module")
def photographs():
    return np.random.default_rng(0).integers(0, 256, (6, 128, 128, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def finished(photographs, tmp_path_factory):
    return train.train(photographs, tmp_path_factory.mktemp("whole"), SHORT)


def test_a_run_that_stopped_ends_as_one_that_did_not(photographs, finished, tmp_path, monkeypatch):
    step = train.Players.step

    def killed(self, images, number):
        if number == 4:
            raise KeyboardInterrupt
        return step(self, images, number)

    monkeypatch.setattr(train.Players, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        train.train(photographs, tmp_path / "run", SHORT, save_every=2)
    monkeypatch.setattr(train.Players, "step", step)
    state = train.train(photographs, tmp_path / "run", SHORT, save_every=2)
    whole, resumed = load_file(finished), load_file(state)
    assert whole.keys() == resumed.keys() and int(resumed["steps"]) == 6
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_layers_of_the_reached_resolutions_learn_and_others_wait(finished):
    torch.manual_seed(SHORT.seed)
    trained, fresh = load_file(finished), train.Players(SHORT)
    fresh = {f"generator.{key}": value for key, value in fresh.generator.state_dict().items()}

    def moved(layer):
        return not torch.equal(trained[f"generator.convs.{layer}.weight"],
                               fresh[f"generator.convs.{layer}.weight"])  # fmt: skip

    assert trained.keys() >= fresh.keys()
    assert moved(0) and moved(4) and not moved(5) and not moved(10)


def test_the_average_lags_behind(finished):
    state = load_file(finished)
    now, mean = state["generator.convs.0.weight"], state["average.convs.0.weight"]
    assert not torch.equal(now, mean)
    average = train.load_average(finished)
    assert torch.equal(average.convs[0].weight, mean)


def test_resolutions_are_faded_in():
    phases = (Phase(8, 10, 4), Phase(16, 10, 2, fade=5))
    assert train._where(phases, 9)[:2] == (phases[0], 1.0)
    assert train._where(phases, 10) == (phases[1], 0.0, 40, 1.0)
    assert train._where(phases, 12)[1] == pytest.approx(0.4)
    assert train._where(phases, 17)[1] == 1.0
    discriminator, pictures = Discriminator(), torch.randn(2, 3, 16, 16)
    half = torch.nn.functional.avg_pool2d(pictures, 2)
    assert torch.allclose(discriminator(pictures, 0.0), discriminator(half), atol=1e-5)


def test_deviation_in_the_minibatch_shows_collapse():
    same, different = torch.ones(4, 2, 4, 4), torch.randn(4, 2, 4, 4)
    assert deviation(same).max() < 1e-3 < deviation(different).min()
    assert deviation(different).shape == (4, 1, 4, 4)


def test_phases_to_come_may_change_and_others_may_not(photographs, finished):
    longer = GanConfig(phases=(Phase(8, 3, 4), Phase(16, 4, 4)), penalty_every=2)
    assert int(load_file(train.train(photographs, finished.parent, longer))["steps"]) == 7
    more = replace(longer, phases=(*longer.phases, Phase(16, 1, 2, fade=0)))
    assert int(load_file(train.train(photographs, finished.parent, more))["steps"]) == 8
    for other in (replace(more, seed=1), replace(more, phases=(Phase(8, 2, 4), *more.phases[1:]))):
        with pytest.raises(UserError, match="other settings"):
            train.train(photographs, finished.parent, other)


def test_the_rate_falls_to_nothing_where_it_shall():
    phases = (Phase(8, 10, 4), Phase(8, 10, 4, fade=0, rate=0.8, fall=True))
    rates = [train._where(phases, step)[3] for step in (0, 9, 10, 15, 19)]
    assert rates == pytest.approx([1, 1, 0.8, 0.4, 0.08])


def test_the_spectral_gap_is_the_difference_of_log_powers():
    noise = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert regularisers.spectrum_gap(noise, noise) == 0
    assert regularisers.spectrum_gap(2 * noise, noise) == pytest.approx(np.log(4) ** 2, rel=1e-3)
    smooth = torch.nn.functional.avg_pool2d(noise, 3, 1, 1).requires_grad_()
    before = regularisers.spectrum_gap(smooth, noise)
    before.backward()
    after = regularisers.spectrum_gap(smooth.detach() - 20 * smooth.grad, noise)
    assert after < before  # it is a loss that can be walked down


def test_photographs_meet_their_own_target(photographs):
    rng = np.random.default_rng(1)
    grain = rng.normal(size=(400, 32, 32, 1)) * rng.uniform(10, 40, (400, 1, 1, 1))
    images = (128 + grain).clip(0, 255).astype(np.uint8).repeat(3, axis=3)
    target = regularisers.Target.of(images)
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
    moments = target.moments(pictures)
    assert moments[0].abs().max() < 1e-3 and moments[1].abs().max() < 0.4
    louder = target.moments(2 * pictures)
    assert louder[0].abs().max() > 1


def test_the_charge_leads_running_moments_to_those_of_photographs():
    torch.manual_seed(0)
    images = (torch.randn(400, 32, 32, 1) * 20 + 128).clamp(0, 255).to(torch.uint8)
    target = regularisers.Target.of(images.expand(-1, -1, -1, 3).numpy())
    gain, running = torch.tensor(0.5, requires_grad=True), torch.zeros(2, 8)
    for _ in range(300):
        fake = gain * torch.randn(16, 1, 32, 32).expand(-1, 3, -1, -1) * 20 / 127.5
        moments = target.moments(fake)
        running.lerp_(moments.detach(), 0.1)
        (slope,) = torch.autograd.grad(regularisers.penalty(running, moments), gain)
        with torch.no_grad():
            gain -= 0.002 * slope.sign()
    assert float(gain.detach()) == pytest.approx(1, abs=0.05)


def test_block_costs_follow_the_size_of_a_jpeg():
    rng, sizes, costs = np.random.default_rng(0), [], []
    for grain in (1, 3, 6, 12, 24):
        image = (128 + rng.normal(size=(64, 64, 3)) * grain).clip(0, 255).astype(np.uint8)
        sizes.append(len(encode_jpeg(Image.fromarray(image), 95)))
        picture = torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1
        costs.append(float(regularisers.block_cost(picture).sum()))
    assert np.corrcoef(sizes, costs)[0, 1] > 0.98


def test_the_cosines_keep_energy():
    block = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    cosines, step, bands = regularisers._dct()
    turned = torch.nn.functional.conv2d(block, cosines, stride=8)
    assert float(turned.square().sum()) == pytest.approx(float(block.square().sum()), rel=1e-5)
    assert float(turned[0, 0]) == pytest.approx(float(block.sum()) / 8, rel=1e-4)
    assert bands.sum(0) == pytest.approx(torch.ones(6)) and step.min() == 2


def test_colour_statistics_by_hand():
    picture = torch.linspace(-1, 1, 64).view(1, 1, 8, 8).repeat(1, 3, 1, 1)
    mean, deviation, low, high = (regularisers.colour(picture) / 5)[0].view(4, 3)[:, 0]
    assert mean == pytest.approx(0, abs=1e-6) and low == pytest.approx(-0.9, abs=1e-5)
    assert deviation.exp() == pytest.approx(float(picture[0, 0].std()) + 1e-3, rel=1e-5)
    assert high == pytest.approx(0.9, abs=1e-5)


def test_a_wave_has_its_power_in_its_ring():
    wave = torch.sin(2 * torch.pi * 0.2 * torch.arange(64))[None].repeat(64, 1)
    power = regularisers.log_power(wave.expand(1, 3, 64, 64))
    assert power.shape == (1, 16) and int(power.argmax()) == int(0.2 * 2 * 16)
