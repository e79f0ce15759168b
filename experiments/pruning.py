"""Sparsity against accuracy: every method, over three seeds, against a dense control.

    python benchmarks/pruning.py DATA            # all rows of both networks, the records
    python benchmarks/pruning.py DATA MODEL      # trains this model's rows alone

DATA, `--reduced` and `--epochs` are as for ablation.py, whose runs are what is pruned here; they
are trained first where they are missing. Each row is fine-tuned for the same number of epochs at a
tenth of the learning rate: masks on, or without any (`dense`, the control that extra epochs alone
make). `iterative` reaches its share in that many steps of one epoch, after Zhu & Gupta, "To prune,
or not to prune", 2017, eq. 1. Runs are kept in runs/pruning/SET and continued when interrupted.
Epoch, temperature and threshold are chosen on val; the test split is read once, at the end.
Latencies are taken side by side in this process; run nothing else meanwhile.
Writes results/TIER/pruning-MODEL.json, on real faces results/real/SET-pruning-MODEL.json.
"""

from pathlib import Path

import ablation
import numpy as np
import pandas as pd
from torch import Tensor

from mesocore.core import files, runtime
from mesocore.data import dataset, tiers
from mesocore.evaluation import records, robustness
from mesocore.nets import profile, pruning
from mesocore.nets.detector import Detector, load_detector
from mesocore.training import trainer

MODELS = ("meso4", "meso4+inverted")
EPOCHS = 3  # of fine-tuning
AMOUNTS = (0.2, 0.5, 0.8, 0.9, 0.95, 0.98)
ROWS = {
    "dense": (0.0,),
    "global": AMOUNTS,
    "layerwise": (0.2, 0.9),
    "random": (0.2, 0.9),
    "structured": (0.2, 0.5, 0.8),
    "iterative": (0.95, 0.98),
}
TIMED = ("dense", "global-0.9", "structured-0.5", "structured-0.8")
JPEG = 50  # quality


def main(data: str, *models: str, scale: str = ablation.FULL) -> None:
    runtime.setup()
    folder = tiers.resolve(data)
    for model in models or MODELS:
        starts = [ablation.trained(model, folder, seed, scale) for seed in ablation.SEEDS]
        place = runtime.project_root() / "runs" / "pruning" / ablation.title(folder, scale)
        runs = [prune_all(start, place / f"{model}-{seed}", folder)
                for seed, start in zip(ablation.SEEDS, starts, strict=True)]  # fmt: skip
        if not models:
            found = record(folder, starts, runs)
            found["command"] = ablation.command(__file__, data, scale)
            files.write_json(ablation.record_path(folder, f"pruning-{model}", scale), found)


def prune_all(start: Path, place: Path, folder: Path) -> dict[str, Path]:
    """Trains what is missing; returns the run of every row, as "global-0.2"."""
    found = {}
    for method, amounts in ROWS.items():
        for amount in amounts:
            row = f"{method}-{amount}" if amount else method
            found[row] = fine_tune(start, place / row, folder, method, amount)
    return found


def fine_tune(start: Path, out: Path, folder: Path, method: str, amount: float) -> Path:
    rate = load_detector(start).description["config"]["learning_rate"] / 10
    if method != "iterative":
        name = "global" if method == "dense" else method
        one(start, out, folder, EPOCHS, prune=amount, prune_method=name)
        return out
    for step in range(1, EPOCHS + 1):
        share = round(amount * (1 - (1 - step / EPOCHS) ** 3), 4)
        after = out if step == EPOCHS else out.with_name(f"{out.name}-step-{step}")
        one(start, after, folder, 1, prune=share, learning_rate=rate)
        start = after
    return out


def one(start: Path, out: Path, folder: Path, epochs: int, **changes) -> None:
    config = trainer.fine_tuning_config(start, str(folder), epochs, **changes)
    trainer.train(config, out, resume=out.exists())


def record(folder: Path, starts: list[Path], runs: list[dict[str, Path]]) -> dict:
    rows = {row: [load_detector(run[row]) for run in runs] for row in runs[0]}
    rows["before"] = [load_detector(start) for start in starts]
    found = records.compare(rows, folder, baseline="dense")
    found["fine_tuning_epochs"] = EPOCHS
    size = rows["dense"][0].size
    faces = dataset.load(folder, "test", size)
    recompressed = robustness.changed(faces.images, "jpeg", JPEG)
    for name, detectors in rows.items():
        start = found["rows"][name]["model"]["init"]
        found["rows"][name]["model"]["init"] = start and Path(start).name  # no folder of here
        found["rows"][name] |= what_is_left(detectors, size)
        found["rows"][name][f"jpeg_{JPEG}"] = auc(detectors, recompressed, faces.table)
    timed = {name: rows[name][0].model for name in TIMED}
    for name, milliseconds in profile.latency(timed, size, batch=64, rounds=20).items():
        found["rows"][name]["latency_ms"] = round(milliseconds, 2)
    return found


def what_is_left(detectors: list[Detector], size: int) -> dict:
    """Shares of each run; layers, work and bytes of the first."""
    tables = [pruning.sparsity(detector.model) for detector in detectors]
    first = detectors[0].model
    return {
        "sparsity": [float(table.loc["all", "share"]) for table in tables],
        "layers": tables[0].drop("all")["share"].astype(float).round(4).to_dict(),
        "nonzero_multiply_adds": pruning.nonzero_multiply_adds(first, size),
        "bytes": pruning.sizes(first),
    }


def auc(detectors: list[Detector], images: Tensor, table: pd.DataFrame) -> dict:
    scores = np.stack([detector.probabilities(images) for detector in detectors])
    return robustness.level_metrics(table, scores, [d.threshold for d in detectors])["roc_auc"]


if __name__ == "__main__":
    data, models, scale = ablation.arguments(__doc__, "model")
    main(data, *models, scale=scale)
