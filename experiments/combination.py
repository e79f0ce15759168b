"""The target's combination: inverted residuals, attention, and a fifth of the weights pruned.

Against Meso-4, trained as long: `attention`, the network before pruning; `pruned`, its runs
fine-tuned without the smallest 20 % of all weights (global, unstructured); `dense`, the control,
fine-tuned for as many epochs without a mask. The attention is ECA, the cheapest kind, as in chapter
3.

Runs of `ablation` at this scale are what is pruned; fine-tuned ones are kept in
runs/combination/SET. What `keep` has put into results/runs is not trained again. Epoch, temperature
and threshold are chosen on val; the test split is read once, and so is every image of the set of
`--outside`. Writes results/real/SET-24-epochs-combination.json.
"""

from pathlib import Path

from experiments import ablation, pruning
from experiments.runner import Experiment, Job, Runs
from mesocore.core import runtime
from mesocore.evaluation import compare
from mesocore.nets import load_detector

ATTENTION = "meso4+inverted+eca"
BASELINE = "meso4"
FINE_TUNED = {"dense": 0.0, "pruned": 0.2}  # row -> share of weights that goes


def trained(row: str, job: Job, seed: int) -> Path:
    if row not in FINE_TUNED:
        return ablation.trained(BASELINE if row == BASELINE else ATTENTION, job, seed)
    kept = runtime.project_root() / "results/runs" / job.title / f"combination-{row}-{seed}"
    if kept.exists():
        return kept
    start = ablation.trained(ATTENTION, job, seed)
    return pruning.one(start, f"combination/{job.title}/{row}-{seed}", job, pruning.EPOCHS,
                       prune=FINE_TUNED[row], prune_method="global")  # fmt: skip


def measure(job: Job, runs: Runs) -> dict:
    detectors = {row: [load_detector(out) for out in outs] for row, outs in runs.items()}
    record = compare(detectors, job.data, baseline=BASELINE, outside=job.outside)
    record["fine_tuning_epochs"] = pruning.EPOCHS
    for row, of_row in detectors.items():
        found = record["rows"][row]
        start = found["model"].get("init")
        found["model"]["init"] = start and Path(start).name  # no folder of here
        found |= pruning.what_is_left(of_row, of_row[0].size)
    return record


def rows(job: Job) -> list[str]:
    return [BASELINE, "attention", *FINE_TUNED]


COMBINATION = Experiment("combination", __doc__, rows, trained, measure, scales=True, outside=True)
