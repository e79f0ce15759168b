"""The checks of chapter 7 name the mistakes that readers make."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image, ImageFilter

from mesocore.course import portrait
from mesocore.course.checks import checks_07
from mesocore.evaluation import metrics
from mesocore.faces import retouching


def sent_on(picture, scale=0.6, blur=2.5, quality=75):
    image = Image.fromarray(picture)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    file = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(blur)).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def with_a_black_corner(photo):
    photo[:60, :60] = 0
    return photo


def distorted(photo, face):
    return retouching.liquify(photo, face, seed=1).image


def cheapest(labels, scores, prior, miss, alarm):
    cuts = np.append(np.unique(scores), np.inf)
    missed = np.array([(scores[labels == 1] < cut).mean() for cut in cuts])
    alarmed = np.array([(scores[labels == 0] >= cut).mean() for cut in cuts])
    return cuts[np.argmin(prior * miss * missed + (1 - prior) * alarm * alarmed)]


def each_alone(passes, pictures, steps):
    return {name for name, step in steps.items() if all(passes(step(x)) for x in pictures)}


def for_one_picture(passes, pictures, steps):
    for count in range(1, len(steps) + 1):
        for names in itertools.combinations(steps, count):
            for x in pictures[:1]:
                for name in names:
                    x = steps[name](x)
                if passes(x):
                    return set(names)
    return set()


def all_of_them(passes, pictures, steps):
    return set(steps)


WRONG = (
    (checks_07.cause, each_alone, "should be shrink and soften"),
    (checks_07.cause, for_one_picture, "should be no step"),
    (checks_07.cause, all_of_them, "should be soften"),
    (checks_07.at_prior, lambda p, prior: p * prior, "divide by all that look like this"),
    (checks_07.at_prior, lambda p, prior: p, "should be 0.0314"),
    (checks_07.least_cost, lambda labels, scores, prior, miss, alarm:
     cheapest(labels, scores, 0.5, miss, alarm), "as if half were fake"),
    (checks_07.least_cost, lambda labels, scores, prior, miss, alarm: 0.5, "is possible"),
    (checks_07.sure_fake, lambda labels, scores, risk: np.inf, "nothing is called fake"),
    (checks_07.sure_fake, lambda labels, scores, risk: scores.min(), "is real"),
    (checks_07.sure_fake, lambda labels, scores, risk: scores.max(), "can be"),
    (checks_07.sure_fake, lambda labels, scores, risk: scores.max(), "reals above fakes"),
    (checks_07.sure_fake, lambda labels, scores, risk:
     np.sort(scores[labels == 0])[-int(risk * 200)], "is real"),
    (checks_07.forge, lambda photo, face: distorted(photo, face), "does not pass: unsure"),
    (checks_07.forge, lambda photo, face: sent_on(photo), "nothing is forged"),
    (checks_07.forge, lambda photo, face: photo[::-1].copy(), "another picture"),
    (checks_07.forge, lambda photo, face: photo[:, :, 0], "a picture is uint8"),
    (checks_07.forge, lambda photo, face: sent_on(with_a_black_corner(photo)),
     "nothing is forged"),
    (checks_07.forge, lambda photo, face: (photo * 0.9).astype(np.uint8), "nothing is forged"),
    (checks_07.forge, lambda photo, face: sent_on(distorted(photo, face), 0.5), "300 are asked"),
    (checks_07.forge, lambda photo, face: sent_on(photo, 0.3), "too small to judge"),
)  # fmt: skip


@pytest.mark.parametrize(("check", "answer", "said"), WRONG)
def test_a_mistake_is_named(check, answer, said, capsys):
    assert check(answer) is False
    assert said in capsys.readouterr().out


def test_every_answer_that_costs_least_is_accepted():
    assert checks_07.least_cost(cheapest)


def test_the_package_limits_pass_as_an_answer():
    assert checks_07.sure_fake(
        lambda labels, scores, risk: metrics.fit_band(labels, scores, 0.0, risk)[1]
    )


def test_a_photograph_does_not_differ_from_itself():
    photo, face = portrait.portrait()
    changed, apart = checks_07.differences(photo, photo, face)
    assert changed == 0 and apart <= 1
