"""Meso-4 at the course's settings, several seeds: `python benchmarks/meso4_seeds.py [DATA]`.

Each seed is trained on the train split, its epoch, temperature and threshold are chosen on val, and
the test split is read once. Runs are kept in runs/meso4-seed-N and continued when interrupted.
Writes results/TIER/meso4-seeds.json.
"""

import sys

import numpy as np

from mesocore import dataset, results, runtime, train
from mesocore.checkpoint import load_detector

SEEDS = (0, 1, 2)
MODEL = "meso4"


def main(data: str) -> None:
    folder = dataset.resolve(data)
    rows = {}
    for seed in SEEDS:
        out = runtime.project_root() / "runs" / f"{MODEL}-seed-{seed}"
        train.train(train.course_config(MODEL, str(folder), seed), out, resume=out.exists())
        record = results.evaluate_detector(load_detector(out), folder, "test")
        rows[seed] = record["metrics"]["all"]
        auc = rows[seed]["roc_auc"]
        print(f"seed {seed}: test ROC AUC {auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]")
    values = [row["roc_auc"]["value"] for row in rows.values()]
    print(f"mean {np.mean(values):.3f}, standard deviation {np.std(values, ddof=1):.3f}; trivial "
          f"features {max(record['trivial_baseline'].values()):.3f}")  # fmt: skip
    path = runtime.project_root() / "results" / record["data"]["tier"] / f"{MODEL}-seeds.json"
    runtime.write_json(path, {
        "seeds": rows, "trivial_baseline": record["trivial_baseline"], "data": record["data"],
        "mean_roc_auc": np.mean(values), "sd_roc_auc": np.std(values, ddof=1),
        "environment": runtime.environment(), "command": "python benchmarks/meso4_seeds.py",
    })  # fmt: skip


if __name__ == "__main__":
    main(*(sys.argv[1:] or [dataset.EMBEDDED]))
