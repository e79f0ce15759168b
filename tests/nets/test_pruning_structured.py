"""Channels that go are gone: in shapes, in work, on disk and after loading."""

import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.nets import pruning
from mesocore.nets.detector import load_detector, save_model
from mesocore.nets.mesonet_plus import KINDS
from mesocore.nets.models import CHOSEN, Ensemble, build
from mesocore.nets.profile import complexity
from mesocore.nets.weights import fit_widths
from mesocore.training import trainer
from tests.factories import check_resume, description

HEADS = [f"{CHOSEN}+patches", f"{CHOSEN}+pooled+cooccurrences+kinds"]


def images(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=generator)


def model(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return build(name, 64)


@pytest.mark.parametrize(
    "name", ["meso4", "mesoinception4", "mesonetplus", "meso4+inverted+cbam", *HEADS]
)
def test_about_the_share_goes_and_work_goes_with_it(name):
    before = model(name)
    after = pruning.remove_channels(before, 0.5, 64)
    share = 1 - pruning.weight_count(after) / pruning.weight_count(before)
    assert 0.5 <= share < 0.6
    assert complexity(after, 64)["multiply_adds"] < 0.7 * complexity(before, 64)["multiply_adds"]
    assert pruning.weight_count(before) == pruning.weight_count(model(name))  # a copy was pruned
    fresh = model(name)
    fit_widths(fresh, after.state_dict())
    fresh.load_state_dict(after.state_dict())
    assert torch.equal(fresh.eval()(images()), after.eval()(images()))


def test_all_kinds_keep_their_answer():
    after = pruning.remove_channels(model(HEADS[1]), 0.5, 64).eval()
    assert after.answers(images()).shape == (3, 2 * KINDS)


def test_the_channel_that_says_least_goes_first():
    before = model("meso4")
    with torch.no_grad():
        convolution, _, norm, _ = before.features[2]
        for channel in range(4):  # say nothing, and nobody listens
            convolution.weight[channel] = norm.weight[channel] = 0
            before.features[3][0].weight[:, channel] = 0
    kept = pruning.remove_channels(before, 0.1, 64).features[2][0].weight
    width = len(kept)
    assert 12 <= width < 16
    assert (kept.abs().sum((1, 2, 3)) == 0).sum() == 4 - (16 - width)


def test_what_cannot_be_done_is_said():
    assert pruning.weight_count(
        pruning.remove_channels(model("meso4"), 0.0, 64)
    ) == pruning.weight_count(model("meso4"))
    with pytest.raises(UserError, match="cannot make up 100% of the weights"):
        pruning.remove_channels(model("meso4"), 0.999, 64)
    with pytest.raises(UserError, match="cannot lose whole channels"):
        pruning.remove_channels(model("meso4+blur"), 0.5, 64)


def test_a_slim_run_is_trained_saved_loaded_and_resumed(small_set, small_run, tmp_path):
    config = trainer.fine_tuning_config(
        small_run("meso4"), str(small_set), 2, prune=0.5, prune_method="structured"
    )
    trainer.train(config, tmp_path / "whole")
    detector = load_detector(tmp_path / "whole")
    assert pruning.weight_count(detector.model) <= 0.5 * pruning.weight_count(model("meso4"))
    assert len(detector.probabilities(images())) == 3
    check_resume(config, tmp_path / "whole", tmp_path / "broken", 1)
    for more in ({"prune": 0.8, "prune_method": "global"}, {"prune": 0.0}):
        with pytest.raises(UserError, match=r"pruned already, by 50% \(structured\); start from"):
            again = trainer.fine_tuning_config(tmp_path / "whole", str(small_set), 1, **more)
            trainer.train(again, tmp_path / "again")


def test_an_ensemble_of_slim_networks_is_saved_and_loaded(tmp_path):
    members = [pruning.remove_channels(model("meso4"), 0.5, 64) for _ in range(2)]
    together = Ensemble(members)
    save_model(tmp_path, together, description("2*meso4"))
    again = load_detector(tmp_path).model
    assert torch.equal(again.eval()(images()), together.eval()(images()))
