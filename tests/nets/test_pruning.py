"""Pruning takes what it says, keeps it out through training, and every measure counts."""

import gzip

import pytest
import torch
from safetensors.torch import save
from torch import nn

from mesocore.core.errors import UserError
from mesocore.nets import pruning
from mesocore.nets.detector import load_detector
from mesocore.nets.models import build
from mesocore.nets.profile import complexity
from mesocore.training import trainer
from mesocore.training.config import TrainConfig
from tests.factories import check_resume


def model(name: str = "meso4") -> nn.Module:
    torch.manual_seed(0)
    return build(name, 64)


def pictures(count: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("method", ["global", "layerwise", "random"])
@pytest.mark.parametrize("amount", [0.0, 0.2, 0.5, 0.98])
def test_the_share_is_the_one_asked_for(method, amount):
    pruned = model()
    pruning.apply_masks(pruned, amount, method)
    assert pruning.sparsity(pruned).loc["all", "share"] == pytest.approx(amount, abs=0.002)


def test_global_pruning_has_one_threshold_and_layerwise_one_share():
    globally, layerwise = model("mesonetplus"), model("mesonetplus")
    pruning.apply_masks(globally, 0.5, "global")
    pruning.apply_masks(layerwise, 0.5, "layerwise")
    weights = {n: m.weight_orig.abs() for n, m in pruning.in_scope(globally).items()}
    kept = [weights[n][m.weight_mask == 1].min() for n, m in pruning.in_scope(globally).items()
            if m.weight_mask.any()]  # fmt: skip
    gone = [weights[n][m.weight_mask == 0].max() for n, m in pruning.in_scope(globally).items()
            if not m.weight_mask.all()]  # fmt: skip
    assert min(kept) >= max(gone)
    shares = pruning.sparsity(globally)["share"].drop("all")
    assert shares.max() - shares.min() > 0.2
    even = pruning.sparsity(layerwise)
    assert (even["zeros"] - 0.5 * even["weights"]).abs().drop("all").max() <= 1


def test_random_pruning_ignores_magnitude_and_follows_its_seed():
    masks = []
    for seed in (1, 1, 2):
        pruned = model()
        pruning.apply_masks(pruned, 0.5, "random", seed)
        masks.append(
            torch.cat([m.weight_mask.flatten() for m in pruning.in_scope(pruned).values()])
        )
        dense = pruned.classifier[2]
        gone = dense.weight_orig[dense.weight_mask == 0].abs().mean().item()
        assert gone == pytest.approx(dense.weight_orig.abs().mean().item(), rel=0.1)
    assert torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[2])


def test_masks_hold_through_training_and_saving():
    pruned = model()
    pruning.apply_masks(pruned, 0.2)
    optimiser = torch.optim.AdamW(pruned.parameters(), 0.05)
    before = pruning.sparsity(pruned)
    for _ in range(5):
        loss = pruned(pictures()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pruning.make_permanent(pruned)
    assert not pruning.masked(pruned)
    assert pruning.sparsity(pruned).equals(before)
    loaded = model()
    loaded.load_state_dict(pruned.state_dict())
    assert pruning.sparsity(loaded).equals(before)
    assert torch.equal(loaded.eval()(pictures()), pruned.eval()(pictures()))


def test_without_masks_fine_tuning_fills_the_zeros_again():
    pruned = model()
    pruning.apply_masks(pruned, 0.2)
    pruning.make_permanent(pruned)  # the bug: before fine-tuning
    optimiser = torch.optim.AdamW(pruned.parameters(), 0.05)
    pruned(pictures()).square().mean().backward()
    optimiser.step()
    assert pruning.sparsity(pruned).loc["all", "share"] < 0.02


def test_biases_and_norms_are_out_of_scope():
    pruned = model()
    others = {
        n: p.clone() for n, p in pruned.named_parameters() if n.endswith("bias") or p.ndim == 1
    }
    pruning.apply_masks(pruned, 0.9)
    now = dict(pruned.named_parameters())
    assert others and all(torch.equal(value, now[name]) for name, value in others.items())


def test_multiply_adds_count_each_layers_own_zeros():
    pruned = model("meso4+inverted")
    dense = complexity(pruned, 64)["multiply_adds"]
    assert pruning.nonzero_multiply_adds(pruned, 64) == dense
    attentive = model("meso4+inverted+cbam")  # whose bottlenecks run twice
    assert (
        pruning.nonzero_multiply_adds(attentive, 64) == complexity(attentive, 64)["multiply_adds"]
    )
    with torch.no_grad():
        pruned.features[0][0].weight.zero_()  # 8 x 3 x 3 x 3 weights at 64 x 64 places
    assert pruning.nonzero_multiply_adds(pruned, 64) == dense - 216 * 64 * 64


def test_sizes_are_those_of_files():
    pruned = model()
    before = pruning.sizes(pruned)
    assert before["raw"] == len(save(pruned.state_dict()))
    pruning.apply_masks(pruned, 0.9)
    pruned(pictures())  # leaves the masked weights with their graph
    after = pruning.sizes(pruned)
    assert pruning.masked(pruned)  # measuring changed nothing
    assert after["raw"] == before["raw"]
    assert after["sparse"] < 0.4 * before["sparse"] and after["gzip"] < 0.5 * before["gzip"]
    pruning.make_permanent(pruned)
    assert pruning.sizes(pruned) == after
    packed = gzip.compress(
        save({n: v.contiguous() for n, v in pruned.state_dict().items()}), mtime=0
    )
    assert after["gzip"] == len(packed)


@pytest.mark.parametrize("amount", [-0.1, 1.0, 1, 20, True, float("nan"), "0.2"])
def test_bad_amounts_are_named(amount):
    with pytest.raises(UserError, match="no share from 0.0 to below 1.0"):
        pruning.apply_masks(model(), amount)


def test_other_mistakes_are_named():
    pruned = model()
    with pytest.raises(UserError, match="'local'.*global, layerwise, random"):
        pruning.apply_masks(pruned, 0.2, "local")
    pruning.apply_masks(pruned, 0.2)
    with pytest.raises(UserError, match="masks already"):
        pruning.apply_masks(pruned, 0.2)


@pytest.fixture
def dense_run(small_set, small_run):
    return small_set, small_run("meso4")


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_pruned_run_keeps_its_share_after_saving_and_resumes(dense_run, tmp_path, ema):
    faces, dense = dense_run
    config = TrainConfig("meso4", str(faces), 3, 64, 8, 1e-3, init=str(dense), prune=0.2, ema=ema)
    trainer.train(config, tmp_path / "whole")
    kept = load_detector(tmp_path / "whole").model
    assert not pruning.masked(kept)
    assert pruning.sparsity(kept).loc["all", "share"] == pytest.approx(0.2, abs=0.001)
    check_resume(config, tmp_path / "whole", tmp_path / "broken", 2)


def test_pruning_again_goes_on_from_the_zeros_and_only_upwards(dense_run, tmp_path):
    faces, dense = dense_run

    def pruned(start, out, amount, method="global"):
        config = trainer.fine_tuning_config(
            tmp_path / start, str(faces), 1, prune=amount, prune_method=method
        )
        trainer.train(config, tmp_path / out)
        return load_detector(tmp_path / out).model

    first = pruned(dense, "first", 0.2)
    second = pruned("first", "second", 0.5)
    assert pruning.sparsity(second).loc["all", "share"] == pytest.approx(0.5, abs=0.001)
    for name, module in pruning.in_scope(first).items():
        assert not second.get_submodule(name).weight[module.weight == 0].any()
    with pytest.raises(UserError, match="pruned already, by 50%; write more than that to go on"):
        pruned("second", "third", 0.5)
    with pytest.raises(UserError, match=r"pruned already, by 50% \(global\); start from the run"):
        pruned("second", "third", 0.8, "random")
    assert not (tmp_path / "third").exists()
