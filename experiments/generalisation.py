"""Train on one forgery, test on the others: a matrix of ROC AUC.

    python benchmarks/generalisation.py synthfaces
    python benchmarks/generalisation.py data/openforensics data/stylegan data/photoshop
    python benchmarks/generalisation.py DATA... --train ROW...    # trains these rows alone

Of `synthfaces` a row is trained on its reals and one kind of its fakes, or on both kinds. Of
several sets of real faces, assembled at 256 px, a row is trained on one set. Each row is three
Meso-4 that differ in their seed. Epoch, temperature and threshold are chosen on the validation
split of what a row was trained on; then the test split of every column is read, once. A row's own
test split is the diagonal. Writes generalisation.json in results/synthfaces or results/real.

Settings and runs are those of ablation.py. On one core a seed takes 15 min on stylegan, 5 on
photoshop, 20 on openforensics, and on synthfaces 5 for each of three rows.
"""

import sys
from pathlib import Path

import numpy as np
from ablation import SEEDS, trained

from mesocore import subset
from mesocore.core import files, runtime
from mesocore.data import tiers
from mesocore.data.assembled_set import AssembledSet, kinds
from mesocore.data.auditing import audit
from mesocore.evaluation import metrics, records
from mesocore.nets.detector import Detector, load_detector

MODEL = "meso4"
METRICS = ("roc_auc", "tpr_at_1_fpr", "balanced_accuracy")


def training_sets(folders: list[Path], own: bool) -> dict[str, Path]:
    """Row -> the set that it is trained on."""
    if not own:
        return {folder.name: folder for folder in folders}
    (folder,) = folders
    place = runtime.project_root() / "runs" / "generalisation" / "sets"
    names = sorted(set(kinds(AssembledSet(folder).rows())) - {"real"})
    parts = {name: subset.of_kinds(folder, place / name, [name]) for name in names}
    return parts | {"all": folder}


def measure(detectors: list[Detector], folder: Path) -> dict:
    """`METRICS` of a row on the test split of a column's set."""
    tables = [records.scored(detector, folder, "test") for detector in detectors]
    labels = (tables[0]["label"] == "fake").to_numpy(int)
    probability = np.stack([table["probability"] for table in tables])
    thresholds = [detector.threshold for detector in detectors]
    found = metrics.metrics_with_intervals(
        labels, probability, tables[0]["group"].to_numpy(), thresholds
    )
    return {"images": len(labels), "fakes": int(labels.sum())} | {k: found[k] for k in METRICS}


def main(data: list[str], only: list[str]) -> None:
    runtime.setup()
    folders = [tiers.resolve(word) for word in data]
    own = tiers.tier(folders[0]) == tiers.EMBEDDED
    sets = training_sets(folders, own)
    wanted = only or sets
    runs = {row: [trained(MODEL, sets[row], seed) for seed in SEEDS] for row in wanted}
    if only:
        return
    columns = {name: folder for name, folder in sets.items() if name != "all"}
    trivial = {name: audit.trivial_baseline(folder) for name, folder in columns.items()}
    rows, epochs = {}, {}
    for row, outs in runs.items():
        detectors = [load_detector(out) for out in outs]
        epochs[row] = detectors[0].description["config"]["epochs"]
        rows[row] = {name: measure(detectors, folder) for name, folder in columns.items()}
        print(row, {name: f"{part['roc_auc']['value']:.3f}" for name, part in rows[row].items()})
    record = {
        "model": detectors[0].description["config"]
        | {"data": "one set a row", "seed": None, "manifest_sha256": None, "epochs": epochs},
        "seeds": list(SEEDS),
        "rows": rows,
        "columns": {name: records.about_data(folder, "test") for name, folder in columns.items()},
        "trivial_baseline": trivial,
        "environment": runtime.environment(),
        "command": f"python benchmarks/generalisation.py {' '.join(data)}",
    }
    tier = "synthfaces" if own else "real"
    files.write_json(runtime.project_root() / "results" / tier / "generalisation.json", record)


if __name__ == "__main__":
    words = sys.argv[1:]
    cut = words.index("--train") if "--train" in words else len(words)
    main(words[:cut] or [tiers.EMBEDDED], words[cut + 1 :])
