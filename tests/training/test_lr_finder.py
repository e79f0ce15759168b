"""The range test raises the rate by one factor, trains at it, and stops where it must."""

import numpy as np
import pytest
import torch

from mesocore.training import loop
from mesocore.training.config import TrainConfig
from mesocore.training.lr_finder import range_test


@pytest.fixture(scope="module")
def config(small_set) -> TrainConfig:
    return TrainConfig("meso4", str(small_set), size=64, batch_size=8, dropout=0.0)


def test_rates_grow_by_one_factor_and_the_loss_falls(config):
    table = range_test(config, 1e-5, 1e-2, steps=40)
    rates = table["learning_rate"].to_numpy()
    assert len(table) == 40 and rates[[0, -1]] == pytest.approx([1e-5, 1e-2])
    assert np.allclose(rates[1:] / rates[:-1], rates[1] / rates[0])
    assert table["smoothed"].iloc[0] == pytest.approx(table["loss"].iloc[0])
    assert table["smoothed"].iloc[-1] < 0.8 * table["smoothed"].iloc[0]
    assert table.equals(range_test(config, 1e-5, 1e-2, steps=40))


def test_it_ends_where_the_loss_grows_fourfold_or_is_no_number(config, monkeypatch):
    losses = iter([1.0, 1.0] + [8.0] * 20)
    monkeypatch.setattr(loop, "update", lambda *a: next(losses) * a[-1])
    table = range_test(config, steps=20)
    assert 3 < len(table) < 20 and table["smoothed"].iloc[-1] > 4 > table["smoothed"].iloc[-2]

    def broken(*_):
        raise FloatingPointError("the loss became nan")

    monkeypatch.setattr(loop, "update", broken)
    assert range_test(config, steps=20).empty
    assert torch.are_deterministic_algorithms_enabled()
