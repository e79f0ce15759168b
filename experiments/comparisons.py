"""Small tables: fine-tuning against scratch, sizes, schedules, dropout, seeds."""

from dataclasses import asdict, replace
from pathlib import Path

from experiments import ablation, runner
from experiments.runner import SEEDS, Experiment, Job, Runs
from experiments.scale import Scale
from mesocore.core import runtime
from mesocore.course import course_config
from mesocore.data import tiers
from mesocore.evaluation import compare, evaluate, records
from mesocore.nets import load_detector
from mesocore.training import TrainConfig, run_folder

MODEL = "meso4+inverted"  # of the rows on real faces at 256 px
LONG = Scale(epochs=24)  # of the runs that fine-tuning starts from

# Fine-tuning against scratch
TRANSFER_ROWS = {
    "scratch-40": {"epochs": 40},
    "scratch-100": {"epochs": 100},
    "scratch-100-dropout": {"epochs": 100, "dropout": 0.5},
    "tuned-40": {"epochs": 40},
    "tuned-40-low-rate": {"epochs": 40, "learning_rate": 3e-4},
}


def source_run(job: Job, seed: int) -> Path:
    """The run on the larger set."""
    return ablation.trained(MODEL, Job(job.sets[1:], LONG), seed)


def transfer_trained(row: str, job: Job, seed: int) -> Path:
    settings = ablation.config(MODEL, replace(job, scale=LONG), seed)
    settings = replace(settings, **TRANSFER_ROWS[row])
    if row.startswith("tuned"):
        settings = replace(settings, init=str(source_run(job, seed)))
    return runner.trained(settings, f"transfer/{job.data.name}/{row}-{seed}")


def transfer_measure(job: Job, runs: Runs) -> dict:
    source = job.sets[1].name
    detectors = runner.loaded(runs, job.data)
    detectors["source"] = [load_detector(source_run(job, seed)) for seed in SEEDS]
    record = compare(detectors, job.data, baseline="scratch-40")
    for row in record["rows"].values():
        row["model"]["init"] = source if row["model"].get("init") else None
    del record["rows"]["source"]["val_roc_auc"]  # on another set's validation split
    record["rows"]["source"]["model"]["data"] = source
    return record


TRANSFER = Experiment(
    "transfer",
    """What training on a large set of real faces does for a small one: fine-tuning against scratch.

    Meso-4 with inverted residuals at 256 px. `tuned` rows start from its runs on SOURCE for 24
    epochs (`ablation SOURCE --epochs 24`), each from that of its own seed; `source` is those runs
    as they are, with a threshold and a temperature that fit SOURCE. The number in a row's name is
    its epochs; `3*ROW` is the ensemble of a row's three seeds. Epoch, temperature and threshold of
    every other run are chosen on the validation split of DATA, and so is the row to go with; the
    test split is read once, for all rows. Runs are kept in runs/transfer/DATA and continued when
    interrupted. Writes results/real/DATA-transfer.json.
    """,
    lambda job: tuple(TRANSFER_ROWS),
    transfer_trained,
    transfer_measure,
    sets=2,
)

# Image sizes
RESOLUTION_BASELINE = f"{MODEL} 256"
RESOLUTION_ROWS = (RESOLUTION_BASELINE, f"{MODEL} 592")
RESOLUTION_EPOCHS = 40


def resolution_trained(row: str, job: Job, seed: int) -> Path:
    model, size = row.split()
    settings = ablation.config(model, replace(job, scale=LONG), seed)
    settings = replace(settings, epochs=RESOLUTION_EPOCHS, size=int(size))
    return runner.trained(settings, f"resolution/{job.data.name}/{model}-{size}-{seed}")


def resolution_measure(job: Job, runs: Runs) -> dict:
    record = compare(runner.loaded(runs, job.data), job.data, baseline=RESOLUTION_BASELINE)
    for row, outs in runs.items():
        record["rows"][row]["val_by_epoch"] = [val_by_epoch(out) for out in outs]
    return record


def val_by_epoch(run: Path) -> list[float]:
    """The validation ROC AUC of every epoch of a run."""
    return [epoch["val_roc_auc"] for epoch in run_folder.history(run)]


RESOLUTION = Experiment(
    "resolution",
    """What a picture's own resolution is worth: the same pictures read at several sizes.

    DATA is a set assembled at nearly the size of its originals (`mesocore assemble FOLDER --out
    DATA --size 592` for pictures of 600 px), so that every row has the same pictures, the same
    splits and the same compression, and differs in the size they are scaled to before the network.
    A row is a network and that size ("meso4+inverted 592"), trained for 40 epochs; `3*ROW` is the
    ensemble of its seeds. Epoch, temperature and threshold are chosen on the validation split, and
    so is the row to go with; the test split is read once, for all rows. `val_by_epoch` is the
    validation ROC AUC of every epoch: of 40 values on a few images the best is a lucky one, their
    mean is not. Runs are kept in runs/resolution/DATA and continued when interrupted; one at 592 px
    takes 16 minutes of one core for every 400 images. Writes results/real/DATA-resolution.json.
    """,
    lambda job: RESOLUTION_ROWS,
    resolution_trained,
    resolution_measure,
)

# Schedules of the learning rate
SCHEDULE_EPOCHS = 12
SCHEDULE_ROWS = {
    "constant": {"schedule": "constant", "warmup": 0.0},
    "cosine, no warm-up": {"warmup": 0.0},
    "warm-up and cosine": {},
    "one-cycle": {"schedule": "one-cycle", "warmup": 0.3},
    "constant, 10x": {"schedule": "constant", "warmup": 0.0, "learning_rate": 1e-2},
    "warm-up and cosine, 10x": {"learning_rate": 1e-2},
    "one-cycle, 10x": {"schedule": "one-cycle", "warmup": 0.3, "learning_rate": 1e-2},
}


def schedule_config(job: Job, seed: int) -> TrainConfig:
    return course_config("meso4", job.folder, seed, SCHEDULE_EPOCHS)


def schedule_trained(row: str, job: Job, seed: int) -> Path:
    settings = replace(schedule_config(job, seed), **SCHEDULE_ROWS[row])
    return runner.trained(settings, f"schedules/{row.replace(', ', '-').replace(' ', '-')}-{seed}")


def schedule_measure(job: Job, runs: Runs) -> dict:
    settings = asdict(schedule_config(job, SEEDS[0]))
    histories = {row: [val_by_epoch(out) for out in outs] for row, outs in runs.items()}
    rows = {row: SCHEDULE_ROWS[row] | {"val_roc_auc": found} for row, found in histories.items()}
    return {
        "model": settings | {"data": job.data.name, "seed": list(SEEDS)},
        "rows": rows,
        "data": about_validation(job),
        "environment": runtime.environment(),
    }


def about_validation(job: Job) -> dict:
    sha256 = job.data.manifest_sha256
    return {"tier": tiers.tier(job.data), "manifest_sha256": sha256, "split": "val"}


SCHEDULES = Experiment(
    "schedules",
    """Schedules and peaks of the learning rate compared on the embedded set.

    Meso-4 at the course's settings for 12 epochs, all but schedule and peak alike. It looks at
    validation alone: a schedule is chosen, nothing is reported. Estimated cost on one thread of a
    busy 2-core machine: about 5 minutes a run, 1.7 hours in all. Runs are kept in runs/schedules
    and continued when interrupted. Writes results/synthfaces/schedules.json: validation ROC AUC by
    epoch.
    """,
    lambda job: tuple(SCHEDULE_ROWS),
    schedule_trained,
    schedule_measure,
    embedded=True,
)

# Dropout, seeds
DROPOUT_RUNS = {"0.0": "meso4-seed-{}", "0.5": "meso4-dropout-seed-{}"}


def dropout_trained(row: str, job: Job, seed: int) -> Path:
    settings = replace(course_config("meso4", job.folder, seed), dropout=float(row))
    return runner.trained(settings, DROPOUT_RUNS[row].format(seed))


def dropout_measure(job: Job, runs: Runs) -> dict:
    settings = asdict(course_config("meso4", job.folder))
    found = {row: {str(seed): val_by_epoch(out) for seed, out in zip(SEEDS, outs, strict=True)}
             for row, outs in runs.items()}  # fmt: skip
    own = {"data": job.data.name, "seed": SEEDS, "dropout": [float(row) for row in runs]}
    return {
        "model": settings | own,
        "data": about_validation(job),
        "val_roc_auc": found,
        "environment": runtime.environment(),
    }


DROPOUT = Experiment(
    "dropout",
    """What dropout costs at the start: Meso-4 on the embedded set with 0 and the published 0.5.

    At the course's settings, which were chosen by this comparison; so it looks at validation alone.
    Runs without dropout are those of `meso4-seeds`; interrupted ones go on. Writes
    results/synthfaces/dropout.json: validation ROC AUC by epoch.
    """,
    lambda job: tuple(DROPOUT_RUNS),
    dropout_trained,
    dropout_measure,
    embedded=True,
)


def seeds_trained(row: str, job: Job, seed: int) -> Path:
    return runner.trained(course_config(row, job.folder, seed), f"{row}-seed-{seed}")


def seeds_measure(job: Job, runs: Runs) -> dict:
    record = evaluate([load_detector(out) for out in runs["meso4"]], job.data, "test")
    print(records.summary(record))
    return record


MESO4_SEEDS = Experiment(
    "meso4-seeds",
    """Meso-4 at the course's settings, several seeds: how far they are apart.

    Each seed is trained on the train split; its epoch, temperature and threshold are chosen on val,
    and the test split is read once. Runs are kept in runs/meso4-seed-N and continued when
    interrupted. Writes results/synthfaces/meso4-seeds.json or results/real/SET-meso4-seeds.json.
    """,
    lambda job: ("meso4",),
    seeds_trained,
    seeds_measure,
)
