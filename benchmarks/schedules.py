"""Schedules and peaks compared on the embedded set: `python benchmarks/schedules.py [ROW...]`.

Meso-4 at the course's settings for 12 epochs, three seeds a row, all but schedule and peak alike.
It looks at validation alone: a schedule is chosen, nothing is reported. Estimated cost on one
thread of a busy 2-core machine: about 5 minutes a run, 1.7 hours in all. Runs are kept in
runs/schedules and continued when interrupted; with ROWs, only these are trained. Writes
results/synthfaces/schedules.json: validation ROC AUC by epoch.
"""

import sys
from dataclasses import asdict, replace

from mesocore.core import files, runtime
from mesocore.course.chapter import course_config
from mesocore.data import tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.training import trainer

SEEDS = (0, 1, 2)
EPOCHS = 12
ROWS = {
    "constant": {"schedule": "constant", "warmup": 0.0},
    "cosine, no warm-up": {"warmup": 0.0},
    "warm-up and cosine": {},
    "one-cycle": {"schedule": "one-cycle", "warmup": 0.3},
    "constant, 10x": {"schedule": "constant", "warmup": 0.0, "learning_rate": 1e-2},
    "warm-up and cosine, 10x": {"learning_rate": 1e-2},
    "one-cycle, 10x": {"schedule": "one-cycle", "warmup": 0.3, "learning_rate": 1e-2},
}


def main(*rows: str) -> None:
    folder = tiers.resolve(tiers.EMBEDDED)
    runs = runtime.project_root() / "runs" / "schedules"
    found = {}
    for row in rows or ROWS:
        for seed in SEEDS:
            out = runs / f"{row.replace(', ', '-').replace(' ', '-')}-{seed}"
            base = course_config("meso4", str(folder), seed, EPOCHS)
            history = trainer.train(replace(base, **ROWS[row]), out, resume=out.exists())
            found.setdefault(row, []).append(history["val_roc_auc"].tolist())
    if rows:
        return
    record = {
        "model": asdict(base) | {"data": folder.name, "seed": list(SEEDS)},
        "rows": {row: ROWS[row] | {"val_roc_auc": found[row]} for row in ROWS},
        "data": {"tier": tiers.tier(folder), "manifest_sha256": AssembledSet(folder).manifest_sha256,
                 "split": "val"},
        "environment": runtime.environment(),
        "command": "python benchmarks/schedules.py",
    }  # fmt: skip
    files.write_json(runtime.project_root() / "results" / "synthfaces" / "schedules.json", record)


if __name__ == "__main__":
    main(*sys.argv[1:])
