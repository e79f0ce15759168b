"""Maps point at evidence, lose it with the weights, and are scored against chance."""

import numpy as np
import pytest
import torch
from torch import nn

from mesocore.core.errors import UserError
from mesocore.evaluation import saliency
from mesocore.nets.models import build
from tests.data.test_augmentation import pictures


class Bright(nn.Module):
    """Fake is what is bright; dark speaks for neither."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 1, 4, stride=4, bias=False)
        self.decide = nn.Linear(1, 1)
        nn.init.constant_(self.look.weight, 1 / 48 / 255)
        nn.init.ones_(self.decide.weight)

    def forward(self, images):
        return self.decide(self.look(images.float()).mean((2, 3)))[:, 0]


def spots(count: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Dark pictures with one bright square each, in another place in each, and its mask."""
    masks = torch.zeros(count, 64, 64, dtype=torch.bool)
    for n in range(count):
        row, column = divmod(5 * n % 16, 4)
        masks[n, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = True
    return (200 * masks[:, None].expand(-1, 3, -1, -1)).to(torch.uint8), masks


def test_the_map_lies_where_the_evidence_is():
    images, masks = spots()
    maps = saliency.gradcam(Bright(), images)
    assert maps.shape == (12, 64, 64) and maps.min() >= 0
    found = saliency.against_chance(maps, masks, resamples=100)
    assert found["inside"]["value"] > 0.7
    assert found["uniform"]["value"] == pytest.approx(1 / 16)
    assert found["shuffled"]["value"] < 0.15
    assert found["gain"]["low"] > 0.5 and found["images"] == 12 and found["empty"] == 0


def test_a_map_that_likes_the_middle_gains_nothing():
    masks = torch.zeros(30, 32, 32, dtype=torch.bool)
    shifts = torch.randint(-4, 5, (30, 2), generator=torch.Generator().manual_seed(0)).tolist()
    for n, (down, right) in enumerate(shifts):
        masks[n, 10 + down : 22 + down, 10 + right : 22 + right] = True
    rise = torch.hann_window(32)
    maps = torch.outer(rise, rise).expand(30, -1, -1)
    found = saliency.against_chance(maps, masks, resamples=200)
    assert found["inside"]["low"] > found["uniform"]["high"]  # looks like a finding
    assert found["gain"]["low"] < 0 < found["gain"]["high"]  # and is none


def test_energy_by_hand_and_a_map_without_evidence():
    maps = torch.tensor([[[1.0, 3.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    masks = torch.tensor([[[True, False], [True, True]]] * 2)
    inside = saliency.energy_inside(maps, masks)
    assert inside[0] == 0.25 and np.isnan(inside[1])
    found = saliency.against_chance(maps.repeat(2, 1, 1), masks.repeat(2, 1, 1), resamples=5)
    assert (found["images"], found["empty"]) == (2, 2)


def trained(model: str) -> nn.Module:
    torch.manual_seed(0)
    network = build(model, 64).train()
    for _ in range(20):
        network(pictures(8))  # BatchNorm's averages are of something
    return network.eval()


def test_a_cascade_starts_at_the_output_and_ends_in_a_new_network():
    model = trained("meso4")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    steps = list(saliency.cascade(model))
    assert steps[0][0] == "classifier.5" and steps[-1][0] == "features.0.0"
    first, last = steps[0][1], steps[-1][1]
    assert torch.equal(first.features[0][0].weight, model.features[0][0].weight)
    assert not torch.equal(first.classifier[5].weight, model.classifier[5].weight)
    assert not torch.equal(last.features[0][0].weight, model.features[0][0].weight)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_maps_lose_what_was_learnt_step_by_step():
    model = trained("meso4")
    found = saliency.sanity(model, pictures(8))
    assert list(found)[0] == "learnt" and found["learnt"] == pytest.approx(1, abs=1e-5)
    assert found["features.0.0"] < 0.6
    assert found == saliency.sanity(model, pictures(8))


def test_layers_are_found_or_named():
    assert saliency.last_maps(build("meso4", 64)) == "features.3.0"
    assert saliency.last_maps(build("meso4+inverted+pooled", 64)) == "features"
    maps = saliency.gradcam(trained("meso4+inverted+eca"), pictures(3), batch=2)
    assert maps.shape == (3, 64, 64)
    with pytest.raises(UserError, match="no layer 'nowhere'"):
        saliency.gradcam(build("meso4", 64), pictures(1), "nowhere")
    with pytest.raises(UserError, match="no convolution"):
        saliency.last_maps(nn.Linear(1, 1))
