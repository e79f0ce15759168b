"""Features are what the last layer sees; neighbours of a kind are counted where they are."""

import numpy as np
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.evaluation import embedding
from mesocore.nets.models import build
from tests.data.test_augmentation import pictures


@pytest.mark.parametrize("name", ["meso4", "meso4+inverted+eca", "mobilenet_v3_small"])
def test_the_last_layer_turns_features_into_the_logit(name):
    torch.manual_seed(0)
    model = build(name, 64).eval()
    images = pictures(5)
    found = torch.from_numpy(embedding.embed(model, images, batch=2)).float()
    last = [m for m in model.modules() if isinstance(m, torch.nn.Linear)][-1]
    with torch.inference_mode():
        assert torch.allclose(last(found)[:, 0], model(images), atol=1e-5)
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_features_of_a_network_that_counts_are_those_that_are_weighed_last():
    model = build("meso4+inverted+pooled+cooccurrences+kinds", 64).eval()
    images = pictures(5)
    found = torch.from_numpy(embedding.embed(model, images, batch=2)).float()
    with torch.inference_mode():
        assert torch.allclose(model.classifier[-1](found), model.answers(images), atol=1e-5)


def clusters(gap: float) -> tuple[np.ndarray, np.ndarray]:
    kinds = np.repeat(["a", "b", "b"], 30)
    points = np.random.default_rng(0).normal(size=(90, 4)) + gap * (kinds == "a")[:, None]
    return points, kinds


def test_neighbours_are_alike_in_heaps_and_by_chance_without():
    apart = embedding.neighbours_alike(*clusters(8.0), k=5)
    assert apart["a"] == apart["b"] == 1
    assert apart["chance a"] == pytest.approx(29 / 89) and apart["chance b"] == pytest.approx(
        59 / 89
    )
    mixed = embedding.neighbours_alike(*clusters(0.0), k=5)
    assert mixed["a"] < 0.5 and mixed["b"] > 0.5


def test_tsne_keeps_heaps_apart_and_repeats_itself():
    points, kinds = clusters(8.0)
    flat = embedding.tsne(points, perplexity=10)
    assert flat.shape == (90, 2) and np.array_equal(flat, embedding.tsne(points, perplexity=10))
    assert embedding.neighbours_alike(flat, kinds, k=5)["a"] > 0.95
    with pytest.raises(UserError, match="5 points are too few"):
        embedding.tsne(points[:5], perplexity=10)
