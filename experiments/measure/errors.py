"""Where a run errs on real faces: kinds it knows, kinds it does not, and slices of either.

DATA are assembled sets. Of the set that RUN was trained on the test split is read; of others, which
it has never seen, every image. For each: metrics with intervals, trivial features, errors by slice
(difficulty and replaced parts of hand-made composites), the confusion matrix, and for RUN's own set
thresholds for small false-positive rates, chosen on its validation split. Writes
results/real/RUN-errors.json; no image is written anywhere. About 4 minutes for 3,900 images at
256 px on one core.
"""

from pathlib import Path

from experiments import records, runner
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.data import resolve
from mesocore.evaluation import evaluate
from mesocore.evaluation.cards import model_card
from mesocore.evaluation.tables import interval
from mesocore.nets import load_detector


def main(run: str, *words: str) -> None:
    detector = load_detector(run)
    found = {}
    for data in map(resolve, words):
        split = runner.split_for(data, detector)
        record = evaluate(detector, data, split)
        kept = {key: record[key] for key in ("data", "metrics", "trivial_baseline")}
        found[data.name] = kept | model_card.findings([detector], data, split)
        auc = interval(record["metrics"]["all"]["roc_auc"])
        print(f"{data.name}, {split}: ROC AUC {auc}", flush=True)
    values = {
        "model": record["model"] | {"data": "see manifest_sha256"},
        "weights_sha256": detector.description["weights_sha256"],
        "threshold": record["threshold"],
        "temperature": detector.temperature,
        "sets": found,
        "environment": runtime.environment(),
        "command": records.command("errors", run, *(f"data/{name}" for name in found)),
    }
    records.write(records.path(f"real/{Path(run).name}-errors.json"), values)


ERRORS = Command("errors", __doc__, "RUN DATA...", main, least=2)
