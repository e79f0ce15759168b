"""What is left of a detector after JPEG, blur, scaling, noise, crops and a screen, level by level.

    python benchmarks/robustness.py RUN... DATA    # several runs: seeds of one model, their mean

DATA is `synthfaces` or the folder of an assembled set; its test split is read once. Scores of every
level are kept in runs/robustness/NAME and not computed again when interrupted. Writes
results/synthfaces/robustness.json, or results/real/SET-robustness.json for real faces. A level
takes as long as changing the split and scoring it: 31 levels of 960 images at 128 px take about 3
minutes on one core, of 1,800 at 256 px about 15 for one run and 30 for three.
"""

import sys
from pathlib import Path

import numpy as np

from mesocore.core import files, runtime
from mesocore.data import dataset, tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.evaluation import records, robustness
from mesocore.nets.detector import Detector, load_detector


def kept_scores(
    detectors: list[Detector], faces: dataset.FaceSet, folder: Path, name: str, level: float
) -> np.ndarray:
    """P(fake) `(R, N)` at one level, as far as possible from an earlier call."""
    files = [
        folder / f"{d.description['weights_sha256'][:12]}-{name}-{level:g}.npy" for d in detectors
    ]
    if not all(file.exists() for file in files):
        folder.mkdir(parents=True, exist_ok=True)
        images = robustness.changed(faces.images, name, level)
        for detector, file in zip(detectors, files, strict=True):
            half = file.with_suffix(".part.npy")
            np.save(half, detector.probabilities(images))
            half.replace(file)
    return np.stack([np.load(file) for file in files])


def main(*arguments: str) -> None:
    *runs, data = arguments
    runtime.setup()
    folder = tiers.resolve(data)
    detectors = [load_detector(run) for run in runs]
    about = records.one_model(detectors)
    faces = dataset.load(folder, "test", detectors[0].size)
    own = tiers.tier(folder) == tiers.EMBEDDED
    place = (
        runtime.project_root() / "runs" / "robustness" / AssembledSet(folder).manifest_sha256[:12]
    )
    thresholds = [detector.threshold for detector in detectors]
    sweeps = {}
    for name, sweep in robustness.SWEEPS.items():
        levels = []
        for level in runtime.progress((sweep.none, *sweep.levels), name):
            scores = kept_scores(detectors, faces, place, name, level)
            levels.append(
                {"level": level, **robustness.level_metrics(faces.table, scores, thresholds)}
            )
        sweeps[name] = {"unit": sweep.unit, "levels": levels}
        first, last = (f"{levels[n]['roc_auc']['value']:.3f}" for n in (0, -1))
        print(f"{name}: ROC AUC {first} untouched, {last} at {sweep.unit} {sweep.levels[-1]}")
    record = {
        "model": about["config"] | {"data": folder.name},
        "weights_sha256": [d.description["weights_sha256"] for d in detectors],
        "data": records.about_data(folder, "test"),
        "seeds": [d.description["config"]["seed"] for d in detectors],
        "sweeps": sweeps,
        "environment": runtime.environment(),
        "command": f"python benchmarks/robustness.py {' '.join([*runs, data])}",
    }
    path = "synthfaces/robustness.json" if own else f"real/{folder.name}-robustness.json"
    files.write_json(runtime.project_root() / "results" / path, record)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python benchmarks/robustness.py RUN... DATA")
    main(*sys.argv[1:])
