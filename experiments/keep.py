"""Puts finished runs of ablation.py where they are committed: nobody has to train them again.

    python benchmarks/keep.py SET/ROW-SEED...    # names of folders in runs/ablation

Each becomes a folder in results/runs: the weights of its best epoch, its history and its
description, without paths of this machine.
"""

import json
import shutil
import sys
from pathlib import Path

from mesocore.core import files, runtime
from mesocore.nets.detector import DESCRIPTION, WEIGHTS, load_detector
from mesocore.training.run_folder import HISTORY


def keep(name: str) -> None:
    root = runtime.project_root()
    run, out = root / "runs" / "ablation" / name, root / "results" / "runs" / name
    if not (run / DESCRIPTION).exists():
        sys.exit(f"{run} holds no trained model; train it with benchmarks/ablation.py first")
    about = json.loads((run / DESCRIPTION).read_text())
    epochs = len((run / HISTORY).read_text().splitlines()) - 1
    if epochs < about["config"]["epochs"]:
        sys.exit(
            f"{run} has had {epochs} of its {about['config']['epochs']} epochs; finish it first"
        )
    about["config"]["data"] = Path(about["config"]["data"]).name
    out.mkdir(parents=True, exist_ok=True)
    for file in (WEIGHTS, HISTORY):
        shutil.copy(run / file, out / file)
    files.write_json(out / DESCRIPTION, about)
    load_detector(out)


if __name__ == "__main__":
    for name in sys.argv[1:] or sys.exit("usage: python benchmarks/keep.py SET/ROW-SEED..."):
        keep(name)
