"""What a picture's own resolution is worth: the same pictures read at three sizes by one network.

    python benchmarks/resolution.py DATA           # all rows, then the record
    python benchmarks/resolution.py DATA SIZE...   # trains these rows alone

DATA is a set assembled at nearly the size of its originals (`mesocore assemble FOLDER --out DATA
--size 592` for pictures of 600 px), so that every row has the same pictures, the same splits and
the same compression, and differs in the size they are scaled to before the network. The network is
that of transfer.py, trained for 40 epochs, three seeds a row; `3*ROW` is the ensemble of a row's
seeds. Epoch, temperature and threshold are chosen on the validation split, and so is the row to go
with; the test split is read once, for all rows. `val_by_epoch` is the validation ROC AUC of every
epoch: of 40 values on a few images the best is a lucky one, their mean is not. Runs are kept in
runs/resolution/DATA and continued when interrupted; one at 592 px takes 25 minutes of one core for
every 400 images. Writes results/real/DATA-resolution.json.
"""

import sys
from dataclasses import replace
from pathlib import Path

import ablation
import transfer

from mesocore import dataset, results, runs, runtime, train
from mesocore.checkpoint import load_detector

SIZES, BASELINE = (128, 256, 592), 256  # px
EPOCHS = 40


def trained(size: int, folder: Path, seed: int) -> Path:
    """The run at `size` px, which is trained now, or further, unless it is finished."""
    settings = ablation.config(transfer.MODEL, folder, seed, transfer.SCALE)
    out = runtime.project_root() / "runs" / "resolution" / folder.name / f"{size}-{seed}"
    train.train(replace(settings, epochs=EPOCHS, size=size), out, resume=out.exists())
    return out


def main(data: str, *sizes: str) -> None:
    runtime.setup()
    folder = dataset.resolve(data)
    wanted = [int(size) for size in sizes] or SIZES
    places = {f"{size} px": [trained(size, folder, seed) for seed in ablation.SEEDS]
              for size in wanted}  # fmt: skip
    if sizes:
        return
    detectors = {row: [load_detector(out) for out in outs] for row, outs in places.items()}
    detectors |= ablation.together(detectors, folder)
    record = results.compare(detectors, folder, baseline=f"{BASELINE} px")
    for row, outs in places.items():
        found = [[epoch["val_roc_auc"] for epoch in runs.history(out)] for out in outs]
        record["rows"][row]["val_by_epoch"] = found
    record["command"] = f"python benchmarks/resolution.py {data}"
    runtime.write_json(ablation.record_path(folder, "resolution"), record)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python benchmarks/resolution.py DATA [SIZE...]")
    main(*sys.argv[1:])
