"""Train on one forgery, test on the others: a matrix of ROC AUC.

Of `synthfaces` a row is trained on its reals and one kind of its fakes, or on both kinds (`all`).
Of several sets of real faces, assembled at 256 px, a row is trained on one set and bears its name.
Each row is three Meso-4 that differ in their seed. Epoch, temperature and threshold are chosen on
the validation split of what a row was trained on; then the test split of every column is read,
once. A row's own test split is the diagonal. The set of `--outside` is a column too, of which every
image is read. `trivial_baseline` beside a figure is of features fitted on the train split of the
row, that of a column of features fitted on its own. Writes generalisation.json in
results/synthfaces or results/real.

Settings and runs are those of `ablation`. On one core a seed takes 15 min on stylegan, 5 on
photoshop, 20 on openforensics, and on synthfaces 5 for each of three rows.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments import ablation, records, runner, subset
from experiments.runner import SEEDS, Experiment, Job, Runs
from mesocore import evaluation
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.data import AssembledSet, kinds, tiers
from mesocore.data.auditing import audit
from mesocore.evaluation import metrics
from mesocore.nets import Detector

MODEL = "meso4"
METRICS = ("roc_auc", "tpr_at_1_fpr", "balanced_accuracy")


def rows(job: Job) -> list[str]:
    """Kinds of fakes and `all`, or the names of the sets."""
    if job.embedded and len(job.sets) > 1:
        raise UserError(f"{tiers.EMBEDDED} is compared with no other set; name it alone")
    if job.embedded:
        return [*sorted(set(kinds(job.data.rows())) - {"real"}), "all"]
    return [data.name for data in job.sets]


def training_set(row: str, job: Job) -> AssembledSet:
    """The set that a row is trained on."""
    if not job.embedded:
        return next(data for data in job.sets if data.name == row)
    if row == "all":
        return job.data
    return subset.of_kinds(job.data, runner.folder_of(f"generalisation/sets/{row}"), [row])


def trained(row: str, job: Job, seed: int) -> Path:
    return ablation.trained(MODEL, Job((training_set(row, job),)), seed)


def measure(job: Job, runs: Runs) -> dict:
    columns = {row: (training_set(row, job), "test") for row in runs if row != "all"}
    trivial = {name: audit.trivial_baseline(data) for name, (data, _) in columns.items()}
    if job.outside:
        for data in job.sets:
            evaluation.labelled_images.LabelledImages(job.outside, "all").check_outside(data)
        columns[job.outside.name] = job.outside, "all"
    detectors = runner.loaded(runs, job.data, ensembles=False)
    found = {}
    for row, of_row in detectors.items():
        own = training_set(row, job)
        found[row] = {name: score(of_row, data, split) | {
            "trivial_baseline": audit.trivial_baseline(own, split, data)
        } for name, (data, split) in columns.items()}  # fmt: skip
        print(row, {name: f"{part['roc_auc']['value']:.3f}" for name, part in found[row].items()})
    configs = {row: of_row[0].description["config"] for row, of_row in detectors.items()}
    own = {"data": "one set a row", "seed": None, "manifest_sha256": None,
           "epochs": {row: config["epochs"] for row, config in configs.items()}}  # fmt: skip
    return {
        "model": configs[row] | own,
        "seeds": list(SEEDS),
        "rows": found,
        "columns": {
            name: evaluation.labelled_images.about_data(*column) for name, column in columns.items()
        },
        "trivial_baseline": trivial,
        "environment": runtime.environment(),
    }


def score(detectors: Sequence[Detector], data: AssembledSet, split: str) -> dict:
    """`METRICS` of a row on a split of a column's set."""
    tables = [evaluation.scored(detector, data, split) for detector in detectors]
    labels = (tables[0]["label"] == "fake").to_numpy(int)
    found = metrics.metrics_with_intervals(
        labels,
        np.stack([table["probability"] for table in tables]),
        tables[0]["group"].to_numpy(),
        [detector.threshold for detector in detectors],
    )
    return {"images": len(labels), "fakes": int(labels.sum())} | {k: found[k] for k in METRICS}


def record(job: Job, row: str) -> Path:
    return records.path(f"{'synthfaces' if job.embedded else 'real'}/generalisation.json")


GENERALISATION = Experiment(
    "generalisation", __doc__, rows, trained, measure, sets=None, record=record, outside=True
)
