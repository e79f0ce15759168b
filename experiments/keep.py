"""Puts finished runs where they are committed: nobody has to train them again.

Each SET/ROW-SEED, a folder in runs/ablation, becomes one in results/runs: the weights of its best
epoch, its history and its description, without paths of this machine. So does
combination/SET/ROW-SEED, a folder in runs/combination, as results/runs/SET/combination-ROW-SEED,
and recommended/SET/ROW-SEED and leave-one-out/SET/ROW-SEED as results/runs/SET/ROW-SEED. The run
of a chapter, NN-NAME, becomes results/runs/synthfaces/NN-NAME, which chapters load.

`ship` puts one of these into the package instead, as mesocore/detectors/NAME, and exports it.
"""

import shutil
from pathlib import Path

from experiments import runner
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.core.files import write_json
from mesocore.core.schemas import read_json
from mesocore.data import tiers
from mesocore.nets import load_detector
from mesocore.nets.detector import DESCRIPTION, TRAINED_ON, WEIGHTS
from mesocore.nets.inference import export, shipped
from mesocore.nets.schemas import Description
from mesocore.training.run_folder import HISTORY, history

# runs that are no row of `ablation`
COMBINATION, RECOMMENDED, LEFT_OUT = "combination/", "recommended/", "leave-one-out/"


def keep(*names: str) -> None:
    for name in names:
        more: list[str] = []
        if name.startswith(COMBINATION):
            title, _, row = name.removeprefix(COMBINATION).partition("/")
            run, out = name, f"{title}/combination-{row}"
        elif name.startswith(RECOMMENDED):
            run, out, more = name, name.removeprefix(RECOMMENDED), [TRAINED_ON]
        elif name.startswith(LEFT_OUT):
            run, out = name, name.removeprefix(LEFT_OUT)
        elif "/" not in name:
            run, out = name, f"{tiers.EMBEDDED}/{name}"
        else:
            run, out = f"ablation/{name}", name
        _keep(runner.folder_of(run), runtime.project_root() / "results/runs" / out, *more)


def ship(run: str, name: str) -> None:
    out = shipped.FOLDER / name
    _keep(runner.folder_of(run), out, TRAINED_ON)
    export(load_detector(out), out / shipped.EXPORTED)


def _keep(run: Path, out: Path, *files: str) -> None:
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
    for setting in ("data", "init"):
        if about["config"][setting]:
            about["config"][setting] = Path(about["config"][setting]).name
    out.mkdir(parents=True, exist_ok=True)
    for file in (WEIGHTS, HISTORY, *files):
        shutil.copy(run / file, out / file)
    write_json(out / DESCRIPTION, about)
    load_detector(out)


SHIP = Command("ship", __doc__, "RUN NAME", ship, least=2)
KEEP = Command("keep", __doc__, "SET/ROW-SEED...", keep, least=1)
