"""Where a run errs on real faces: kinds it knows, kinds it does not, and slices of either.

    python benchmarks/errors.py RUN DATA...

DATA are assembled sets. Of the set that RUN was trained on the test split is read; of others, which
it has never seen, every image. For each: metrics with intervals, trivial features, errors by slice
(difficulty and replaced parts of hand-made composites), the confusion matrix, and for RUN's own set
thresholds for small false-positive rates, chosen on its validation split. Writes
results/real/RUN-errors.json; no image is written anywhere. About 4 minutes for 3,900 images at
256 px on one core.
"""

import sys
from pathlib import Path

from mesocore.core import files, runtime
from mesocore.data import tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.evaluation import model_card, records
from mesocore.nets.detector import load_detector


def main(run: str, *data: str) -> None:
    runtime.setup()
    detector = load_detector(run)
    trained_on = detector.description["config"]["manifest_sha256"]
    found = {}
    for folder in map(tiers.resolve, data):
        split = "test" if AssembledSet(folder).manifest_sha256 == trained_on else "all"
        record = records.evaluate(detector, folder, split)
        kept = {key: record[key] for key in ("data", "metrics", "trivial_baseline")}
        found[folder.name] = kept | model_card.findings([detector], folder, split)
        auc = record["metrics"]["all"]["roc_auc"]
        print(f"{folder.name}, {split}: ROC AUC {auc['value']:.3f} "
              f"[{auc['low']:.3f}, {auc['high']:.3f}]", flush=True)  # fmt: skip
    name = Path(run).name
    record = {
        "model": record["model"] | {"data": "see manifest_sha256"},
        "weights_sha256": detector.description["weights_sha256"],
        "threshold": record["threshold"],
        "temperature": detector.temperature,
        "sets": found,
        "environment": runtime.environment(),
        "command": f"python benchmarks/errors.py {run} {' '.join(f'data/{n}' for n in found)}",
    }
    files.write_json(runtime.project_root() / "results" / "real" / f"{name}-errors.json", record)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python benchmarks/errors.py RUN DATA...")
    main(*sys.argv[1:])
