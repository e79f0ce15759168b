"""Counts against torch's own counter, the receptive field against gradients."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mesocore.course.checks.checks_02 import MESO4_LAYERS
from mesocore.nets import profile
from mesocore.nets.models import build, parameter_count


@pytest.mark.parametrize("name", ["meso4", "mesoinception4"])
def test_the_table_adds_up(name):
    model = build(name, 64)
    table = profile.layer_table(model, 64)
    assert table["parameters"].sum() == parameter_count(model)
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert 2 * table["multiply_adds"].sum() == counter.get_total_flops()


def test_the_table_of_meso4_at_256():
    table = profile.layer_table(build("meso4"), 256)
    assert table["parameters"].sum() == 27_977
    assert table["multiply_adds"].sum() == 60_047_376
    assert list(table["output"])[-4:] == ["16 x 8 x 8", "1024", "16", "1"]


def test_counting_leaves_the_model_as_it_was():
    model = build("meso4", 64)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    profile.layer_table(model, 64)
    profile.footprint(model.features, 64)
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_receptive_field_by_hand_and_by_gradient():
    assert profile.receptive_fields(MESO4_LAYERS)[-1] == (90, 32)
    torch.manual_seed(0)
    seen = profile.footprint(build("meso4").features, 256) > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == 90


def test_a_dilated_kernel_widens_the_footprint():
    torch.manual_seed(0)
    plain = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3, padding=1))
    dilated = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3, padding=2, dilation=2))
    widths = [int((profile.footprint(f, 32) > 0).any(0).sum()) for f in (plain, dilated)]
    assert widths == [3, 3]  # nine taps either way, but spread over 5 pixels
    spread = (profile.footprint(dilated, 32) > 0).any(0).nonzero()
    assert int(spread.max() - spread.min()) == 4


def test_the_square_that_holds_a_share():
    strength = torch.zeros(20, 20)
    strength[5:11, 8:14] = 0.01  # 6 x 6 pixels seen, the inner 2 x 2 strongly
    strength[7:9, 10:12] = 1.0
    assert profile.square_holding(strength, 0.9) == 2
    assert profile.square_holding(strength, 0.95) == 4
    assert profile.square_holding(strength, 1.0) == 6
