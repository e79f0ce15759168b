"""Costs by hand, and times, on a clock that the models turn, that belong to the model named."""

import pytest
import torch
from torch import nn

from mesocore.core.errors import UserError
from mesocore.nets import profile
from mesocore.nets.inputs import to_unit
from mesocore.nets.layers import InvertedResidual
from mesocore.nets.models import build


class Toy(nn.Module):
    clock = 0.0  # s; a real clock would make the test depend on what else the machine does

    def __init__(self, duration: float = 1.0):
        super().__init__()
        self.duration = duration
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), InvertedResidual(4, 4, 3, 1, 3))
        self.head = nn.Linear(4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        Toy.clock += self.duration
        return self.head(self.body(to_unit(images)).mean((2, 3))).squeeze(1)


def test_multiply_adds_of_a_depthwise_block_by_hand():
    found = profile.complexity(Toy(), 64)
    each_pixel = 3 * 4 + 4 * 12 + 12 * 9 + 12 * 4  # a depthwise weight works on its channel alone
    assert found["multiply_adds"] == 64 * 64 * each_pixel + 4
    norms = 2 * (12 + 12 + 4)
    assert found["parameters"] == each_pixel + norms + 5


def test_meso4_costs_what_its_authors_built():
    assert profile.complexity(build("meso4"), 256) == {
        "parameters": 27_977,
        "multiply_adds": 60_047_376,
    }


def test_times_belong_to_the_model_that_is_named(monkeypatch):
    monkeypatch.setattr(profile.time, "perf_counter", lambda: Toy.clock)
    toys = {"slow": Toy(4.0), "quick": Toy(0.5)}
    assert profile.latency(toys, 64, batch=2, rounds=2) == {"slow": 4000, "quick": 500}
    assert profile.training_rate(toys, 64, batch=2, rounds=2) == {"slow": 0.5, "quick": 4}


def test_the_fastest_round_counts_and_the_first_does_not(monkeypatch):
    monkeypatch.setattr(profile.time, "perf_counter", lambda: Toy.clock)
    toy, durations = Toy(), iter([0.125, 4.0, 2.0, 3.0])  # the first call warms up
    toy.register_forward_pre_hook(lambda *_: setattr(toy, "duration", next(durations)))
    assert profile.latency({"toy": toy}, 64, rounds=3) == {"toy": 2000}


@pytest.mark.parametrize("measure", [profile.latency, profile.training_rate])
def test_no_rounds_are_refused(measure):
    with pytest.raises(UserError, match="rounds is 0"):
        measure({"quick": Toy()}, 64, rounds=0)
