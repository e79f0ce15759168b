"""Planted traces: pictures that differ by them alone, and the parts that find them."""

import pytest
import torch

from mesocore import UserError
from mesocore.course import planted


@pytest.mark.parametrize("trace", planted.NEEDS)
def test_pictures_are_halves_of_both_classes_and_the_same_for_the_same_seed(trace):
    images, labels = planted.pictures(trace, 10, 3)
    assert images.shape == (10, 3, planted.SIDE, planted.SIDE) and labels.tolist() == [0, 1] * 5
    assert torch.equal(images, planted.pictures(trace, 10, 3)[0])
    assert not torch.equal(images, planted.pictures(trace, 10, 4)[0])


def test_a_laboratory_trains_the_same_network_again_and_writes_down_what_is_done():
    laboratory = planted.Laboratory("bright")
    first = laboratory.train((), 1)
    assert laboratory.train([], 1) is first
    assert laboratory.train("highpass") is laboratory.train(("highpass",), 0)
    assert laboratory.roc_auc(first) > 0.9
    assert laboratory.trained == [((), 1)] * 2 + [(("highpass",), 0)] * 2
    assert laboratory.looked_at == {"val"}


def test_an_unknown_trace_part_or_split_is_named():
    with pytest.raises(UserError, match="no trace is called 'loud'"):
        planted.Laboratory("loud")
    laboratory = planted.Laboratory("bright")
    with pytest.raises(UserError, match="no part is called 'eca'"):
        laboratory.train(("eca",))
    with pytest.raises(UserError, match="no split is called 'all'"):
        laboratory.roc_auc(laboratory.train(), "all")
