"""What each augmentation buys on clean and on compressed images: Meso-4.

DATA is `synthfaces` or the folder of an assembled set; either is trained on at 128 px and the
course's settings, a set of real faces for 8 epochs in place of 24: a reduced scale.
Estimated cost for 6,300 real faces on one thread of a busy 2-core machine: about 6 minutes a run,
2.5 hours in all. Runs are kept in runs/augmentation/SET and continued when interrupted, so two
processes may train different rows (MESO_THREADS=1 each).

Validation and test images are never augmented. To be measured under compression they are saved once
as JPEGs of one quality, all alike. What is chosen is chosen on val; test is read once, at the end.
Writes results/synthfaces/augmentation.json or results/real/SET-augmentation.json.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from experiments import runner
from experiments.runner import SEEDS, Experiment, Job, Runs
from mesocore.core import runtime
from mesocore.course import course_config
from mesocore.data import FaceSet, augmentation, load, tiers
from mesocore.evaluation import metrics
from mesocore.nets import Detector
from mesocore.training import TrainConfig

ROWS = ("none", "flip", "flip+jpeg", "flip+blur", "flip+resize", "flip+noise", "flip+colour",
        "flip+jpeg+blur+resize+noise+colour")  # fmt: skip
QUALITIES = {"clean": None, "JPEG 90": 90, "JPEG 70": 70, "JPEG 50": 50, "JPEG 30": 30}
RESAMPLES = 200


def config(row: str, job: Job, seed: int) -> TrainConfig:
    base = replace(course_config("meso4", job.folder, seed), augment=row)
    return base if job.embedded else replace(base, epochs=8)


def trained(row: str, job: Job, seed: int) -> Path:
    return runner.trained(config(row, job, seed), f"augmentation/{job.data.name}/{row}-{seed}")


def measure(job: Job, runs: Runs) -> dict:
    detectors = runner.loaded(runs, job.data, ensembles=False)
    rows: dict[str, dict] = {row: {} for row in runs}
    for split in ("val", "test"):
        faces = load(job.data, split, detectors["none"][0].size)
        for name, quality in QUALITIES.items():
            changed = compressed(faces, quality)
            for row, found in rows.items():
                found.setdefault(split, {})[name] = roc_auc(detectors[row], changed)
    model = asdict(config("none", job, SEEDS[0]))
    return {
        "model": model | {"augment": list(ROWS), "data": job.data.name},
        "data": {"tier": tiers.tier(job.data), "path": job.data.name,
                 "manifest_sha256": job.data.manifest_sha256},
        "seeds": list(SEEDS),
        "rows": rows,
        "environment": runtime.environment(),
    }  # fmt: skip


def compressed(faces: FaceSet, quality: int | None) -> FaceSet:
    """The faces, each saved once as a JPEG of this quality; as they are without one."""
    if quality is None:
        return faces
    saved = [augmentation.saved(image, quality) for image in faces.images]
    return replace(faces, images=torch.stack(saved))


def roc_auc(runs: Sequence[Detector], faces: FaceSet) -> dict:
    """ROC AUC of the runs on these images: mean, 95 % interval, each run's, their deviation."""
    return metrics.metrics_with_intervals(
        faces.labels.numpy(),
        np.stack([run.probabilities(faces.images) for run in runs]),
        faces.table["group"].to_numpy(),
        [run.threshold for run in runs],
        RESAMPLES,
    )["roc_auc"]


AUGMENTATION = Experiment("augmentation", __doc__, lambda job: ROWS, trained, measure)
