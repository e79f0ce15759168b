"""What holds on every collection, on one left out of training, and outside: rows of settings.

DATA is one set assembled of several collections at 256 px (`mesocore assemble A B ... --out DATA
--face-margin 1.3`, so that faces are framed alike). A collection and those whose names begin with
its own and "-" are one family.

Each row is trained on all families, for some 80,000 images, with the first seed. Rows of
`EVERY_SEED` are trained with every one, and rows of `LEFT_OUT` once more without each family, or
without those where what they try should help (`ROW-without-FAMILY`). Epoch, temperature and
threshold are chosen on the validation images of what a run learnt from. Then, once: the test images
of each family by the runs that know it; all images of the family left out by those that do not;
every image of the set of `--outside`. Beside each stands what trivial features reach that were
fitted on the same images, and for each row but the first the paired difference to the first, over
the seeds that both have.

Runs are kept in runs/leave-one-out/DATA and continued when interrupted, so two processes may train
different rows (MESO_THREADS=1 each), a run in 15 to 50 minutes of one core. What `keep` has put
into results/runs is not trained again. Writes results/real/DATA-leave-one-out.json.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from experiments import by_family, runner
from experiments.by_family import Scores, check_framing, columns, families
from experiments.reconstructions import with_reconstructions
from experiments.runner import SEEDS, Experiment, Job, Runs
from mesocore.core import runtime
from mesocore.data import AssembledSet, load
from mesocore.nets import load_detector, models
from mesocore.training import TrainConfig
from mesocore.training.ensembles import save_ensemble

IMAGES, MOST_EPOCHS = 80_000, 60  # images are counted with repetitions
PLAIN, POOLED = models.CHOSEN, f"{models.CHOSEN}+pooled"
KINDS = f"{POOLED}+kinds"
COUNTING = f"{POOLED}+cooccurrences+kinds"
# small batches: the moving average of the weights reaches back over 500 steps
COMMON = {"model": POOLED, "size": 128, "batch_size": 32, "dropout": 0.2, "ema": 0.998,
          "augment": "flip+jpeg+resize"}  # fmt: skip
COUNTING_SETTINGS = {
    "model": COUNTING, "size": 256, "dropout": None, "kind_balance": 0.5,
    "augment": "flip+zoom:0.25+jpeg+blur:0.25+resize:0.25+noise:0.25",
}  # fmt: skip
# `teacher`: the row whose seeds, as an ensemble, teach; `reconstructions`: they are added to DATA
SETTINGS: dict[str, dict] = {
    "pooled": {},
    "cooccurrences": COUNTING_SETTINGS,
    "mesonetplus": {"model": PLAIN},
    "patches": {"model": f"{models.CHOSEN}+patches"},
    "kinds": {"model": KINDS, "kind_balance": 0.5},
    "pooled-balanced": {"balanced_sampling": True},
    "pooled-blends": {"self_blend": 0.2},
    "pooled-reconstructions": {"reconstructions": True},
    "pooled-degraded": {"augment": "flip+jpeg+blur+resize+noise"},
    "pooled-consistent": {"consistency": 1.0},
    "pooled-distilled": {"teacher": "pooled"},
}
EVERY_SEED = ("cooccurrences",)
LEFT_OUT: dict[str, Sequence[str] | None] = {  # row -> families; None: each
    "pooled": None, "cooccurrences": None, "pooled-blends": ("dfdc", "photoshop"),
    "pooled-reconstructions": ("diffusion", "stylegan"),
}  # fmt: skip
BETWEEN = "-without-"


def rows(job: Job) -> list[str]:
    found = []
    for row in SETTINGS:
        wanted = LEFT_OUT.get(row, ())
        found += [row, *(f"{row}{BETWEEN}{family}" for family in families(job.data)
                         if wanted is None or family in wanted)]  # fmt: skip
    return found


def seeds(row: str) -> Sequence[int]:
    return SEEDS if row.partition(BETWEEN)[0] in EVERY_SEED else SEEDS[:1]


def config(row: str, job: Job, seed: int) -> TrainConfig:
    settings, _, family = row.partition(BETWEEN)
    own = COMMON | SETTINGS[settings]
    data = job.data
    if own.pop("reconstructions", False):
        folder = runner.folder_of(f"leave-one-out/{data.name}-with-reconstructions")
        data = with_reconstructions(data, folder, own["size"])
    left_out = families(data)[family] if family else []
    train = data.rows("train")
    epochs = round(IMAGES / (~train["source"].isin(left_out)).sum())
    own |= {"data": str(Path(data)), "leave_out": "+".join(left_out) or None, "seed": seed,
            "epochs": max(1, min(MOST_EPOCHS, epochs))}  # fmt: skip
    if "teacher" in own:
        own["teacher"] = str(taught_by(row.replace(settings, own["teacher"], 1), job))
    return TrainConfig(**own)


def name_of(row: str, job: Job) -> str:
    """Where a row's runs are kept, below runs/."""
    return f"leave-one-out/{job.data.name}/{row}"


def trained(row: str, job: Job, seed: int) -> Path:
    settings = config(row, job, seed)
    kept = runtime.project_root() / "results/runs" / job.data.name / f"{row}-{seed}"
    if kept.exists():
        about = load_detector(kept).description["config"]
        wanted = asdict(settings)
        same = all(about.get(key) == wanted[key] for key in wanted.keys() - {"data", "teacher"})
        if same and AssembledSet(settings.data).learnt_by(about):
            return kept
    return runner.trained(settings, f"{name_of(row, job)}-{seed}")


def taught_by(row: str, job: Job) -> Path:
    """The ensemble of a row's seeds, which are trained first where they are missing."""
    members = [trained(row, job, seed) for seed in SEEDS]
    out = runner.folder_of(f"{name_of(row, job)}-ensemble")
    if not out.exists():
        save_ensemble(members, job.data, out)
    return out


def measure(job: Job, runs: Runs) -> dict:
    detectors = {row: [load_detector(out) for out in outs] for row, outs in runs.items()}
    sizes = {of_row[0].size for of_row in detectors.values()}
    images = {size: load(job.data, "all", size) for size in sizes}
    outside = {size: load(job.outside, "all", size) for size in sizes} if job.outside else {}
    check_framing(next(iter(detectors.values()))[0], job)
    found, scores, first = {}, Scores(), next(iter(SETTINGS))
    for row, of_row in detectors.items():
        settings, _, family = row.partition(BETWEEN)
        size = of_row[0].size
        parts = columns(job.data, images[size], family)
        if outside and not family:
            parts[job.outside.name] = outside[size]
        baseline = row.replace(settings, first) if settings != first else None
        found[row] = by_family.row(of_row, job.data) | {
            "seeds": list(seeds(row)),
            "columns": {name: scores.of(row, of_row, name, part, baseline)
                        for name, part in parts.items()},
        }  # fmt: skip
        print(row, {k: f"{v['roc_auc']['value']:.3f}" for k, v in found[row]["columns"].items()})
    return {"seeds": list(SEEDS), "rows": found} | by_family.about(job)


LEAVE_ONE_OUT = Experiment("leave-one-out", __doc__, rows, trained, measure, outside=True,
                           seeds=seeds)  # fmt: skip
