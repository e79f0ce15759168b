"""Blocks: shapes, gradients, weights, that each does something, and that none is empty."""

import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.nets import layers
from mesocore.nets.layers import ATTENTION, InvertedResidual
from mesocore.nets.models import parameter_count

KINDS = list(ATTENTION)


def block(kind: str, channels: int = 16) -> torch.nn.Module:
    torch.manual_seed(0)
    return layers.attention(kind, channels).eval()


def maps(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", KINDS)
def test_attention_gates_every_value_and_changes_it(kind):
    module, x = block(kind), maps(2, 16, 8, 12)
    gate = module.gate(x)
    y = module(x)
    assert y.shape == x.shape and (gate.expand_as(x) * x - y).abs().max() == 0
    assert gate.min() > 0 and gate.max() < 1
    assert (y - x).abs().mean() > 0.1 * x.abs().mean()


@pytest.mark.parametrize("kind", KINDS)
def test_a_gate_depends_on_the_image_and_on_the_weights(kind):
    module, x = block(kind), maps(2, 16, 8, 8)
    gate = module.gate(x)
    assert not torch.allclose(gate[0], gate[1])
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
    assert not torch.allclose(module.gate(x), gate)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_gated_by_itself_alone(kind):
    module, x = block(kind), maps(3, 16, 8, 8)
    assert torch.allclose(module(x)[1:2], module(x[1:2]), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_right(kind):
    module, x = block(kind, 4).double(), maps(2, 4, 3, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(module, (x,))


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("se", 2 * 16 * 4 + 4 + 16),
        ("eca", 3),
        ("cbam", 2 * 16 * 4 + 4 + 16 + 2 * 7 * 7),
        ("coordinate", 16 * 8 + 2 * 8 + 2 * (8 * 16 + 16)),
    ],
)
def test_weights_are_as_counted_by_hand(kind, weights):
    assert parameter_count(block(kind)) == weights


def test_eca_looks_at_more_neighbours_when_there_are_more_channels():
    widths = {channels: block("eca", channels).slide.kernel_size[0] for channels in (16, 64, 256)}
    assert widths == {16: 3, 64: 3, 256: 5}


def test_channel_gates_do_not_know_places_and_the_others_do():
    x = maps(1, 16, 8, 8)
    shuffled = x.flatten(2)[..., torch.randperm(64)].view_as(x)
    for kind in ("se", "eca"):
        module = block(kind)
        assert torch.allclose(module.gate(shuffled), module.gate(x), atol=1e-6)
    for kind in ("cbam", "coordinate"):
        gate = block(kind).gate(x)
        assert gate.shape == x.shape and gate.std(dim=(2, 3)).min() > 1e-4


def test_coordinate_attention_is_a_row_times_a_column():
    gate = block("coordinate").gate(maps(1, 16, 6, 9))[0, 0]
    assert torch.linalg.matrix_rank(gate, rtol=1e-4) == 1


@pytest.mark.parametrize(("stride", "inputs", "outputs"), [(1, 8, 8), (1, 8, 12), (2, 8, 8)])
def test_an_inverted_residual_adds_its_input_where_shapes_allow(stride, inputs, outputs):
    torch.manual_seed(0)
    module, x = InvertedResidual(inputs, outputs, 3, stride).eval(), maps(2, inputs, 9, 9)
    assert module(x).shape == (2, outputs, *[-(-9 // stride)] * 2)
    torch.nn.init.zeros_(module.project[1].weight)
    torch.nn.init.zeros_(module.project[1].bias)
    kept = x if stride == 1 and inputs == outputs else torch.zeros_like(module(x))
    assert torch.equal(module(x), kept)


def test_the_bottleneck_is_linear():
    torch.manual_seed(0)
    y = InvertedResidual(8, 12).eval()(maps(2, 8, 8, 8))
    assert y.min() < 0 < y.max()


@pytest.mark.parametrize("attend", ["none", *KINDS])
def test_gradients_reach_every_weight_of_an_inverted_residual(attend):
    torch.manual_seed(0)
    module = InvertedResidual(8, 8, 5, attend=attend)
    module(maps(4, 8, 8, 8)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


def test_an_inverted_residual_weighs_what_the_paper_says():
    inputs, wide, outputs, kernel = 16, 64, 24, 5
    norms = 2 * (wide + wide + outputs)
    expected = inputs * wide + kernel**2 * wide + wide * outputs + norms
    assert parameter_count(InvertedResidual(inputs, outputs, kernel)) == expected
    flat = InvertedResidual(inputs, outputs, kernel, expansion=1)
    assert parameter_count(flat) == kernel**2 * inputs + inputs * outputs + 2 * (inputs + outputs)


@pytest.mark.parametrize("make", [layers.SqueezeExcitation, layers.ConvBlockAttention])
def test_a_block_of_width_zero_is_refused(make):
    with pytest.raises(UserError, match="8 channels with reduction 16 leave a width of 0"):
        make(8, 16)


def test_mistakes_are_named():
    with pytest.raises(UserError, match="'spatial'.*none, se, eca, cbam, coordinate"):
        layers.attention("spatial", 16)
    with pytest.raises(UserError, match="reduction 0"):
        layers.SqueezeExcitation(8, 0)
    with pytest.raises(UserError, match="8 -> 32 -> 0"):
        InvertedResidual(8, 0)
    with pytest.raises(UserError, match="kernel 4"):
        InvertedResidual(8, 8, 4)
    with pytest.raises(UserError, match="stride 3"):
        InvertedResidual(8, 8, 3, 3)


def test_the_high_pass_keeps_the_image_and_is_blind_to_what_is_smooth():
    ramp = torch.linspace(0, 1, 16).expand(1, 3, 16, 16)
    both = layers.HighPass()(ramp)
    assert both.shape == (1, 6, 16, 16) and torch.equal(both[:, :3], ramp)
    assert both[:, 3:, 1:-1, 1:-1].abs().max() < 1e-5
    dot = torch.zeros(1, 3, 9, 9)
    dot[..., 4, 4] = 1
    assert layers.HighPass(gain=1)(dot)[0, 3, 4, 4] == 1 - 4 / 16


def test_blurred_pooling_halves_and_moves_less_when_the_image_moves():
    x = maps(8, 4, 32, 32)
    moved = x.roll(1, dims=3)
    change = {}
    for name, pool in (("max", torch.nn.MaxPool2d(2)), ("blur", layers.BlurPool(4))):
        a, b = pool(x), pool(moved)
        assert a.shape == (8, 4, 16, 16)
        inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
        change[name] = ((a - b)[inner].std() / a[inner].std()).item()
    assert change["blur"] < 0.7 * change["max"]
    flat = torch.full((1, 4, 8, 8), 3.0)
    assert torch.allclose(layers.BlurPool(4)(flat), flat[..., :4, :4])
