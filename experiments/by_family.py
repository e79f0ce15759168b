"""A set of several collections, read one family at a time: images, metrics, trivial features.

A collection and those whose names begin with its own and "-" are one family.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.runner import Job
from mesocore.core import runtime
from mesocore.data import AssembledSet, FaceSet
from mesocore.data.assembled_set import family_of
from mesocore.data.auditing import audit
from mesocore.evaluation import labelled_images, metrics, thresholds
from mesocore.nets import Detector


def families(data: AssembledSet) -> dict[str, list[str]]:
    """The collections of a set, by family."""
    found: dict[str, list[str]] = {}
    for name, family in family_of(data.sources).items():
        found.setdefault(family, []).append(name)
    return found


def columns(data: AssembledSet, images: FaceSet, left_out: str) -> dict[str, FaceSet]:
    """The test images of each family, or all images of the one that is left out."""
    table = images.table
    if left_out:
        return {left_out: _rows(images, table["source"].isin(families(data)[left_out]))}
    test = table["split"] == "test"
    return {family: _rows(images, test & table["source"].isin(names))
            for family, names in families(data).items()}  # fmt: skip


def _rows(images: FaceSet, wanted: pd.Series) -> FaceSet:
    rows = np.flatnonzero(wanted)
    return FaceSet(images.images[rows], images.labels[rows], images.table.iloc[rows])


class Scores:
    """What detectors give, image by image; a row is kept to compare later ones with it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], np.ndarray] = {}

    def of(
        self, row: str, detectors: Sequence[Detector], name: str, faces: FaceSet,
        baseline: str | None = None,
    ) -> dict:  # fmt: skip
        """Metrics over `faces`; `verdicts`, what the three verdicts are worth; and `against`: the
        paired difference to the ROC AUC of `baseline`, a row before, over the seeds of both."""
        found = [labelled_images.judged(run, faces) for run in detectors]
        probability = np.stack([table["probability"] for table in found])  # (R, N)
        self._kept[row, name] = probability
        result = metrics.overall(found, [detector.threshold for detector in detectors])
        result["verdicts"] = thresholds.verdicts(found, [run.band for run in detectors])
        if baseline and (baseline, name) in self._kept:
            labels, groups = faces.labels.numpy(), faces.table["group"].to_numpy()
            theirs = self._kept[baseline, name]
            both = slice(min(len(probability), len(theirs)))
            result["against"] = metrics.paired_difference(
                labels, probability[both], theirs[both], groups
            )
        return result


def row(detectors: Sequence[Detector], data: AssembledSet) -> dict:
    """Settings, without folders of here, and validation of a row's runs."""
    config = detectors[0].description["config"]
    bare = {"seed": None, "data": data.name} | {
        name: Path(config[name]).name for name in ("init", "teacher") if config.get(name)
    }
    scores = [run.description["best"]["val_roc_auc"] for run in detectors]
    return {"model": config | bare, "val_roc_auc": scores}


def about(job: Job) -> dict:
    """What a record says of the images, of trivial features on them, and of this machine."""
    return {
        "families": families(job.data),
        "trivial_baseline": trivial(job),
        "data": labelled_images.about_data(job.data, "test"),
        "outside": job.outside and labelled_images.about_data(job.outside, "all"),
        "environment": runtime.environment(),
    }


def check_framing(detector: Detector, job: Job) -> None:
    for data in filter(None, (job.data, job.outside)):
        labelled_images.check_framing(detector, data)


def trivial(job: Job) -> dict:
    """ROC AUC of trivial features: `known`, fitted on all families; `left_out`, on the others."""
    every = families(job.data)
    found: dict[str, dict] = {"known": {}, "left_out": {}}
    for family, own in every.items():
        others = [name for names in every.values() if names is not own for name in names]
        folder = job.data.folder
        found["known"][family] = audit.trivial_baseline(folder, "test", scored=own)
        found["left_out"][family] = audit.trivial_baseline(
            folder, "all", fitted_on=others, scored=own
        )
    if job.outside:
        found["known"][job.outside.name] = audit.trivial_baseline(
            job.data.folder, "all", job.outside.folder
        )
    return found
