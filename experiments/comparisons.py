"""What training on a large set of real faces does for a small one: fine-tuning against scratch.

    python benchmarks/transfer.py DATA SOURCE          # all rows, then the record
    python benchmarks/transfer.py DATA SOURCE ROW...   # trains these rows alone

Meso-4 with inverted residuals at 256 px, three seeds a row. `tuned` rows start from its runs on
SOURCE for 24 epochs (`ablation.py SOURCE --epochs 24`), each from that of its own seed; `source` is
those runs as they are, with a threshold and a temperature that fit SOURCE. The number in a row's
name is its epochs; `3*ROW` is the ensemble of a row's three seeds.
Epoch, temperature and threshold of every other run are chosen on the validation split of DATA, and
so is the row to go with; the test split is read once, for all rows. Runs are kept in
runs/transfer/DATA and continued when interrupted. Writes results/real/DATA-transfer.json.
"""

import sys
from dataclasses import replace
from pathlib import Path

import ablation

from mesocore.core import files, runtime
from mesocore.data import tiers
from mesocore.evaluation import records
from mesocore.nets.detector import load_detector
from mesocore.training import trainer

MODEL = "meso4+inverted"
SCALE = ablation.for_epochs(24)  # of the runs on SOURCE
ROWS = {
    "scratch-40": {"epochs": 40},
    "scratch-100": {"epochs": 100},
    "scratch-100-dropout": {"epochs": 100, "dropout": 0.5},
    "tuned-40": {"epochs": 40},
    "tuned-40-low-rate": {"epochs": 40, "learning_rate": 3e-4},
}


def trained(row: str, folder: Path, source: Path, seed: int) -> Path:
    """The run of a row, which is trained now, or further, unless it is finished."""
    settings = replace(ablation.config(MODEL, folder, seed, SCALE), **ROWS[row])
    if row.startswith("tuned"):
        start = ablation.trained(MODEL, source, seed, SCALE)
        settings = replace(settings, init=str(start))
    out = runtime.project_root() / "runs" / "transfer" / folder.name / f"{row}-{seed}"
    trainer.train(settings, out, resume=out.exists())
    return out


def main(data: str, source: str, *rows: str) -> None:
    runtime.setup()
    folder, large = tiers.resolve(data), tiers.resolve(source)
    runs = {row: [trained(row, folder, large, seed) for seed in ablation.SEEDS]
            for row in ablation.asked_for(rows, ROWS)}  # fmt: skip
    if rows:
        return
    detectors = ablation.loaded(runs, folder)
    source_runs = [ablation.trained(MODEL, large, seed, SCALE) for seed in ablation.SEEDS]
    detectors["source"] = [load_detector(out) for out in source_runs]
    record = records.compare(detectors, folder, baseline="scratch-40")
    for row in record["rows"].values():
        row["model"]["init"] = large.name if row["model"].get("init") else None
    del record["rows"]["source"]["val_roc_auc"]  # on another set's validation split
    record["rows"]["source"]["model"]["data"] = large.name
    record["command"] = f"python benchmarks/transfer.py {data} {source}"
    files.write_json(ablation.record_path(folder, "transfer"), record)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python benchmarks/transfer.py DATA SOURCE [ROW...]")
    main(*sys.argv[1:])
