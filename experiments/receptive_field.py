"""How far should it look? Meso-4 with a smaller and with a larger receptive field.

DATA is a set of real faces; every row is trained at the reduced scale of `ablation` (128 px, 8
epochs of 6,300 images). `meso4` has the field of the publication, 90 pixels; `meso4+kernel3` 62,
by smaller kernels, which also leave it fewer weights; `meso4+dilated` 138, by gaps in the last
two, at the same weights. Runs are kept with those of `ablation`, and committed ones are not
trained again. Epoch, temperature and threshold of each are chosen on val; the test split is read
once, at the end, and so is every image of the set of `--outside`. Writes
results/real/SET-receptive-field.json.
"""

from dataclasses import replace
from pathlib import Path

from experiments import ablation, runner
from experiments.runner import Experiment, Job, Runs
from experiments.scale import REDUCED
from mesocore.evaluation import compare

BASELINE = "meso4"
ROWS = (BASELINE, "meso4+kernel3", "meso4+dilated")


def trained(row: str, job: Job, seed: int) -> Path:
    return ablation.trained(row, replace(job, scale=REDUCED), seed)


def measure(job: Job, runs: Runs) -> dict:
    detectors = runner.loaded(runs, job.data, ensembles=False)
    return compare(detectors, job.data, baseline=BASELINE, outside=job.outside)


RECEPTIVE_FIELD = Experiment(
    "receptive-field", __doc__, lambda job: ROWS, trained, measure, outside=True
)  # fmt: skip
