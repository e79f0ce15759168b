"""What each part of MesoNetPlus buys, and what size buys.

DATA is `synthfaces`, at the course's settings, or the folder of a set of real faces assembled at
256 px: two rows, trained for 8 epochs, or for as many updates on fewer than 6,300 images (at most
40 epochs). `--reduced` is real faces at 128 px and the course's settings, for as few epochs: three
minutes of one core for a run of Meso-4 in place of 13. `--epochs` is real faces at 256 px for that
long, in batches of 32 and in bf16, for a GPU; there every row stands a second time, as the ensemble
of its three seeds (`3*ROW`, one detector, nothing trained).

Runs are kept in runs/ablation/SET (SET-128, SET-24-epochs) and continued when interrupted, so two
processes may train different rows (MESO_THREADS=1 each). Those that `keep` has put into
results/runs are not trained again, and MobileNetV3's row, whose runs are too large for that, is
taken over from the record. Epoch, temperature and threshold of every run are chosen on val; the
test split is read once, at the end, and so is every image of the set of `--outside`. Times are
taken side by side in this process, so run nothing else meanwhile; once the record has them they
stay, until it is deleted. Writes results/synthfaces/ablation.json or results/real/SET-ablation.json
(SET-128-, SET-24-epochs-).
"""

import json
from dataclasses import asdict
from pathlib import Path

from experiments import records, runner
from experiments.runner import SEEDS, Experiment, Job, Runs
from experiments.scale import FULL, REDUCED
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.course import course_config
from mesocore.evaluation import compare
from mesocore.nets import build, load_detector, models, profile
from mesocore.training import TrainConfig

ROWS = (
    "meso4", "meso4+inverted", "meso4+se", "meso4+eca", "meso4+cbam", "meso4+coordinate",
    "meso4+highpass", "meso4+blur", "meso4+inverted+eca", "meso4+inverted+highpass",
    "mesoinception4", "mobilenet_v3_small",
)  # fmt: skip
SYNTHFACES = ("meso4", "meso4+inverted", "meso4+eca", "meso4+highpass", models.CHOSEN)
LONG = ("meso4", "meso4+inverted", models.CHOSEN, "mesoinception4")
REAL = ("meso4", models.CHOSEN)
TOO_LARGE = ("mobilenet_v3_small",)  # to be kept: 6 MB a run
TIMES = ("latency_ms", "training_images_per_second")
UPDATES, MOST_EPOCHS = 8 * 6300, 40  # counted in images


def table(job: Job) -> tuple[str, ...]:
    """The rows of the record at this scale."""
    if job.embedded:
        return SYNTHFACES
    return {FULL: REAL, REDUCED: ROWS}.get(job.scale, LONG)


def config(row: str, job: Job, seed: int) -> TrainConfig:
    """The settings of a row."""
    if job.embedded:
        return course_config(row, job.folder, seed)
    if job.scale.epochs:
        return TrainConfig(row, job.folder, job.scale.epochs, dropout=0.2, precision="bf16",
                           seed=seed)  # fmt: skip
    epochs = min(MOST_EPOCHS, max(8, round(UPDATES / len(job.data.rows("train")))))
    if job.scale == REDUCED:
        return course_config(row, job.folder, seed, epochs)
    return TrainConfig(row, job.folder, epochs, batch_size=12, dropout=0.2, seed=seed)


def trained(row: str, job: Job, seed: int) -> Path:
    """The run of a row: the committed one, or one that is trained now, or further."""
    settings, name = config(row, job, seed), f"{job.title}/{row}-{seed}"
    committed = runtime.project_root() / "results" / "runs" / name
    if committed.exists():
        check(committed, settings, job)
        return committed
    return runner.trained(settings, f"ablation/{name}")


def check(committed: Path, settings: TrainConfig, job: Job) -> None:
    """Raises `UserError` if a committed run has other settings or was trained on other images."""
    about = TrainConfig.defaults() | load_detector(committed).description["config"]
    other = [k for k, v in asdict(settings).items() if k != "data" and about[k] != v]
    if other := other + ["manifest_sha256"] * (not job.data.learnt_by(about)):
        raise UserError(
            f"{committed} was trained with other {', '.join(other)}; delete it to train anew"
        )


def missing(job: Job) -> list[str]:
    """The rows of the table that have to be trained or measured: all but those taken over."""
    known = taken_over(job)
    return [row for row in table(job) if row not in known]


def recorded(job: Job) -> dict:
    """The rows of the record as it is, none if there is no record."""
    path = records.path_of(job.data, "ablation", job.scale)
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}


def taken_over(job: Job) -> dict:
    """Rows of `TOO_LARGE` in the present record, if their runs are not here and their settings and
    images are those of today."""
    rows = recorded(job)
    found = {}
    for row in set(rows) & set(TOO_LARGE):
        wanted = asdict(config(row, job, SEEDS[0])) | {"data": job.data.name}
        about = rows[row]["model"]
        same = all(about.get(key, value) == value for key, value in wanted.items())
        here = runner.folder_of(f"ablation/{job.title}/{row}-0").exists()
        if same and job.data.learnt_by(about) and not here:
            found[row] = rows[row]
    return found


def measure(job: Job, runs: Runs) -> dict:
    detectors = runner.loaded(runs, job.data, ensembles=bool(job.scale.epochs))
    record = compare(detectors, job.data, baseline="meso4", outside=job.outside)
    record["rows"] |= taken_over(job)
    known = recorded(job)
    if set(record["rows"]) <= set(known):
        for row, found in record["rows"].items():
            found |= {key: known[row][key] for key in TIMES}
    else:
        times(record["rows"], detectors["meso4"][0].size)
    return record


def times(rows: dict, size: int) -> None:
    """Adds latency at batch 1 and 64 (ms) and training speed (images/s) to the rows."""
    networks = {row: build(row, size) for row in rows}
    for batch in (1, 64):
        for name, found in profile.latency(networks, size, batch).items():
            rows[name].setdefault("latency_ms", {})[str(batch)] = round(found, 2)
    for name, found in profile.training_rate(networks, size).items():
        rows[name]["training_images_per_second"] = round(found, 1)


ABLATION = Experiment(
    "ablation", __doc__, missing, trained, measure, also=ROWS, scales=True, outside=True
)  # fmt: skip
