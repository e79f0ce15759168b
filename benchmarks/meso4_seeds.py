"""Meso-4 at the course's settings, several seeds: `python benchmarks/meso4_seeds.py [DATA]`.

Each seed is trained on the train split; its epoch, temperature and threshold are chosen on val, and
the test split is read once. Runs are kept in runs/meso4-seed-N and continued when interrupted.
Writes results/TIER/meso4-seeds.json.
"""

import sys

from mesocore.core import files, runtime
from mesocore.course.chapter import course_config
from mesocore.data import tiers
from mesocore.evaluation import records
from mesocore.nets.detector import load_detector
from mesocore.training import trainer

SEEDS = (0, 1, 2)
MODEL = "meso4"


def main(data: str) -> None:
    folder = tiers.resolve(data)
    runs = []
    for seed in SEEDS:
        runs.append(runtime.project_root() / "runs" / f"{MODEL}-seed-{seed}")
        config = course_config(MODEL, str(folder), seed)
        trainer.train(config, runs[-1], resume=runs[-1].exists())
    detectors = [load_detector(run) for run in runs]
    record = records.evaluate(detectors, folder, "test")
    record["command"] = "python benchmarks/meso4_seeds.py"
    print(records.summary(record))
    path = runtime.project_root() / "results" / record["data"]["tier"] / f"{MODEL}-seeds.json"
    files.write_json(path, record)


if __name__ == "__main__":
    main(*(sys.argv[1:] or [tiers.EMBEDDED]))
