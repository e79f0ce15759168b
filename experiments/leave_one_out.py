"""What holds on every collection, on one left out of training, and outside: rows of settings.

DATA is one set assembled of several collections at 256 px (`mesocore assemble A B ... --out DATA
--face-margin 1.3`, so that faces are framed alike); it is read at 128 px. A collection and those
whose names begin with its own and "-" are one family.

Each row is trained on all families, and once more without each of them (`ROW-without-FAMILY`), for
some 160,000 images in bf16. Epoch, temperature and threshold are chosen on the validation images of
what a run learnt from. Then, once: the test images of each family by the runs that know it; all
images of the family left out by those that do not; every image of the set of `--outside`. Beside
each stands what trivial features reach that were fitted on the same images, and for each row but
the first the paired difference to the first.

Runs are kept in runs/leave-one-out/DATA and continued when interrupted, so two processes may train
different rows (MESO_THREADS=1 each): 20 minutes of one core a run, or two minutes of a GPU that
fifteen share (docs/many-machines.md). Writes
results/real/DATA-leave-one-out.json.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from experiments import runner
from experiments.runner import SEEDS, Experiment, Job, Runs
from mesocore.core import runtime
from mesocore.data import AssembledSet, FaceSet, load
from mesocore.data.auditing import audit
from mesocore.evaluation import labelled_images, metrics
from mesocore.nets import Detector, load_detector, models
from mesocore.training import TrainConfig
from mesocore.training.ensembles import save_ensemble

SIZE, IMAGES, MOST_EPOCHS = 128, 160_000, 60  # images are counted with repetitions
PLAIN, POOLED = models.CHOSEN, f"{models.CHOSEN}+pooled"
COMMON = {"model": POOLED, "size": SIZE, "batch_size": 64, "dropout": 0.2, "ema": 0.998,
          "augment": "flip+jpeg+resize", "precision": "bf16", "channels_last": True}  # fmt: skip
SETTINGS: dict[str, dict] = {  # `teacher`: the row whose seeds, as an ensemble, teach
    "mesonetplus": {"model": PLAIN},
    "pooled": {},
    "patches": {"model": f"{models.CHOSEN}+patches"},
    "pooled-balanced": {"balanced_sampling": True},
    "pooled-blends": {"self_blend": 0.2},
    "pooled-degraded": {"augment": "flip+jpeg+blur+resize+noise"},
    "pooled-consistent": {"consistency": 1.0},
    "pooled-distilled": {"teacher": "pooled"},
}
BETWEEN = "-without-"


def families(data: AssembledSet) -> dict[str, list[str]]:
    """The collections of a set, by family."""
    found: dict[str, list[str]] = {}
    for name in sorted(data.sources):
        family = next((known for known in found if name.startswith(f"{known}-")), name)
        found.setdefault(family, []).append(name)
    return found


def rows(job: Job) -> list[str]:
    left_out = [f"{BETWEEN}{family}" for family in families(job.data)]
    return [row + suffix for row in SETTINGS for suffix in ("", *left_out)]


def config(row: str, job: Job, seed: int) -> TrainConfig:
    settings, _, family = row.partition(BETWEEN)
    left_out = families(job.data)[family] if family else []
    train = job.data.rows("train")
    epochs = round(IMAGES / (~train["source"].isin(left_out)).sum())
    own = {"data": job.folder, "leave_out": "+".join(left_out) or None, "seed": seed,
           "epochs": max(1, min(MOST_EPOCHS, epochs))}  # fmt: skip
    own |= SETTINGS[settings]
    if "teacher" in own:
        own["teacher"] = str(taught_by(row.replace(settings, own["teacher"], 1), job))
    return TrainConfig(**COMMON | own)


def name_of(row: str, job: Job) -> str:
    """Where a row's runs are kept, below runs/."""
    return f"leave-one-out/{job.data.name}/{row}"


def trained(row: str, job: Job, seed: int) -> Path:
    return runner.trained(config(row, job, seed), f"{name_of(row, job)}-{seed}")


def taught_by(row: str, job: Job) -> Path:
    """The ensemble of a row's seeds, which are trained first where they are missing."""
    members = [trained(row, job, seed) for seed in SEEDS]
    out = runner.folder_of(f"{name_of(row, job)}-ensemble")
    if not out.exists():
        save_ensemble(members, job.data, out)
    return out


def measure(job: Job, runs: Runs) -> dict:
    images = load(job.data, "all", SIZE)
    outside = load(job.outside, "all", SIZE) if job.outside else None
    detectors = {row: [load_detector(out) for out in outs] for row, outs in runs.items()}
    for data in filter(None, (job.data, job.outside)):
        labelled_images.check_framing(next(iter(detectors.values()))[0], data)
    found, first = {}, next(iter(SETTINGS))
    for row, of_row in detectors.items():
        settings, _, family = row.partition(BETWEEN)
        parts = columns(job.data, images, family)
        if outside is not None and not family:
            parts[job.outside.name] = outside
        baseline = detectors.get(row.replace(settings, first)) if settings != first else None
        found[row] = {
            "model": of_row[0].description["config"] | {"seed": None, "data": job.data.name},
            "val_roc_auc": [run.description["best"]["val_roc_auc"] for run in of_row],
            "columns": {name: score(of_row, part, baseline) for name, part in parts.items()},
        }
        print(row, {k: f"{v['roc_auc']['value']:.3f}" for k, v in found[row]["columns"].items()})
    return {
        "seeds": list(SEEDS),
        "families": families(job.data),
        "rows": found,
        "trivial_baseline": trivial(job),
        "data": labelled_images.about_data(job.data, "test"),
        "outside": job.outside and labelled_images.about_data(job.outside, "all"),
        "environment": runtime.environment(),
    }


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


def score(
    detectors: Sequence[Detector], faces: FaceSet, baseline: Sequence[Detector] | None
) -> dict:
    """Metrics over `faces`, and `against`: the paired difference to the baseline's ROC AUC."""
    labels, groups = faces.labels.numpy(), faces.table["group"].to_numpy()
    found, theirs = (
        [faces.table.assign(probability=run.probabilities(faces.images)) for run in runs or []]
        for runs in (detectors, baseline)
    )
    result = metrics.overall(found, [detector.threshold for detector in detectors])
    if baseline:
        pair = (np.stack([t["probability"] for t in tables]) for tables in (found, theirs))
        result["against"] = metrics.paired_difference(labels, *pair, groups)
    return result


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


LEAVE_ONE_OUT = Experiment("leave-one-out", __doc__, rows, trained, measure, outside=True)
