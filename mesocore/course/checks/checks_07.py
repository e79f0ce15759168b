"""The exercises of chapter 7: Bayes' rule, what errors cost, two limits, forgeries that pass."""

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mesocore.course.checks.exercise import exercise
from mesocore.course.portrait import portrait
from mesocore.evaluation import metrics, prediction
from mesocore.faces.landmarks import Face, part_shape
from mesocore.nets.inference import shipped
from mesocore.nets.inference.calibration import Calibrated

LEAST_WIDTH = 300  # pixels
LEAST_SHARE, LEAST_CHANGE = 0.05, 12  # what a forgery changes: of the face, in grey levels
MOST_APART = 12.0  # grey levels by which it may differ on average: it shows the same person


@cache
def recommended() -> Calibrated:
    """The detector that comes with the package, as `mesocore predict` opens it."""
    path = shipped.soonest(shipped.find("recommended"))
    if path.is_file():
        from mesocore.nets.inference import load_exported  # late: OpenVINO need not be there

        return load_exported(path)
    from mesocore.nets import load_detector

    return load_detector(path)


@exercise
def at_prior(f: Callable) -> Iterator[str]:
    "P(fake) where another share of the pictures is fake."
    for p, prior in ((0.5, 0.5), (0.97, 0.001), (0.97, 0.5), (0.2, 0.9), (0.0, 0.3), (1.0, 0.3)):
        right, got = prediction.at_prior(p, prior), f(p, prior)
        if np.isclose(got, right):
            continue
        why = ""
        if np.isclose(got, p * prior):
            why = "; that is the share of all pictures: divide by all that look like this"
        yield f"P = {p} at a prior of {prior} gave {got:.4f}, should be {right:.4f}{why}"


@exercise
def least_cost(f: Callable) -> Iterator[str]:
    "The threshold at which the errors cost least."
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 2
    scores = np.clip(rng.normal(0.35 + 0.3 * labels, 0.2), 0, 1).round(2)

    def cost(threshold: float, prior: float, miss: float, alarm: float) -> float:
        called = scores >= threshold
        missed, alarmed = (~called[labels == 1]).mean(), called[labels == 0].mean()
        return prior * miss * missed + (1 - prior) * alarm * alarmed

    for prior, miss, alarm in ((0.5, 1, 1), (0.5, 1, 20), (0.5, 20, 1), (0.01, 1, 1)):
        got = float(f(labels.copy(), scores.copy(), prior, miss, alarm))
        cuts = (*np.unique(scores), np.inf)
        least = min(cost(cut, prior, miss, alarm) for cut in cuts)
        if cost(got, prior, miss, alarm) <= least + 1e-9:
            continue
        asked = f"a prior of {prior:g}, a miss of {miss}, an alarm of {alarm}"
        if np.isclose(cost(got, 0.5, miss, alarm), min(cost(c, 0.5, miss, alarm) for c in cuts)):
            asked += " (it looks as if half were fake)"
        yield (f"{asked}: {got:.3f} costs {cost(got, prior, miss, alarm):.4f} a picture, "
               f"{least:.4f} is possible")  # fmt: skip


@exercise
def sure_fake(f: Callable) -> Iterator[str]:
    "The least limit from which at most a share of the images is real."
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    smooth = np.clip(rng.normal(0.35 + 0.3 * labels, 0.2), 0, 1)
    upside_down = 1 - labels / 2  # nothing can be called fake
    for name, scores in (("distinct scores", smooth), ("equal scores", smooth.round(1)),
                         ("reals above fakes", upside_down)):  # fmt: skip
        for risk in (0.1, 0.03):
            got = float(f(labels.copy(), scores.copy(), risk))
            right = metrics.fit_band(labels, scores, 0.0, risk)[1]
            called, best = scores >= got, scores >= right
            if not called.any():
                if best.any():
                    yield f"{name}, risk {risk}: nothing is called fake, {best.sum()} images can be"
            elif (labels[called] == 0).mean() > risk:
                wrong = (labels[called] == 0).mean()
                yield f"{name}, risk {risk}: {wrong:.3f} of what is called fake is real"
            elif called.sum() < best.sum():
                yield f"{name}, risk {risk}: {called.sum()} are called fake, {best.sum()} can be"


@exercise
def forge(f: Callable) -> Iterator[str]:
    "A retouched portrait that the detector calls real."
    photo, face = portrait()
    forged = np.asarray(f(photo.copy(), face))
    if forged.ndim != 3 or forged.shape[2] != 3 or forged.dtype != np.uint8:
        yield f"it gave {forged.dtype} {forged.shape}; a picture is uint8 (H, W, 3)"
        return
    changed, apart = differences(photo, forged, face)
    if forged.shape[1] < LEAST_WIDTH:
        yield f"it is {forged.shape[1]} pixels wide, and at least {LEAST_WIDTH} are asked for"
    if apart > MOST_APART:
        yield "that is another picture, or another part of it: it must still show this person"
    elif changed < LEAST_SHARE:
        yield (f"nothing is forged: only {changed:.1%} of the face differs visibly from the "
               f"photograph's, {LEAST_SHARE:.0%} must")  # fmt: skip
    answer = judged(forged)
    if answer.error:
        yield f"the detector does not judge it: {answer.error}"
    elif answer.verdict != "real":
        yield f"it does not pass: {answer.verdict}, P(fake) {answer.probability_fake:.3f}"


@exercise
def cause(f: Callable) -> Iterator[str]:
    "The fewest steps that make every picture pass."
    pictures = [np.full((4, 4), value) for value in (50.0, 60.0, 80.0)]
    steps = {"shrink": lambda x: x[::2, ::2], "soften": lambda x: x * 0.5, "grain": lambda x: x + 1}
    planted = {
        "only soft pictures": (lambda x: x.mean() < 45, {"soften"}),
        "only small and soft ones": (lambda x: len(x) < 4 and x.mean() < 45, {"shrink", "soften"}),
        "only soft ones with grain on them": (lambda x: x.mean() in (26, 31, 41),
                                              {"soften", "grain"}),
        "only what is nearly black": (lambda x: x.mean() < 28, set()),
    }  # fmt: skip
    for said, (passes, right) in planted.items():
        got = set(f(passes, [picture.copy() for picture in pictures], dict(steps)))
        if got != right:
            yield f"a detector that passes {said}: {_named(got)}, should be {_named(right)}"


def _named(steps: set[str]) -> str:
    return " and ".join(sorted(steps)) or "no step"


def differences(photo: np.ndarray, forged: np.ndarray, face: Face) -> tuple[float, float]:
    """The share of the face that differs by `LEAST_CHANGE` grey levels, and by how many the whole
    picture does on average.

    uint8 `(H, W, 3)`, the face in pixels of `photo`; compared in the size of `forged`, softened
    so that noise does not count, and after the brightness and contrast of each channel of the
    photograph were made those of the other: to change these is no forgery.
    """
    height, width = forged.shape[:2]
    same = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    first, second = (cv2.GaussianBlur(each, (0, 0), width / 56) for each in (same, forged))
    for channel in range(3):
        slope, offset = np.polyfit(first[..., channel].ravel(), second[..., channel].ravel(), 1)
        first[..., channel] = np.clip(slope * first[..., channel] + offset, 0, 255)
    apart = np.abs(first.astype(int) - second).max(axis=2)
    inside = part_shape((height, width), face.scaled(width / photo.shape[1],
                                                     height / photo.shape[0]), "face")  # fmt: skip
    return float((apart[inside] >= LEAST_CHANGE).mean()), float(apart.mean())


def judged(picture: np.ndarray) -> prediction.Verdict:
    """What the detector says of the largest face of a uint8 `(H, W, 3)` picture."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        Image.fromarray(picture).save(file)
        return next(prediction.predict(recommended(), [str(file)]))
