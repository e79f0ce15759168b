"""The detector to use: one network, trained on every collection, and what pruning it costs.

DATA as for `leave-one-out`. `recommended` is that experiment's row of co-occurrences, for 20
epochs (an hour of one core); `pruned` its runs fine-tuned without the smallest 20 % of all weights
(global, unstructured), and `dense`, the control, for as many epochs without a mask. The one to use
is the first seed; the others say how far another would differ.

Runs are kept in runs/recommended/DATA and continued when interrupted; what `keep` has put into
results/runs, and `ship` into the package, is not trained again. Epoch, temperature, threshold and
band are chosen on val; test images of each family are read once, and every image of the set of
`--outside`. Writes results/real/DATA-recommended.json.
"""

from pathlib import Path

from experiments import by_family, pruning, runner
from experiments.by_family import Scores, check_framing, columns
from experiments.leave_one_out import COMMON, COUNTING_SETTINGS
from experiments.runner import SEEDS, Experiment, Job, Runs
from mesocore.core import runtime
from mesocore.data import load
from mesocore.nets import load_detector
from mesocore.nets.inference import shipped
from mesocore.nets.models import parameter_count
from mesocore.training import TrainConfig

EPOCHS = 20
FINE_TUNED = {"dense": 0.0, "pruned": 0.2}  # row -> share of weights that goes


def rows(job: Job) -> list[str]:
    return ["recommended", *FINE_TUNED]


def trained(row: str, job: Job, seed: int) -> Path:
    kept = runtime.project_root() / "results/runs" / job.data.name / f"{row}-{seed}"
    for found in (shipped.FOLDER / row, kept):
        about = load_detector(found).description["config"] if found.exists() else {}
        # of this very set and seed: another of its name may hold its training images in test
        if job.data.learnt_by(about) and about.get("seed") == seed:
            return found
    name = f"recommended/{job.data.name}/{row}-{seed}"
    if row in FINE_TUNED:
        start = trained("recommended", job, seed)
        return pruning.one(start, name, job, pruning.EPOCHS, prune=FINE_TUNED[row])
    settings = COMMON | COUNTING_SETTINGS
    return runner.trained(TrainConfig(**settings, data=job.folder, seed=seed, epochs=EPOCHS), name)


def measure(job: Job, runs: Runs) -> dict:
    detectors = {row: [load_detector(out) for out in outs] for row, outs in runs.items()}
    first = next(iter(detectors.values()))[0]
    check_framing(first, job)
    parts = columns(job.data, load(job.data, "all", first.size), "")
    if job.outside:
        parts[job.outside.name] = load(job.outside, "all", first.size)
    found, scores = {}, Scores()
    for row, of_row in detectors.items():
        baseline = "dense" if row == "pruned" else None
        found[row] = by_family.row(of_row, job.data) | {
            "parameters": parameter_count(of_row[0].model),
            "columns": {name: scores.of(row, of_row, name, part, baseline)
                        for name, part in parts.items()},
        }  # fmt: skip
        found[row] |= pruning.what_is_left(of_row, first.size)
    more = {"seeds": list(SEEDS), "fine_tuning_epochs": pruning.EPOCHS, "rows": found}
    return more | by_family.about(job)


RECOMMENDED = Experiment("recommended", __doc__, rows, trained, measure, outside=True)
