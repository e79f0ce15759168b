"""Schedules rise to their peak, fall as they say, and equal torch's where torch has them."""

import numpy as np
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.training.schedule import SCHEDULES, learning_rate


def rates(schedule: str, steps: int = 100, warmup: float = 0.1) -> np.ndarray:
    return np.array([learning_rate(step, steps, 1.0, warmup, schedule) for step in range(steps)])


def test_the_cosine_rises_then_falls_to_nothing():
    found = rates("cosine")
    assert np.argmax(found) in (9, 10)
    assert found[0] == pytest.approx(0.1) and found[-1] < 0.001
    assert np.all(np.diff(found[10:]) < 0)


def test_without_warmup_the_first_step_is_the_largest():
    assert [rates(name, warmup=0)[0] for name in SCHEDULES] == [1.0, 1.0, 1.0]


def test_constant_stays_at_its_peak():
    found = rates("constant")
    assert found[9:].tolist() == [1.0] * 91 and found[0] == pytest.approx(0.1)


@pytest.mark.parametrize("steps", [20, 97, 1000])
@pytest.mark.parametrize("warmup", [0.1, 0.3])
def test_one_cycle_is_torchs(steps, warmup):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 1.0, total_steps=steps, pct_start=warmup, cycle_momentum=False
    )
    expected = []
    for _ in range(steps):
        expected.append(theirs.get_last_lr()[0])
        optimiser.step()
        theirs.step() if len(expected) < steps else None
    assert np.allclose(rates("one-cycle", steps, warmup), expected, rtol=1e-9)


def test_another_schedule_is_refused():
    with pytest.raises(UserError, match="'linear'; choose one of: cosine, one-cycle, constant"):
        learning_rate(0, 10, 1.0, schedule="linear")
