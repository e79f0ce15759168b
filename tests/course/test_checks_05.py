"""The checks of chapter 5 name the mistakes that readers make."""

import numpy as np
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


def ticket(lab, amount, seed, method="global", masks_of=None, start=None, split="val"):
    """The score of a trained ticket; each argument after `method` is a mistake that it can make."""
    model, first = lab.make(seed), lab.make(seed if start is None else start)
    if masks_of != "initial":
        lab.train(model)
    pruning.apply_masks(model, amount, method, 0 if masks_of == "once" else seed)
    if start != "trained":
        rewind(model, first.state_dict())
    lab.train(model)
    return lab.score(model, split)


def tickets(lab, amount, seeds, masks_of=None, random="random", **more):
    return {
        kind: [ticket(lab, amount, seed, method, masks_of, **more) for seed in seeds]
        for kind, method in (("winning", "global"), ("random", random))
    }


def fine_tuned(lab, seed, amount, method="global"):
    model = lab.make(seed)
    lab.train(model)
    pruning.apply_masks(model, amount, method, seed)
    lab.train(model)
    return lab.score(model, "val")


def fine_tuned_tickets(lab, amount, seeds):
    return {
        kind: [fine_tuned(lab, seed, amount, method) for seed in seeds]
        for kind, method in (("winning", "global"), ("random", "random"))
    }


def swapped(lab, amount, seeds):
    found = tickets(lab, amount, seeds)
    return {"winning": found["random"], "random": found["winning"]}


def highest_share(lab, amounts, seeds, limit, control=True, chosen_on="val", worst=False,
                  tune=True, method="global", permanent=False, search=True):  # fmt: skip
    """The right answer, but for the mistake that each argument after `limit` is."""

    def score(seed, amount, split):
        model = lab.make(seed)
        lab.train(model)
        if amount:
            pruning.apply_masks(model, amount, method)
            if permanent:
                pruning.make_permanent(model)
        if tune and (amount or control):
            lab.train(model)
        return lab.score(model, split)

    def losses(amount, split):
        return [score(seed, amount, split) - score(seed, 0.0, split) for seed in seeds]

    judged = min if worst else np.mean
    fine = [judged(losses(amount, chosen_on)) >= -limit for amount in amounts]
    if search:
        fine = list(np.cumprod(fine))
    share = max((a for a, good in zip(amounts, fine, strict=True) if good), default=0.0)
    return share, np.mean(losses(share, "test"))


def curious(lab, amounts, seeds, limit):
    for amount in amounts:
        model = lab.make(seeds[0])
        pruning.apply_masks(model, amount)
        lab.score(model, "test")
    return highest_share(lab, amounts, seeds, limit)


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
        ("prune_and_tune", mistakes.faulty_pruning, "no weight has changed but to zero"),
        ("prune_and_tune", lambda *a: tuned(*a, early=True), "masks have to stay on"),
        ("prune_and_tune", lambda *a: tuned(*a, method="layerwise"), "other weights are zero"),
        ("prune_and_tune", lambda *a: tuned(*a, steps=0), "nothing was fine-tuned"),
        ("prune_and_tune", lambda *a: tuned(*a, keep=True), "the masks are still on"),
        ("prune_and_tune", lambda m, b, a: tuned(m, b, a / 2), "20% of the weights are zero"),
        ("rewind", rewind, "OK"),
        ("rewind", lambda m, i: m, "not those of the beginning"),
        ("rewind", lambda m, i: rewind(m, i, masks=False), "the masks are gone"),
        ("rewind", lambda m, i: rewind(m, i, biases=False), "the bias is not"),
        ("tickets", tickets, "OK"),
        ("tickets", lambda *a: tickets(*a)["winning"], "the answer is {"),
        ("tickets", lambda lab, a, s: tickets(lab, a, s[:1]), "a score for each seed"),
        ("tickets", lambda lab, a, s: {"winning": s, "random": s}, "no network was trained under"),
        ("tickets", lambda lab, a, s: tickets(lab, a / 2, s), "45% of the weights masked"),
        ("tickets", fine_tuned_tickets, "that is fine-tuning"),
        ("tickets", lambda *a: tickets(*a, masks_of="initial"), "whole network was not trained"),
        ("tickets", lambda *a: tickets(*a, start=3), "seed 5: no ticket lacks the smallest"),
        ("tickets", lambda *a: tickets(*a, random="global"), "no ticket with random masks"),
        ("tickets", lambda *a: tickets(*a, masks_of="once"), "chance was asked only once"),
        ("tickets", lambda *a: tickets(*a, split="test"), "that is the score on test"),
        ("tickets", swapped, "not the trained ticket's score"),
        ("highest_share", highest_share, "OK"),
        ("highest_share", lambda *a: highest_share(*a, control=False), "fine-tuned as long"),
        ("highest_share", lambda *a: highest_share(*a, search=False), "ends the search"),
        ("highest_share", lambda *a: highest_share(*a, chosen_on="test"), "on val, not on test"),
        ("highest_share", lambda *a: highest_share(*a, worst=True), "judged by their mean"),
        ("highest_share", lambda *a: highest_share(*a, tune=False), "is fine-tuned before it"),
        ("highest_share", lambda *a: highest_share(*a, method="random"), "than the smallest"),
        ("highest_share", lambda *a: highest_share(*a, permanent=True), "masks have to stay on"),
        ("highest_share", curious, "was read for shares that were not chosen"),
        ("highest_share", lambda *a: (highest_share(*a)[0], -0.007), "-0.007 on test"),
        ("highest_share", lambda lab, a, s, m: highest_share(lab, a, s[1:], m), "-0.010 on test"),
        ("highest_share", lambda *a: (0.7, 0.0), "should be one of the shares"),
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    getattr(checks_05, check)(answer)
    assert said in capsys.readouterr().out


def test_what_the_solutions_say_of_the_small_problem():
    lab = checks_05.Lab()
    found = tickets(lab, 0.9, range(6))
    for kind, low, high in (("winning", 0.71, 0.83), ("random", 0.46, 0.59)):
        assert (min(found[kind]), max(found[kind])) == pytest.approx((low, high), abs=0.02)
    share, cost = highest_share(lab, [0.9, 0.95], range(4), 0.01)
    assert share == 0.9
    assert cost == pytest.approx(-0.016, abs=0.005)
    gains = [fine_tuned(lab, seed, 0.5) - fine_tuned(lab, seed, 0.0) for seed in range(4)]
    assert np.mean(gains) == pytest.approx(0.03, abs=0.01)
