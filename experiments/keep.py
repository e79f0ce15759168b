"""Puts finished runs of `ablation` where they are committed: nobody has to train them again.

Each SET/ROW-SEED, a folder in runs/ablation, becomes one in results/runs: the weights of its best
epoch, its history and its description, without paths of this machine.
"""

import shutil
from pathlib import Path

from experiments import runner
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.core.files import write_json
from mesocore.core.schemas import read_json
from mesocore.nets import load_detector
from mesocore.nets.detector import DESCRIPTION, WEIGHTS
from mesocore.nets.schemas import Description
from mesocore.training.run_folder import HISTORY, history


def keep(*names: str) -> None:
    for name in names:
        _keep(runner.folder_of(f"ablation/{name}"), runtime.project_root() / "results/runs" / name)


def _keep(run: Path, out: Path) -> None:
    if not (run / DESCRIPTION).exists():
        raise UserError(
            f"{run} holds no trained model; train it first: python -m experiments ablation"
        )
    about = read_json(run / DESCRIPTION, Description, "train it again")
    epochs = len(history(run))
    if epochs < about["config"]["epochs"]:
        raise UserError(
            f"{run} has had {epochs} of its {about['config']['epochs']} epochs; finish it first"
        )
    about["config"]["data"] = Path(about["config"]["data"]).name
    out.mkdir(parents=True, exist_ok=True)
    for file in (WEIGHTS, HISTORY):
        shutil.copy(run / file, out / file)
    write_json(out / DESCRIPTION, about)
    load_detector(out)


KEEP = Command("keep", __doc__, "SET/ROW-SEED...", keep, least=1)
