"""The checks of chapter 1 name the mistakes that readers make."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from mesocore.course.checks import checks_01


def whole_spectrum(grey, bins, mean=True, scale=True, bands=2):
    side = len(grey)
    power = np.abs(np.fft.fft2(grey - grey.mean() * mean)) ** 2 / (side**2 if scale else 1)
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    ring = (radius * bands * bins).astype(int)
    return np.array([power[ring == k].mean() for k in range(bins)])


def wrong_split(groups, share, seed):
    return np.random.default_rng(seed).random(len(groups)) < share


def fixed_split(groups, share, seed):
    names = np.unique(groups)
    return np.isin(groups, names[: round(share * len(names))])


def whole_batch(maps, scale, shift):
    y = (maps - maps.mean((0, 2, 3), keepdims=True)) / maps.std((0, 2, 3), keepdims=True)
    return scale[..., None, None] * y + shift[..., None, None]


def area(features, fake, group=None, folds=None):
    """AUC of a logistic regression; on what it was fitted to, where no folds are given."""
    model = LogisticRegression(max_iter=2000)
    if folds is None:
        return roc_auc_score(fake, model.fit(features, fake).decision_function(features))
    group = np.arange(len(fake)) if group is None else group
    decision = cross_val_predict(model, features, fake, groups=group, cv=folds,
                                 method="decision_function")  # fmt: skip
    return roc_auc_score(fake, decision)


def audits(limit=0.85, grouped=True, crossed=True, count=True, seeds=None):
    """`alarms` as a reader may write it, with some of its parts wrong."""
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0) if crossed else None

    def audit(features, fake, group):
        return area(features, fake, group if grouped else None, folds)

    def alarms(draw, sizes, asked):
        areas = {n: np.array([audit(*draw(n, seed)) for seed in seeds or asked]) for n in sizes}
        return {n: (a > limit).mean() if count else a.mean() for n, a in areas.items()}

    return alarms


def coin(count, seed):
    return np.random.default_rng(seed).permutation(count) < count // 2


def rare(count, seed):
    return np.random.default_rng(seed).permutation(count) < count // 8


def tells(heads=coin, crossed=True, both=False, late=True):
    """`telltale` as a reader may write it, with some of its parts wrong."""
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0) if crossed else None

    def telltale(pictures, one, other, measure, seed):
        fake = heads(len(pictures), seed)
        saved = [(other if is_fake else one)(p) for p, is_fake in zip(pictures, fake, strict=True)]
        if both:
            saved = [one(p) for p in pictures] + [other(p) for p in pictures]
            fake = np.repeat([False, True], len(pictures))
        elif not late:
            saved = pictures
        return area(np.array([measure(picture) for picture in saved]), fake, folds=folds)

    return telltale


@pytest.mark.parametrize(
    ("check", "answer", "said"),
    [
        ("separation", lambda v, fake: roc_auc_score(fake, v), "smaller in every fake"),
        ("separation", lambda v, fake: 1.0, "the same everywhere"),
        ("radial_spectrum", lambda g, b: whole_spectrum(g, b, mean=False), "take the mean out"),
        ("radial_spectrum", lambda g, b: whole_spectrum(g, b, scale=False), "4096 times too much"),
        ("radial_spectrum", lambda g, b: whole_spectrum(g, b, bands=1.5), "peaks in ring"),
        ("radial_spectrum", lambda g, b: np.ones(b + 1), "the shape is"),
        ("keep_rows", lambda t: ~t.duplicated("sha256"), "called real and fake"),
        ("keep_rows", lambda t: ~t.duplicated("sha256", keep=False), "one real twice"),
        ("split_by_group", wrong_split, "are on both sides"),
        ("split_by_group", fixed_split, "seed 1 gives the same split"),
        ("split_by_group", lambda g, share, seed: np.zeros(len(g), bool), "0% of the images"),
        ("split_by_group", lambda g, share, seed: np.flatnonzero(g < 5), "booleans"),
        ("adain", whole_batch, "has the mean"),
        ("adain", lambda m, scale, shift: 0 * m + shift[..., None, None], "has the deviation"),
        ("adain", lambda m, scale, shift: m.mean((2, 3)), "the shape is"),
        ("alarms", lambda draw, sizes, seeds: 0.8, "a dict with the keys"),
        ("alarms", lambda draw, sizes, seeds: dict.fromkeys(sizes, 1.0), "never asked for 40"),
        ("alarms", audits(seeds=[0]), "with seed 1"),
        ("alarms", audits(limit=0.75), "the limit for pixels is .85"),
        ("alarms", audits(count=False), "do not average AUCs"),
        ("alarms", audits(crossed=False), "noise alone fails"),
        ("alarms", audits(grouped=False), "so fold by group"),
        ("telltale", tells(lambda count, seed: np.arange(count) >= count // 2), "toss a coin"),
        ("telltale", tells(lambda count, seed: np.arange(count) % 2 == 1), "the same coins"),
        ("telltale", tells(lambda count, seed: coin(count, None)), "the second time"),
        ("telltale", tells(rare), "toss a fair coin"),
        ("telltale", tells(crossed=False), "not fitted to"),
        ("telltale", tells(both=True), "saved both ways"),
        ("telltale", tells(late=False), "measure what was saved"),
    ],
)
def test_a_mistake_is_named(check, answer, said, capsys):
    assert getattr(checks_01, check)(answer) is False
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("check", "answer"), [("alarms", audits()), ("telltale", tells())])
def test_an_experiment_without_a_mistake_passes(check, answer, capsys):
    assert getattr(checks_01, check)(answer) is True, capsys.readouterr().out
