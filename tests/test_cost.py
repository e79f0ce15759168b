"""Costs by hand, and times that belong to the model that is named."""

import time

import pytest
import torch
from torch import nn

from mesocore import cost
from mesocore.layers import InvertedResidual
from mesocore.models import build, to_unit
from mesocore.runtime import UserError


class Toy(nn.Module):
    def __init__(self, delay: float = 0.0):
        super().__init__()
        self.delay = delay
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), InvertedResidual(4, 4, 3, 1, 3))
        self.head = nn.Linear(4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(self.delay)
        return self.head(self.body(to_unit(images)).mean((2, 3))).squeeze(1)


def test_multiply_adds_of_a_depthwise_block_by_hand():
    found = cost.complexity(Toy(), 64)
    each_pixel = 3 * 4 + 4 * 12 + 12 * 9 + 12 * 4  # a depthwise weight works on its channel alone
    assert found["multiply_adds"] == 64 * 64 * each_pixel + 4
    norms = 2 * (12 + 12 + 4)
    assert found["parameters"] == each_pixel + norms + 5


def test_meso4_costs_what_its_authors_built():
    assert cost.complexity(build("meso4"), 256) == {
        "parameters": 27_977,
        "multiply_adds": 60_047_376,
    }


@pytest.mark.parametrize("measure", [cost.latency, cost.training_rate])
def test_times_belong_to_the_model_that_is_named(measure):
    found = measure({"slow": Toy(0.05), "quick": Toy()}, 64, batch=2, rounds=2)
    slower = found["slow"] > found["quick"]
    assert slower if measure is cost.latency else not slower
    with pytest.raises(UserError, match="rounds is 0"):
        measure({"quick": Toy()}, 64, rounds=0)
