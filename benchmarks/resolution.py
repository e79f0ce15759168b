"""What a picture's own resolution is worth: the same pictures read at several sizes.

    python benchmarks/resolution.py DATA          # all rows, then the record
    python benchmarks/resolution.py DATA ROW...   # trains these rows alone: "meso4+inverted 592"

DATA is a set assembled at nearly the size of its originals (`mesocore assemble FOLDER --out DATA
--size 592` for pictures of 600 px), so that every row has the same pictures, the same splits and
the same compression, and differs in the size they are scaled to before the network. A row is a
network and that size, trained for 40 epochs, three seeds each; `3*ROW` is the ensemble of its
seeds. Epoch, temperature and threshold are chosen on the validation split, and so is the row to go
with; the test split is read once, for all rows. `val_by_epoch` is the validation ROC AUC of every
epoch: of 40 values on a few images the best is a lucky one, their mean is not. Runs are kept in
runs/resolution/DATA and continued when interrupted; one at 592 px takes 16 minutes of one core for
every 400 images. Writes results/real/DATA-resolution.json.
"""

import sys
from dataclasses import replace
from pathlib import Path

import ablation
import transfer

from mesocore.core import files, runtime
from mesocore.data import tiers
from mesocore.evaluation import records
from mesocore.training import run_folder, trainer

BASELINE = f"{transfer.MODEL} 256"
ROWS = (BASELINE, f"{transfer.MODEL} 592")
EPOCHS = 40


def trained(row: str, folder: Path, seed: int) -> Path:
    """The run of a row, which is trained now, or further, unless it is finished."""
    model, size = row.split()
    settings = ablation.config(model, folder, seed, transfer.SCALE)
    out = runtime.project_root() / f"runs/resolution/{folder.name}/{model}-{size}-{seed}"
    trainer.train(replace(settings, epochs=EPOCHS, size=int(size)), out, resume=out.exists())
    return out


def main(data: str, *rows: str) -> None:
    runtime.setup()
    folder = tiers.resolve(data)
    places = {row: [trained(row, folder, seed) for seed in ablation.SEEDS]
              for row in ablation.asked_for(rows, ROWS)}  # fmt: skip
    if rows:
        return
    record = records.compare(ablation.loaded(places, folder), folder, baseline=BASELINE)
    for row, outs in places.items():
        found = [[epoch["val_roc_auc"] for epoch in run_folder.history(out)] for out in outs]
        record["rows"][row]["val_by_epoch"] = found
    record["command"] = f"python benchmarks/resolution.py {data}"
    files.write_json(ablation.record_path(folder, "resolution"), record)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python benchmarks/resolution.py DATA [ROW...]")
    main(*sys.argv[1:])
