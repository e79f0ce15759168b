"""The checks of chapter 5 name the mistakes that readers, and published code, make."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from mesocore.course import mistakes
from mesocore.course.checks import checks_05
from mesocore.nets import pruning


def global_masks(weights, amount):
    flat = torch.cat([w.abs().flatten() for w in weights.values()])
    count = round(amount * len(flat))
    limit = flat.sort().values[count]
    return {name: w.abs() >= limit for name, w in weights.items()}


def layerwise(weights, amount):
    return {name: global_masks({name: w}, amount)[name] for name, w in weights.items()}


def trains(optimiser, model):
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    return {id(p) for p in model.parameters()} <= held


def tuned(model, batches, amount, early=False, method="global", steps=None, keep=False):
    pruning.apply_masks(model, amount, method)
    if early:
        pruning.make_permanent(model)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for images, labels in batches[:steps]:
        optimiser.zero_grad()
        binary_cross_entropy_with_logits(model(images), labels).backward()
        optimiser.step()
    if not keep:
        pruning.make_permanent(model)
    return model


def rewind(model, initial, masks=True, biases=True):
    with torch.no_grad():
        for name, layer in pruning.in_scope(model).items():
            layer.weight_orig.copy_(initial[f"{name}.weight"])
            if biases:
                layer.bias.copy_(initial[f"{name}.bias"])
    if not masks:
        pruning.make_permanent(model)
    return model


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        ("global_masks", global_masks, "OK"),
        ("global_masks", layerwise, "each layer loses its share"),
        ("global_masks", lambda w, a: {n: torch.ones_like(x) for n, x in w.items()}, "0 of 10"),
        ("global_masks", lambda w, a: {"large": torch.ones(2, 3)}, "every layer needs a mask"),
        (
            "global_masks",
            lambda w, a: global_masks({n: -1 / (x.abs() + 1) for n, x in w.items()}, a),
            "each layer loses its share",
        ),
        ("trains", trains, "OK"),
        ("trains", lambda o, m: True, "trains the copy"),
        ("trains", lambda o, m: False, "the answer was no"),
        ("trains", lambda o, m: len(o.param_groups[0]["params"]) == 4, "trains the copy"),
        ("prune_and_tune", tuned, "OK"),
        ("prune_and_tune", mistakes.published_pruning, "no weight has changed but to zero"),
        ("prune_and_tune", lambda *a: tuned(*a, early=True), "masks have to stay on"),
        ("prune_and_tune", lambda *a: tuned(*a, method="layerwise"), "other weights are zero"),
        ("prune_and_tune", lambda *a: tuned(*a, steps=0), "nothing was fine-tuned"),
        ("prune_and_tune", lambda *a: tuned(*a, keep=True), "the masks are still on"),
        ("prune_and_tune", lambda m, b, a: tuned(m, b, a / 2), "20% of the weights are zero"),
        ("rewind", rewind, "OK"),
        ("rewind", lambda m, i: m, "not those of the beginning"),
        ("rewind", lambda m, i: rewind(m, i, masks=False), "the masks are gone"),
        ("rewind", lambda m, i: rewind(m, i, biases=False), "the bias is not"),
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    getattr(checks_05, check)(answer)
    assert said in capsys.readouterr().out
