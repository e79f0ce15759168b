"""What each augmentation buys on clean and on compressed images: Meso-4, three seeds a row.

    python benchmarks/augmentation.py DATA           # all rows, then the record
    python benchmarks/augmentation.py DATA ROW...    # trains these rows alone

DATA is `synthfaces` or the folder of an assembled set; either is trained on at 128 px and the
course's settings, a set of real faces for 8 epochs in place of 24: a reduced scale.
Estimated cost for 6,300 real faces on one thread of a busy 2-core machine: about 6 minutes a run,
2.5 hours in all. Runs are kept in runs/augmentation/SET and continued when interrupted, so two
processes may train different rows (MESO_THREADS=1 each).

Validation and test images are never augmented. To be measured under compression they are saved once
as JPEGs of one quality, all alike. What is chosen is chosen on val; test is read once, at the end.
Writes results/synthfaces/augmentation.json or results/real/SET-augmentation.json.
"""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from mesocore.core import files, runtime
from mesocore.course.chapter import course_config
from mesocore.data import augmentation, dataset, tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.evaluation import metrics
from mesocore.nets.detector import Detector, load_detector
from mesocore.training import trainer
from mesocore.training.config import TrainConfig

SEEDS = (0, 1, 2)
ROWS = ("none", "flip", "flip+jpeg", "flip+blur", "flip+resize", "flip+noise", "flip+colour",
        "+".join(augmentation.NAMES))  # fmt: skip
QUALITIES = {"clean": None, "JPEG 90": 90, "JPEG 70": 70, "JPEG 50": 50, "JPEG 30": 30}
RESAMPLES = 200


def config(row: str, folder: Path, seed: int) -> TrainConfig:
    base = replace(course_config("meso4", str(folder), seed), augment=row)
    if tiers.tier(folder) == tiers.EMBEDDED:
        return base
    return replace(base, epochs=8)


def compressed(faces: dataset.FaceSet, quality: int | None) -> dataset.FaceSet:
    if quality is None:
        return faces
    return replace(
        faces, images=torch.stack([augmentation.saved(i, quality) for i in faces.images])
    )


def scores(runs: list[Detector], faces: dataset.FaceSet) -> dict:
    """ROC AUC of the runs on these images: mean, 95 % interval, each run's, their deviation."""
    found = metrics.metrics_with_intervals(
        faces.labels.numpy(),
        np.stack([run.probabilities(faces.images) for run in runs]),
        faces.table["group"].to_numpy(),
        [run.threshold for run in runs],
        RESAMPLES,
    )
    return found["roc_auc"]


def main(data: str, *rows: str) -> None:
    runtime.setup()
    folder = tiers.resolve(data)
    own = tiers.tier(folder) == tiers.EMBEDDED
    runs = runtime.project_root() / "runs" / "augmentation" / folder.name
    places = {row: [runs / f"{row}-{seed}" for seed in SEEDS] for row in rows or ROWS}
    for row, folders in places.items():
        for seed, out in zip(SEEDS, folders, strict=True):
            trainer.train(config(row, folder, seed), out, resume=out.exists())
    if rows:
        return
    detectors = {row: [load_detector(out) for out in outs] for row, outs in places.items()}
    record = {
        "model": asdict(config("none", folder, 0)) | {"augment": list(ROWS), "data": folder.name},
        "data": {"tier": tiers.tier(folder), "path": folder.name,
                 "manifest_sha256": AssembledSet(folder).manifest_sha256},
        "seeds": list(SEEDS),
        "rows": {row: {} for row in ROWS},
        "environment": runtime.environment(),
        "command": f"python benchmarks/augmentation.py {data}",
    }  # fmt: skip
    for split in ("val", "test"):
        faces = dataset.load(folder, split, detectors["none"][0].size)
        for name, quality in QUALITIES.items():
            changed = compressed(faces, quality)
            for row, found in record["rows"].items():
                found.setdefault(split, {})[name] = scores(detectors[row], changed)
    path = "synthfaces/augmentation.json" if own else f"real/{folder.name}-augmentation.json"
    files.write_json(runtime.project_root() / "results" / path, record)


if __name__ == "__main__":
    main(*(sys.argv[1:] or [tiers.EMBEDDED]))
