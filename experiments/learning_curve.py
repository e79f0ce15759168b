"""ROC AUC against the number of training images, a power law, and what it predicts for 150k.

    python benchmarks/learning_curve.py DATA             # all sizes, then the record
    python benchmarks/learning_curve.py DATA IMAGES...   # trains with so many images alone

Meso-4 at 128 px and the course's settings, three seeds a size. Each size is half of the next, in
nested subsets of whole groups; every run takes as many steps as 8 epochs of the whole set, so that
data differ and training time does not. Estimated cost for 6,300 real faces on one thread of a busy
2-core machine: about 6 minutes a run, 1.5 hours in all. Validation, where the epoch is chosen, is
always the whole split. DATA is `synthfaces` or the folder of an assembled set. Runs are kept in
runs/learning-curve/SET and continued when interrupted. Test is read once, at the end. The law is
fitted to 1 - ROC AUC of the runs; 150k images in all are 105,000 for training. Writes
results/synthfaces/learning-curve.json or results/real/SET-learning-curve.json.
"""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from mesocore.core import files, runtime
from mesocore.course.chapter import course_config
from mesocore.data import dataset, tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.evaluation import metrics, power_law
from mesocore.nets.detector import load_detector
from mesocore.training import trainer
from mesocore.training.config import TrainConfig

SEEDS = (0, 1, 2)
HALVINGS = 4
EPOCHS = 8  # of the whole set; smaller ones take as many steps
AIM = 105_000  # training images of the 150k recipe: 70 %
RESAMPLES = 200


def config(images: int, whole: int, folder: Path, seed: int) -> TrainConfig:
    epochs = round(EPOCHS * whole / images)
    base = course_config("meso4", str(folder), seed, epochs)
    return replace(base, images=0 if images == whole else images)


def main(data: str, *sizes: str) -> None:
    runtime.setup()
    folder = tiers.resolve(data)
    own = tiers.tier(folder) == tiers.EMBEDDED
    whole = len(AssembledSet(folder).rows("train"))
    wanted = [int(size) for size in sizes] or [whole >> k for k in range(HALVINGS, -1, -1)]
    runs = runtime.project_root() / "runs" / "learning-curve" / folder.name
    places = {size: [runs / f"{size}-{seed}" for seed in SEEDS] for size in wanted}
    for size, folders in places.items():
        for seed, out in zip(SEEDS, folders, strict=True):
            trainer.train(config(size, whole, folder, seed), out, resume=out.exists())
    if sizes:
        return
    record = {
        "model": asdict(config(whole, whole, folder, 0)) | {"data": folder.name},
        "data": {"tier": tiers.tier(folder), "path": folder.name, "split": "test",
                 "manifest_sha256": AssembledSet(folder).manifest_sha256},
        "seeds": list(SEEDS),
        "rows": measure(places, folder),
    }  # fmt: skip
    record |= prediction(record["rows"])
    record["environment"] = runtime.environment()
    record["command"] = f"python benchmarks/learning_curve.py {data}"
    path = "synthfaces/learning-curve.json" if own else f"real/{folder.name}-learning-curve.json"
    files.write_json(runtime.project_root() / "results" / path, record)


def measure(places: dict[int, list[Path]], folder: Path) -> dict[str, dict]:
    """For each number of training images the ROC AUC on test: mean, 95 % interval, each run's."""
    rows = {}
    for size, outs in places.items():
        runs = [load_detector(out) for out in outs]
        test = dataset.load(folder, "test", runs[0].size)
        rows[str(size)] = metrics.metrics_with_intervals(
            test.labels.numpy(),
            np.stack([run.probabilities(test.images) for run in runs]),
            test.table["group"].to_numpy(),
            [run.threshold for run in runs],
            RESAMPLES,
        )["roc_auc"]
    return rows


def prediction(rows: dict[str, dict]) -> dict:
    images = np.repeat([int(size) for size in rows], len(SEEDS))
    error = 1 - np.concatenate([row["each"] for row in rows.values()])
    law = power_law.fit_power_law(images, error)
    return {"law": asdict(law), "prediction": {"images": AIM, "error": law.predict(AIM)}}


if __name__ == "__main__":
    main(*(sys.argv[1:] or [tiers.EMBEDDED]))
