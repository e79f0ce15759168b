"""Sparsity against accuracy: every method against a dense control.

A row on the command line is a network; its runs of `ablation` (at the same `--reduced` or
`--epochs`) are what is pruned here, and they are trained first where they are missing. Each method
and share is fine-tuned for the same number of epochs at a tenth of the learning rate: masks on, or
without any (`dense`, the control that extra epochs alone make). `iterative` reaches its share in
that many steps of one epoch, after Zhu & Gupta, "To prune, or not to prune", 2017, eq. 1. Runs are
kept in runs/pruning/SET and continued when interrupted. Epoch, temperature and threshold are chosen
on val; the test split is read once, at the end. Latencies are taken side by side in this process;
run nothing else meanwhile. Writes a record for each network: results/synthfaces/pruning-MODEL.json
or results/real/SET-pruning-MODEL.json (SET-128-, SET-24-epochs-).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from experiments import ablation, records, runner
from experiments.runner import Experiment, Job, Runs
from mesocore.data import load
from mesocore.evaluation import compare, robustness
from mesocore.nets import Detector, load_detector, profile, pruning
from mesocore.training import fine_tuning_config

MODELS = ("meso4", "meso4+inverted")
EPOCHS = 3  # of fine-tuning
AMOUNTS = (0.2, 0.5, 0.8, 0.9, 0.95, 0.98)
METHODS = {
    "dense": (0.0,),
    "global": AMOUNTS,
    "layerwise": (0.2, 0.9),
    "random": (0.2, 0.9),
    "structured": (0.2, 0.5, 0.8),
    "iterative": (0.95, 0.98),
}
TIMED = ("dense", "global-0.9", "structured-0.5", "structured-0.8")
JPEG = 50  # quality


def rows() -> dict[str, tuple[str, float]]:
    """The rows of a record, as "global-0.2": method and share."""
    return {f"{method}-{amount}" if amount else method: (method, amount)
            for method, amounts in METHODS.items() for amount in amounts}  # fmt: skip


def trained(model: str, job: Job, seed: int) -> Path:
    """The folder that holds a fine-tuned run for every row; what is missing is trained now."""
    start = ablation.trained(model, job, seed)
    place = f"pruning/{job.title}/{model}-{seed}"
    for row, (method, amount) in rows().items():
        fine_tune(start, f"{place}/{row}", job, method, amount)
    return runner.folder_of(place)


def fine_tune(start: Path, name: str, job: Job, method: str, amount: float) -> None:
    """Trains runs/NAME from `start`, `iterative` by way of runs/NAME-step-1 and so on."""
    rate = load_detector(start).description["config"]["learning_rate"] / 10
    if method != "iterative":
        one(start, name, job, EPOCHS, prune=amount,
            prune_method="global" if method == "dense" else method)  # fmt: skip
        return
    for step in range(1, EPOCHS + 1):
        share = round(amount * (1 - (1 - step / EPOCHS) ** 3), 4)
        after = name if step == EPOCHS else f"{name}-step-{step}"
        start = one(start, after, job, 1, prune=share, learning_rate=rate)


def one(start: Path, name: str, job: Job, epochs: int, **changes) -> Path:
    return runner.trained(fine_tuning_config(start, job.folder, epochs, **changes), name)


def measure(job: Job, runs: Runs) -> dict:
    ((model, folders),) = runs.items()
    detectors = {row: [load_detector(folder / row) for folder in folders] for row in rows()}
    starts = [ablation.trained(model, job, seed) for seed in runner.SEEDS]
    detectors["before"] = [load_detector(start) for start in starts]
    record = compare(detectors, job.data, baseline="dense")
    record["fine_tuning_epochs"] = EPOCHS
    size = detectors["dense"][0].size
    faces = load(job.data, "test", size)
    recompressed = robustness.changed(faces.images, "jpeg", JPEG)
    for row, of_row in detectors.items():
        found = record["rows"][row]
        start = found["model"]["init"]
        found["model"]["init"] = start and Path(start).name  # no folder of here
        found |= what_is_left(of_row, size)
        found[f"jpeg_{JPEG}"] = roc_auc(of_row, recompressed, faces.table)
    timed = {row: detectors[row][0].model for row in TIMED}
    for row, milliseconds in profile.latency(timed, size, batch=64, rounds=20).items():
        record["rows"][row]["latency_ms"] = round(milliseconds, 2)
    return record


def what_is_left(detectors: Sequence[Detector], size: int) -> dict:
    """Shares of each run; layers, work and bytes of the first."""
    tables = [pruning.sparsity(detector.model) for detector in detectors]
    first = detectors[0].model
    return {
        "sparsity": [float(table.loc["all", "share"]) for table in tables],
        "layers": tables[0].drop("all")["share"].astype(float).round(4).to_dict(),
        "nonzero_multiply_adds": pruning.nonzero_multiply_adds(first, size),
        "bytes": pruning.sizes(first),
    }


def roc_auc(detectors: Sequence[Detector], images: Tensor, table: pd.DataFrame) -> dict:
    scores = np.stack([detector.probabilities(images) for detector in detectors])
    return robustness.level_metrics(table, scores, [d.threshold for d in detectors])["roc_auc"]


def record_path(job: Job, model: str) -> Path:
    return records.path_of(job.data, f"pruning-{model}", job.scale)


PRUNING = Experiment("pruning", __doc__, lambda job: MODELS, trained, measure, scales=True,
                     record=record_path)  # fmt: skip
