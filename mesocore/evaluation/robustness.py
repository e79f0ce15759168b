"""What a picture goes through on its way, harder and harder: does the verdict survive?

Each sweep does one thing to the images at growing levels, and the detector stays as it is, its
threshold too. The first level of every sweep is the untouched image.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from mesocore.core import runtime
from mesocore.data.augmentation import rescaled, saved
from mesocore.evaluation import metrics
from mesocore.nets.detector import Detector

METRICS = ("roc_auc", "balanced_accuracy")


def blurred(image: Tensor, sigma: float, _: torch.Generator) -> Tensor:
    """Gaussian blur of `sigma` pixels."""
    return functional.gaussian_blur(image, 2 * int(np.ceil(3 * sigma)) + 1, sigma)


def noisy(image: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Gaussian noise of `deviation` grey levels, independent for every pixel and colour."""
    grain = deviation * torch.randn(image.shape, generator=generator)
    return (image + grain).round().clamp(0, 255).to(torch.uint8)


def cropped(image: Tensor, share: float, _: torch.Generator) -> Tensor:
    """The middle `share` of the side, enlarged to the whole."""
    side = image.shape[-1]
    middle = functional.center_crop(image, [round(share * side)] * 2)
    return functional.resize(middle, [side, side], antialias=True)


def recaptured(image: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """A photograph of a screen that shows the image, in the manner of one; `strength` 0..1.

    The screen has stripes of red, green and blue; the camera is held a little askew, so that its
    pixels beat with them (moire); black glows, light falls off to one side, the lens blurs, the
    sensor is noisy, and a JPEG of quality 85 is saved. A drawing of the effect, not a measured one.
    """
    side, scale = image.shape[-1], 3
    screen = image.float().repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    stripes = torch.eye(3).repeat(1, side)[:, None, :]  # (3, 1, 3 S): one colour a column
    screen = screen * (1 + strength * 0.5 * (3 * stripes - 1))
    corners = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]]) * (scale * side - 1.0)
    moved = corners + 0.03 * strength * scale * side * (torch.rand(4, 2, generator=generator) - 0.5)
    screen = functional.perspective(screen, corners.tolist(), moved.tolist(), fill=20.0)
    screen = functional.gaussian_blur(screen, 5, 0.4 + 0.8 * strength)
    seen = functional.resize(screen, [side, side], antialias=True)
    falloff = 1 - 0.2 * strength * torch.linspace(0, 1, side)
    seen = (20 * strength + (1 - 0.08 * strength) * seen) * falloff
    seen = seen.round().clamp(0, 255).to(torch.uint8)
    return saved(noisy(seen, 4 * strength, generator), 85)


class Sweep(NamedTuple):
    """`change(image, level, generator)` on uint8 `(3, S, S)`, at `levels`, in the words of `unit`;
    `none` is the level that stands for the untouched image on an axis."""

    change: Callable[[Tensor, float, torch.Generator], Tensor]
    levels: tuple[float, ...]
    unit: str
    none: float


SWEEPS = {
    "jpeg": Sweep(lambda image, quality, _: saved(image, int(quality)),
                  (95, 90, 80, 70, 60, 50, 40, 30), "quality", 100),
    "blur": Sweep(blurred, (0.5, 1, 1.5, 2, 3), "sigma (px)", 0),
    "resize": Sweep(lambda image, share, _: rescaled(image, share),
                    (0.9, 0.75, 0.5, 0.35, 0.25), "share of the side", 1),
    "noise": Sweep(noisy, (2, 4, 8, 16), "sd (grey levels)", 0),
    "crop": Sweep(cropped, (0.95, 0.9, 0.8, 0.7), "share of the side", 1),
    "recapture": Sweep(recaptured, (0.25, 0.5, 0.75, 1), "strength", 0),
}  # fmt: skip


def changed(images: Tensor, name: str, level: float) -> Tensor:
    """uint8 `(N, 3, S, S)` -> the same at one level of a sweep, or untouched at its `none`.

    What is random depends on the image's place alone, so that every level has the same draws.
    """
    sweep = SWEEPS[name]
    if level == sweep.none:
        return images
    return torch.stack([
        sweep.change(image, level, torch.Generator().manual_seed(row))
        for row, image in enumerate(images)
    ])  # fmt: skip


def scores(detector: Detector, images: Tensor, name: str, level: float) -> np.ndarray:
    """P(fake) `(N,)` of uint8 `(N, 3, S, S)` at one level of a sweep."""
    return detector.probabilities(changed(images, name, level))


def level_metrics(
    table: pd.DataFrame,
    probability: np.ndarray,
    thresholds: Sequence[float],
    resamples: int = 200,
) -> dict[str, dict]:
    """`METRICS` with intervals, and how many verdicts are "fake": for one level of a sweep.

    `table`: `label` and `group` of N images; `probability` `(R, N)` of R runs of one model, with
    their `thresholds`. Metrics are means over the runs. `called_fake` has the share of `real` and
    of `fake` images that are called fake: a detector that breaks calls everything one thing.
    """
    labels = (table["label"] == "fake").to_numpy(int)
    found = metrics.metrics_with_intervals(
        labels, probability, table["group"].to_numpy(), thresholds, resamples
    )
    called = (np.atleast_2d(probability) >= np.reshape(thresholds, (-1, 1))).mean(0)
    shares = {name: float(called[labels == n].mean()) for n, name in enumerate(("real", "fake"))}
    return {name: found[name] for name in METRICS} | {"called_fake": shares}


def sweeps(
    detectors: Sequence[Detector],
    images: Tensor,
    table: pd.DataFrame,
    score: Callable[[str, float], np.ndarray] | None = None,
) -> dict[str, dict]:
    """`unit` and `levels` of every sweep, the untouched images first: `level` and `level_metrics`.

    detectors: runs of one model. images: uint8 `(N, 3, S, S)`, with their `label` and `group` in
    table. score: P(fake) `(R, N)` of a sweep's level, if that is known already.
    """

    expected = len(images) * sum(1 + len(one.levels) for one in SWEEPS.values())

    def scored(name: str, level: float) -> np.ndarray:
        degraded = changed(images, name, level)
        return np.stack([run.probabilities(degraded, expected=expected) for run in detectors])

    thresholds, found = [detector.threshold for detector in detectors], {}
    for name, one in SWEEPS.items():
        levels = runtime.progress((one.none, *one.levels), name)
        found[name] = {"unit": one.unit, "levels": [
            {"level": level, **level_metrics(table, (score or scored)(name, level), thresholds)}
            for level in levels
        ]}  # fmt: skip
    return found


def sweep(
    detector: Detector, images: Tensor, table: pd.DataFrame, name: str, resamples: int = 200
) -> pd.DataFrame:
    """One row per level, the untouched image first: `level`, and `METRICS` with `_low` and `_high`.

    `images` uint8 `(N, 3, S, S)`, `table` their `label` and `group`.
    """
    rows = []
    levels = (SWEEPS[name].none, *SWEEPS[name].levels)
    for level in runtime.progress(levels, name):
        probability = scores(detector, images, name, level)
        rows.append(row(level, level_metrics(table, probability, detector.threshold, resamples)))
    return pd.DataFrame(rows)


def frame(levels: dict) -> pd.DataFrame:
    """A sweep of a committed record as `sweep` gives it: one row per level."""
    return pd.DataFrame([row(found["level"], found) for found in levels["levels"]])


def row(level: float, found: dict) -> dict:
    """A level's metrics in one line of a table, from what `level_metrics` found."""
    flat = {"level": level}
    for metric in METRICS:
        flat[metric] = found[metric]["value"]
        flat |= {f"{metric}_{end}": found[metric][end] for end in ("low", "high")}
    return flat
