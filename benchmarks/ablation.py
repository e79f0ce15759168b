"""What each part of MesoNetPlus buys, and what size buys: every row over three seeds.

    python benchmarks/ablation.py synthfaces          # all rows, then the table
    python benchmarks/ablation.py FOLDER NAME [ROW...]   # real faces; with rows: train those alone

`synthfaces` trains at the course's settings. A folder is an assembled set at 256 px, trained on for
12 epochs in bf16; its record is results/real/NAME-ablation.json. Runs are kept in
runs/ablation/NAME and continued when interrupted, so two processes may train different rows
(MESO_THREADS=1 each). Epoch, temperature and threshold of every run are chosen on val; the test
split is read once, at the end. Times are taken side by side in this process; run nothing else
meanwhile.
"""

import sys
from pathlib import Path

from mesocore import cost, dataset, embedded, models, results, runtime, train
from mesocore.checkpoint import load_detector

SEEDS = (0, 1, 2)
ROWS = {
    dataset.EMBEDDED: (
        "meso4", "meso4+inverted", "meso4+se", "meso4+eca", "meso4+cbam", "meso4+coordinate",
        "meso4+highpass", "meso4+blur", "meso4+inverted+se", "meso4+inverted+eca",
        "mesoinception4", "mobilenet_v3_small",
    ),
    "openforensics": ("meso4", "mesonetplus", "mesoinception4", "mobilenet_v3_small"),
}  # fmt: skip


def config(row: str, data: str, seed: int) -> train.TrainConfig:
    if dataset.preparation(Path(data)).size == embedded.SIZE:
        return train.course_config(row, data, seed)
    return train.TrainConfig(
        row, data, epochs=12, batch_size=12, dropout=0.2, precision="bf16", seed=seed
    )


def main(data: str, name: str, rows: list[str]) -> None:
    runtime.setup()
    folder = dataset.resolve(data)
    runs = runtime.project_root() / "runs" / "ablation" / name
    places = {row: [runs / f"{row}-{seed}" for seed in SEEDS] for row in rows or ROWS[name]}
    for row, folders in places.items():
        for seed, out in enumerate(folders):
            train.train(config(row, str(folder), seed), out, resume=out.exists())
    if rows:
        return
    detectors = {row: [load_detector(out) for out in outs] for row, outs in places.items()}
    record = results.compare(detectors, folder, baseline="meso4")
    record["command"] = f"python benchmarks/ablation.py {name}"
    size = detectors["meso4"][0].size
    times(record["rows"], {row: models.build(row, size) for row in places}, size)
    path = "synthfaces/ablation.json" if name == dataset.EMBEDDED else f"real/{name}-ablation.json"
    runtime.write_json(runtime.project_root() / "results" / path, record)


def times(rows: dict, networks: dict, size: int) -> None:
    """Adds latency at batch 1 and 64 (ms) and training speed (images/s) to the rows."""
    for batch in (1, 64):
        for name, found in cost.latency(networks, size, batch).items():
            rows[name].setdefault("latency_ms", {})[str(batch)] = round(found, 2)
    for name, found in cost.training_rate(networks, size).items():
        rows[name]["training_images_per_second"] = round(found, 1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else sys.argv[1]).name, sys.argv[3:])
