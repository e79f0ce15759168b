"""Attention maps show gates, and change when weights do."""

import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.evaluation import saliency
from mesocore.nets.layers import ATTENTION, Attention
from mesocore.nets.models import build


def pictures(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("kind", ATTENTION)
def test_a_map_for_every_block_between_shut_and_open(kind):
    model = build(f"meso4+inverted+{kind}", 64)
    maps = saliency.attention_maps(model, pictures())
    assert len(maps) == 5
    for values in maps.values():
        assert values.shape[0] == 3 and values.min() > 0 and values.max() < 1
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_a_gate_that_is_known_is_what_the_map_shows(monkeypatch):
    monkeypatch.setattr(Attention, "gate", lambda self, x: torch.full_like(x, 0.25))
    model = build("meso4+se", 64)
    for module in model.modules():
        if isinstance(module, Attention):
            monkeypatch.setattr(type(module), "gate", Attention.gate)
    for values in saliency.attention_maps(model, pictures()).values():
        open_places = values[values > 0]
        assert torch.allclose(open_places, torch.full_like(open_places, 0.25))


def test_random_weights_give_other_maps_and_leave_the_model_alone():
    torch.manual_seed(1)
    model = build("meso4+inverted+cbam", 64).train()
    for _ in range(20):
        model(pictures(8))  # or BatchNorm's averages are of nothing, and deep features faint
    before = {name: value.clone() for name, value in model.state_dict().items()}
    maps = saliency.attention_maps(model, pictures())
    fresh = saliency.randomised(model)
    others = saliency.attention_maps(fresh, pictures())
    for name, values in maps.items():
        assert saliency.map_correlation(values, values) == pytest.approx(1)
        assert saliency.map_correlation(values, others[name]) < 0.95
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    again = saliency.randomised(model).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in fresh.state_dict().items())


def test_correlation_by_hand():
    rise = torch.arange(4.0).view(1, 2, 2)
    assert saliency.map_correlation(rise, 5 - 2 * rise) == pytest.approx(-1)
    assert saliency.map_correlation(rise, torch.ones(1, 2, 2)) == 0


def test_a_model_without_attention_is_named():
    with pytest.raises(UserError, match="Meso4 has no attention"):
        saliency.attention_maps(build("meso4", 64), pictures())
