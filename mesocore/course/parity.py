"""Parity: does a port answer as the original did, for the same weights and the same images?

The originals' answers come with the published weights: P(real) of four images by four weight files,
computed by the authors' Keras code. Nothing of those files is part of the course; what is measured
with them is kept in results/published/.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mesocore.core.errors import UserError
from mesocore.core.files import sha256_file
from mesocore.course.mistakes import FAULTY_PORTS
from mesocore.evaluation.prediction import predict
from mesocore.nets.detector import Detector, load_detector
from mesocore.nets.mesonet import Meso4

ANSWERS, IMAGES = "keras_outputs.csv", "test_images"


def compare_with_original(folder: Path) -> dict:
    """Compares our answers with the original's, for every weight file that `folder` has.

    `folder` holds keras_outputs.csv (columns `image`, then one per weight file), the weight files
    NAME.h5 and test_images/. Returns `weights` (per file: hash, answers and `max_difference` in
    P(real)) and `cousins`, the faulty ports (per Meso-4 file and mistake: the same difference once
    the port has that mistake, and how many of the verdicts it turns). Raises `UserError` if a file
    is missing.
    """
    folder = Path(folder)
    if not (folder / ANSWERS).is_file():
        raise UserError(f"{folder} holds no {ANSWERS}; give the folder of the published weights")
    answers = pd.read_csv(folder / ANSWERS, index_col="image")
    images = [str(folder / IMAGES / name) for name in answers.index]
    record: dict = {"weights": {}, "cousins": {}}
    for name in answers.columns:
        detector = load_detector(folder / f"{name}.h5")
        original, ours = answers[name].to_numpy(), _p_real(detector, images)
        record["weights"][name] = {
            "sha256": sha256_file(folder / f"{name}.h5"),
            "original": dict(zip(answers.index, original.tolist(), strict=True)),
            "ours": dict(zip(answers.index, ours.tolist(), strict=True)),
            "max_difference": float(np.abs(ours - original).max()),
        }
        if isinstance(detector.model, Meso4):
            record["cousins"][name] = _faulty(detector, images, original)
    return record


def _p_real(detector: Detector, images: list[str]) -> np.ndarray:
    verdicts = list(predict(detector, images))
    for verdict in verdicts:
        if verdict.error:
            raise UserError(str(verdict))
    return np.array([1 - verdict.probability_fake for verdict in verdicts])


def _faulty(detector: Detector, images: list[str], original: np.ndarray) -> dict[str, dict]:
    found = {}
    for mistake, make in FAULTY_PORTS.items():
        answer = _p_real(replace(detector, model=make(detector.model)), images)
        found[mistake] = {
            "max_difference": float(np.abs(answer - original).max()),
            "verdicts_changed": int(((answer > 0.5) != (original > 0.5)).sum()),
        }
    return found
