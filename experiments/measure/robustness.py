"""What is left of a detector after JPEG, blur, scaling, noise, crops and a screen, level by level.

Several RUNs are seeds of one model, of which the mean is taken. DATA is `synthfaces` or the folder
of an assembled set: of the one that RUN was trained on the test split is read, once, of any other
every image. Scores of every level are kept in runs/robustness/NAME and not computed again when
interrupted. Writes results/synthfaces/robustness.json, or results/real/SET-robustness.json for real
faces. A level takes as long as changing the split and scoring it: 31 levels of 960 images at 128 px
take about 3 minutes on one core, of 1,800 at 256 px about 15 for one run and 30 for three.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments import records, runner
from experiments.runner import Command
from mesocore import evaluation
from mesocore.core import runtime
from mesocore.data import FaceSet, load, resolve
from mesocore.evaluation import robustness
from mesocore.nets import Detector, load_detector


def kept_scores(
    detectors: Sequence[Detector], faces: FaceSet, folder: Path, name: str, level: float
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


def main(*words: str) -> None:
    *runs, word = words
    data = resolve(word)
    detectors = [load_detector(run) for run in runs]
    about = evaluation.records.one_model(detectors)
    split = runner.split_for(data, detectors[0])
    faces = load(data, split, detectors[0].size)
    place = runner.folder_of(f"robustness/{data.manifest_sha256[:12]}")
    score = functools.partial(kept_scores, detectors, faces, place)
    sweeps = robustness.sweeps(detectors, faces.images, faces.table, score)
    for name, sweep in sweeps.items():
        first, last = (f"{sweep['levels'][n]['roc_auc']['value']:.3f}" for n in (0, -1))
        hardest = sweep["levels"][-1]["level"]
        print(f"{name}: ROC AUC {first} untouched, {last} at {sweep['unit']} {hardest}")
    values = {
        "model": about["config"] | {"data": data.name},
        "weights_sha256": [d.description["weights_sha256"] for d in detectors],
        "data": evaluation.labelled_images.about_data(data, split),
        "seeds": [d.description["config"]["seed"] for d in detectors],
        "sweeps": sweeps,
        "environment": runtime.environment(),
        "command": records.command("robustness", *runs, records.shown(data)),
    }
    records.write(records.path_of(data, "robustness"), values)


ROBUSTNESS = Command("robustness", __doc__, "RUN... DATA", main, least=2)
