"""ROC AUC against the number of training images, a power law, and what it predicts for 150k.

Meso-4 at 128 px and the course's settings; a row is a number of images. Each is half of the next,
in nested subsets of whole groups; every run takes as many steps as 8 epochs of the whole set, so
that data differ and training time does not. Estimated cost for 6,300 real faces on one thread of a
busy 2-core machine: about 6 minutes a run, 1.5 hours in all. Validation, where the epoch is chosen,
is always the whole split. DATA is `synthfaces` or the folder of an assembled set. Runs are kept in
runs/learning-curve/SET and continued when interrupted. Test is read once, at the end. The law is
fitted to 1 - ROC AUC of the runs; 150k images in all are 105,000 for training. Writes
results/synthfaces/learning-curve.json or results/real/SET-learning-curve.json.
"""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from experiments import runner
from experiments.augmentation import roc_auc
from experiments.runner import SEEDS, Experiment, Job, Runs
from mesocore.core import runtime
from mesocore.course import course_config
from mesocore.data import load, tiers
from mesocore.evaluation import power_law
from mesocore.training import TrainConfig

HALVINGS = 4
EPOCHS = 8  # of the whole set; smaller ones take as many steps
AIM = 105_000  # training images of the 150k recipe: 70 %


def rows(job: Job) -> list[str]:
    """Numbers of training images, smallest first."""
    whole = len(job.data.rows("train"))
    return [str(whole >> k) for k in range(HALVINGS, -1, -1)]


def config(row: str, job: Job, seed: int) -> TrainConfig:
    whole, images = len(job.data.rows("train")), int(row)
    base = course_config("meso4", job.folder, seed, round(EPOCHS * whole / images))
    return replace(base, images=0 if images == whole else images)


def trained(row: str, job: Job, seed: int) -> Path:
    return runner.trained(config(row, job, seed), f"learning-curve/{job.data.name}/{row}-{seed}")


def measure(job: Job, runs: Runs) -> dict:
    detectors = runner.loaded(runs, job.data, ensembles=False)
    *_, whole = runs
    test = load(job.data, "test", detectors[whole][0].size)
    found = {row: roc_auc(detectors[row], test) for row in runs}
    record = {
        "model": asdict(config(whole, job, SEEDS[0])) | {"data": job.data.name},
        "data": {"tier": tiers.tier(job.data), "path": job.data.name, "split": "test",
                 "manifest_sha256": job.data.manifest_sha256},
        "seeds": list(SEEDS),
        "rows": found,
    }  # fmt: skip
    return record | prediction(found) | {"environment": runtime.environment()}


def prediction(found: dict[str, dict]) -> dict:
    images = np.repeat([int(size) for size in found], len(SEEDS))
    error = 1 - np.concatenate([row["each"] for row in found.values()])
    law = power_law.fit_power_law(images, error)
    return {"law": asdict(law), "prediction": {"images": AIM, "error": law.predict(AIM)}}


LEARNING_CURVE = Experiment("learning-curve", __doc__, rows, trained, measure)
