"""OpenVINO gives PyTorch's logits, of the model as it is now, and sends nothing anywhere."""

import socket
from dataclasses import replace

import numpy as np
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.nets import load_detector, pruning
from mesocore.nets.detector import Detector, examine, logits
from mesocore.nets.inference import engine
from mesocore.nets.inference.engine import Engine
from mesocore.nets.models import CHOSEN, MODELS, build

NAMES = [*MODELS, CHOSEN, f"2*{CHOSEN}", f"{CHOSEN}+pooled", f"{CHOSEN}+patches",
         f"{CHOSEN}+pooled+kinds", f"{CHOSEN}+pooled+cooccurrences+kinds", "meso4+blur", "meso4+se",
         "meso4+eca", "meso4+inverted+cbam", "meso4+coordinate"]  # fmt: skip


def faces(count: int = 6, side: int = 64, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


def trained(name: str, side: int = 64) -> torch.nn.Module:
    """A model whose running averages are of its inputs, so that no value is tiny or huge."""
    torch.manual_seed(0)
    model = build(name, side).train()
    for seed in range(10):
        model(faces(8, side, seed))
    return model.eval()


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_):
        raise AssertionError("something wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", NAMES)
def test_the_logits_are_pytorchs(name, offline):
    model = trained(name)
    made = Engine(model, 64)
    for count in (1, 5):
        kind, expected = examine(model, faces(count)).kind, logits(model, faces(count))
        assert (kind is None) == ("kinds" not in name)
        if kind is not None:
            assert np.abs(made.examine(faces(count)).kind - kind).max() < 1e-4
        assert np.abs(made.examine(faces(count)).logits - expected).max() < 1e-4
        assert np.abs(expected).max() > 1e-7


@pytest.mark.parametrize("method", ["global", "structured"])
def test_pruned_networks_are_converted_as_they_are(method):
    model = trained("mesonetplus")
    if method == "structured":
        model = pruning.remove_channels(model, 0.5, 64)
    else:
        pruning.apply_masks(model, 0.5)
    assert np.abs(Engine(model, 64).examine(faces()).logits - logits(model, faces())).max() < 1e-4


def detector(name: str = "mesonetplus") -> Detector:
    return Detector(trained(name), Preparation(size=64), 64, 0.5, 1.0)


def test_many_images_are_left_to_it_and_few_are_not(monkeypatch):
    found = detector()
    few = found.logits(faces())
    assert found._engine is None
    monkeypatch.setattr(engine, "ENOUGH", 0)
    many = found.logits(faces())
    assert found._engine is not None and np.abs(many - few).max() < 1e-4
    assert np.array_equal(found.logits(faces()), many)  # the same bits again
    assert np.array_equal(found.logits(faces(), batch=4), many)
    assert engine.pays(found.model, 6, 64) and detector()._engine is None


def test_what_counts_is_all_images_to_come():
    model = trained("meso4")
    assert engine.pays(model, engine.ENOUGH, 256) and not engine.pays(model, 32, 256)
    found = detector("meso4")
    found.examine(faces(), expected=10**6)
    assert found._engine is not None


def test_a_model_that_was_changed_is_converted_anew(monkeypatch):
    monkeypatch.setattr(engine, "ENOUGH", 0)
    found = detector()
    before = found.logits(faces())
    with torch.no_grad():
        found.model.classifier[-1].bias.data += 3
    assert found.logits(faces()) == pytest.approx(before + 3, abs=1e-4)
    pruning.apply_masks(found.model, 0.9)
    assert np.abs(found.logits(faces()) - logits(found.model, faces())).max() < 1e-4
    assert replace(found, temperature=2.0)._engine is None


def test_another_size_is_converted_anew_or_refused_as_by_pytorch(monkeypatch):
    """How many places are the top quarter is fixed when a network is converted."""
    monkeypatch.setattr(engine, "ENOUGH", 0)
    anywhere = detector(f"{CHOSEN}+patches")
    for side in (64, 128, 64):
        images = faces(3, side)
        expected = logits(anywhere.model, images)
        assert np.abs(anywhere.logits(images) - expected).max() < 1e-4
    with pytest.raises(UserError, match="built for 64 px but got images of 128 x 128"):
        detector("meso4").logits(faces(3, 128))


def test_without_openvino_all_is_pytorchs(monkeypatch):
    monkeypatch.setattr(engine, "ENOUGH", 0)
    monkeypatch.setattr(engine, "installed", lambda: False)
    found = detector()
    assert np.array_equal(found.logits(faces()), logits(found.model, faces()))


def test_a_score_that_is_not_finite_is_refused_either_way(monkeypatch):
    found = detector()
    with torch.no_grad():
        found.model.classifier[-1].bias.fill_(torch.inf)
    for enough in (engine.ENOUGH, 0):
        monkeypatch.setattr(engine, "ENOUGH", enough)
        with pytest.raises(UserError, match="no finite score"):
            found.logits(faces())


def test_a_committed_detector_judges_as_before(small_set):
    root = load_detector("results/runs/openforensics-24-epochs/meso4+inverted+highpass-0")
    images = faces(8, 256)
    found = Engine(root.model, 256).examine(images).logits
    assert np.abs(found - logits(root.model, images)).max() < 1e-4
