"""Train on one forgery, test on the others: a matrix of ROC AUC.

    python benchmarks/generalisation.py synthfaces
    python benchmarks/generalisation.py data/openforensics data/stylegan data/photoshop
    python benchmarks/generalisation.py DATA... --train ROW...    # trains these rows alone

Of `synthfaces` a row is trained on its reals and one kind of its fakes, or on both kinds. Of
several sets of real faces, assembled at 256 px, a row is trained on one set. Each row is three
Meso-4 that differ in their seed. Epoch, temperature and threshold are chosen on the validation
split of what a row was trained on; then the test split of every column is read, once. A row's own
test split is the diagonal. Writes generalisation.json in results/synthfaces or results/real.

Runs are kept in runs/ablation and runs/generalisation and continued when interrupted. The settings
are those of ablation.py, so its meso4 rows are taken from there if they are done; a small set gets
more epochs, for as many updates as 8 epochs of 6,300 images, up to 40 epochs. On two
cores, with the rows of the ablation done: synthfaces 25 min; real faces 2 h (stylegan 25 min a
seed, photoshop 10).
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from ablation import SEEDS, config

from mesocore import audit, dataset, evaluate, results, runtime, subset, train
from mesocore.checkpoint import Detector, load_detector
from mesocore.sources import kinds

MODEL = "meso4"
METRICS = ("roc_auc", "tpr_at_1_fpr", "balanced_accuracy")
UPDATES, MOST_EPOCHS = 8 * 6300, 40  # images seen by a row of the ablation on openforensics


def training_sets(folders: list[Path], own: bool) -> dict[str, Path]:
    """Row -> the set that it is trained on."""
    if not own:
        return {folder.name: folder for folder in folders}
    (folder,) = folders
    place = runtime.project_root() / "runs" / "generalisation" / "sets"
    names = sorted(set(kinds(dataset.read_manifest(folder))) - {"real"})
    parts = {name: subset.of_kinds(folder, place / name, [name]) for name in names}
    return parts | {"all": folder}


def row_config(folder: Path, own: bool, seed: int) -> train.TrainConfig:
    settings = config(MODEL, folder, seed)
    if own:
        return settings
    images = len(dataset.read_manifest(folder, "train"))
    epochs = min(MOST_EPOCHS, max(settings.epochs, round(UPDATES / images)))
    return replace(settings, epochs=epochs)


def run_folder(folder: Path, seed: int) -> Path:
    """Where the ablation has this run, if it trains it at all."""
    runs = runtime.project_root() / "runs"
    done = runs / "ablation" / folder.name / f"{MODEL}-{seed}"
    return done if done.exists() else runs / "generalisation" / folder.name / f"{MODEL}-{seed}"


def measure(detectors: list[Detector], folder: Path) -> dict:
    """`METRICS` of a row on the test split of a column's set."""
    tables = [results.scored(detector, folder, "test") for detector in detectors]
    labels = (tables[0]["label"] == "fake").to_numpy(int)
    probability = np.stack([table["probability"] for table in tables])
    thresholds = [detector.threshold for detector in detectors]
    found = evaluate.metrics_with_intervals(
        labels, probability, tables[0]["group"].to_numpy(), thresholds
    )
    return {"images": len(labels), "fakes": int(labels.sum())} | {k: found[k] for k in METRICS}


def main(data: list[str], only: list[str]) -> None:
    runtime.setup()
    folders = [dataset.resolve(word) for word in data]
    own = results.tier(folders[0]) == dataset.EMBEDDED
    sets = training_sets(folders, own)
    runs = {row: [run_folder(folder, seed) for seed in SEEDS] for row, folder in sets.items()}
    for row in only or sets:
        for seed, out in zip(SEEDS, runs[row], strict=True):
            train.train(row_config(sets[row], own, seed), out, resume=out.exists())
    if only:
        return
    columns = {name: folder for name, folder in sets.items() if name != "all"}
    trivial = {name: audit.trivial_baseline(folder) for name, folder in columns.items()}
    rows = {}
    for row, outs in runs.items():
        detectors = [load_detector(out) for out in outs]
        rows[row] = {name: measure(detectors, folder) for name, folder in columns.items()}
        print(row, {name: f"{part['roc_auc']['value']:.3f}" for name, part in rows[row].items()})
    record = {
        "model": detectors[0].description["config"] | {"data": "one set a row", "seed": None},
        "seeds": list(SEEDS),
        "rows": rows,
        "columns": {name: results.about_data(folder, "test") for name, folder in columns.items()},
        "trivial_baseline": trivial,
        "environment": runtime.environment(),
        "command": f"python benchmarks/generalisation.py {' '.join(data)}",
    }
    tier = "synthfaces" if own else "real"
    runtime.write_json(runtime.project_root() / "results" / tier / "generalisation.json", record)


if __name__ == "__main__":
    words = sys.argv[1:]
    cut = words.index("--train") if "--train" in words else len(words)
    main(words[:cut] or [dataset.EMBEDDED], words[cut + 1 :])
