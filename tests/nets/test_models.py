"""Shapes, parameter counts and order of the published networks, and MesoNetPlus part by part."""

import pytest
import torch
from torch import nn

from mesocore.core.errors import UserError
from mesocore.nets import profile
from mesocore.nets.inputs import to_unit
from mesocore.nets.layers import ATTENTION
from mesocore.nets.mesonet_plus import KINDS, MesoNetPlus, kind_probability, of_kinds
from mesocore.nets.models import CHOSEN, MODELS, NETWORK_PARTS, build, parameter_count


@pytest.mark.parametrize(("name", "count"), [("meso4", 27_977), ("mesoinception4", 28_615)])
def test_parameter_counts_are_the_published_ones(name, count):
    assert parameter_count(build(name)) == count


@pytest.mark.parametrize("name", ["meso4", "mesoinception4"])
@pytest.mark.parametrize("size", [64, 80, 112, 128])
def test_one_logit_an_image_at_any_multiple_of_16(name, size):
    logits = build(name, size)(torch.zeros(3, 3, size, size, dtype=torch.uint8))
    assert logits.shape == (3,) and logits.dtype == torch.float32


@pytest.mark.parametrize("size", [0, 48, 100, 257])
def test_impossible_sizes_are_named(size):
    with pytest.raises(UserError, match=f"size {size} "):
        build("meso4", size)


def test_unknown_model_and_wrong_image_size_are_named():
    with pytest.raises(UserError, match="'meso5'.*meso4, mesoinception4"):
        build("meso5")
    with pytest.raises(UserError, match="64 px.*128 x 128"):
        build("meso4", 64)(torch.zeros(1, 3, 128, 128, dtype=torch.uint8))


def test_block_order_is_conv_relu_norm_pool():
    block = build("meso4").features[0]
    assert [type(layer) for layer in block] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.MaxPool2d]


@pytest.mark.parametrize("name", ["meso4", "mesoinception4"])
def test_no_batch_norm_is_shared_and_all_use_the_keras_constants(name):
    model = build(name)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 4
    assert {(m.momentum, m.eps) for m in norms} == {(0.01, 1e-3)}
    calls = []
    for norm in norms:
        norm.register_forward_hook(lambda module, *_: calls.append(id(module)))
    model(torch.zeros(1, 3, 256, 256, dtype=torch.uint8))
    assert len(calls) == len(set(calls)) == 4


ALONE = {part: f"meso4+{part}" for part in NETWORK_PARTS}
ALONE |= {part: f"meso4+inverted+{part}" for part in ("pooled", "patches")}
ALONE |= {part: f"meso4+inverted+pooled+{part}" for part in ("cooccurrences", "kinds")}
WITH_PARTS = [*ALONE.values(), *(f"meso4+inverted+{kind}" for kind in ATTENTION)]


@pytest.mark.parametrize("name", [*MODELS, "mesonetplus", *WITH_PARTS])
def test_every_parameter_gets_a_gradient(name):
    torch.manual_seed(1)
    model = build(name, 64)
    images = torch.randint(0, 256, (16, 3, 64, 64), dtype=torch.uint8)
    model(images).square().sum().backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize("name", ["mesonetplus", "meso4+highpass+blur", *WITH_PARTS])
def test_a_model_fits_every_size_and_the_limit(name):
    for size in (64, 80, 112, 128):
        images = torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8)
        assert build(name, size).eval()(images).shape == (2,)
    assert parameter_count(build(name, 256)) <= 100_000


def test_all_that_earns_its_place_together_fits_the_limit():
    assert parameter_count(build(f"{CHOSEN}+pooled+cooccurrences+kinds", 256)) <= 100_000


def test_without_parts_it_is_meso4_to_the_bit():
    torch.manual_seed(0)
    plain = build("meso4", 64).eval()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    torch.manual_seed(0)
    assert torch.equal(MesoNetPlus(64).eval()(images), plain(images))


@pytest.mark.parametrize("part", NETWORK_PARTS)
def test_each_part_changes_the_answer(part):
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    answers = []
    for name in (ALONE[part].removesuffix(f"+{part}"), ALONE[part]):
        torch.manual_seed(0)
        answers.append(build(name, 64).eval()(images))
    assert (answers[0] - answers[1]).abs().min() > 1e-6


def test_pooled_scores_do_not_depend_on_the_place():
    model = build("meso4+inverted+pooled", 128).eval()
    images = torch.full((1, 3, 128, 128), 128, dtype=torch.uint8)
    images[..., 32:64, 32:64] = torch.randint(0, 256, (32, 32), dtype=torch.uint8)
    moved = images.roll(32, dims=-1)
    assert torch.allclose(model(images), model(moved), atol=1e-5)


def test_patches_answer_as_their_worst_quarter_does():
    torch.manual_seed(0)
    model = build("meso4+inverted+patches", 128).eval()
    images = torch.randint(0, 256, (3, 3, 128, 128), dtype=torch.uint8)
    scores = model.classifier[:-1](model.features(to_unit(images))).flatten(1)  # (N, places)
    assert scores.shape == (3, 64)
    highest = scores.sort(dim=1).values[:, 48:].mean(1)
    assert torch.allclose(model(images), highest, atol=1e-6)


@pytest.mark.parametrize("parts", ["pooled", "patches", "inverted+pooled+patches"])
def test_parts_that_do_not_go_together_are_refused(parts):
    with pytest.raises(UserError, match="pooled and patches go with inverted residuals, and not"):
        build(f"meso4+{parts}", 64)


def test_the_order_of_the_parts_does_not_matter():
    a, b = (build(name, 64) for name in ("meso4+inverted+se", "meso4+se+inverted"))
    assert list(a.state_dict()) == list(b.state_dict())


@pytest.mark.parametrize(
    "name", ["meso5", "meso4+", "meso4+resnet", "mesoinception4+se", "+se", "mesonetplus+se"]
)
def test_unknown_models_are_named(name):
    with pytest.raises(UserError, match="no model is called.*Parts: inverted"):
        build(name)


@pytest.mark.parametrize("name", ["meso4+se+eca", "meso4+se+se", "meso4+blur+blur"])
def test_names_that_contradict_themselves_are_named(name):
    with pytest.raises(UserError, match="each part once"):
        build(name)


def test_how_well_a_kind_is_known_is_asked_within_the_class_of_the_verdict():
    answers = torch.full((3, 2 * KINDS), -20.0)
    answers[0, 0] = 5.0  # one kind of photographs and no other
    answers[1, KINDS : KINDS + 2] = 5.0  # two kinds of forgeries, alike
    answers[2] = 0.0
    answers[2, KINDS + 1] = 1e-3  # hardly any
    assert of_kinds(answers)[0] < 0 < of_kinds(answers)[1]
    found = kind_probability(answers)
    assert found[:2].tolist() == pytest.approx([1, 0.5], abs=1e-3)
    assert found[2].item() == pytest.approx(1 / KINDS, abs=1e-3)


@pytest.mark.parametrize(("name", "field", "fewer"), [("kernel3", 62, 7168), ("dilated", 138, 0)])
def test_a_receptive_field_is_smaller_or_larger_by_name(name, field, fewer):
    model = build(f"meso4+{name}", 256)
    seen = profile.footprint(model.features, 256) > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == field
    assert parameter_count(build("meso4", 256)) - parameter_count(model) == fewer
    with pytest.raises(UserError, match="kernel3 and dilated change Meso-4's own convolutions"):
        build(f"meso4+inverted+{name}", 256)
