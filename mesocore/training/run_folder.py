"""A run's folder while it is trained: its settings, the state that resuming needs, its history.

No file here is a pickle. `last.safetensors` holds all that outlives an epoch: the weights, the
optimiser's moments, the weights' EMA if there is one, the loss scale of fp16, and the history so
far. `history.csv` and the TensorBoard log are written from that history.
"""

import json
import shutil
from pathlib import Path

import pandas as pd
from safetensors.torch import save

from mesocore.core import training_state
from mesocore.core.errors import UserError
from mesocore.core.files import check_free, write_bytes, write_json, write_text
from mesocore.core.tensor_files import open_tensors
from mesocore.training.loop import Trainer

STATE, CONFIG, HISTORY = "last.safetensors", "config.json", "history.csv"
LOG = "tensorboard"
MOVED = ("data", "init")  # folders may have moved; hashes say whether they are the same


def open_run(out: Path, settings: dict, defaults: dict, resume: bool) -> None:
    """Starts a run in `out`, a new or empty folder, or checks that it holds the run to resume.

    `defaults`: of settings; a run that is older than a setting was trained with what is now its
    default. Raises `UserError` for a folder in use, nothing to resume, or other settings.
    """
    config = out / CONFIG
    if not config.exists():
        if resume:
            raise UserError(f"{out} holds no run to resume; leave --resume out to start one")
        check_free(out)
        write_json(config, settings)
        return
    if not resume:
        raise UserError(f"{out} holds a run; add --resume to go on, or choose another --out")
    before = defaults | json.loads(config.read_text())
    changed = [k for k in settings if k not in MOVED and before.get(k) != settings[k]]
    if changed:
        was = ", ".join(f"{key} {before.get(key)!r} -> {settings[key]!r}" for key in changed)
        raise UserError(f"{out} was started with other settings ({was}); use those to resume")


def history(out: Path) -> list[dict]:
    """The epochs that the run in `out` has had, by its `history.csv`; empty if there is none.

    It is written last in an epoch, so it is never ahead of the state.
    """
    file = out / HISTORY
    return pd.read_csv(file).to_dict("records") if file.exists() else []


def save_state(out: Path, trainer: Trainer, rows: list[dict]) -> None:
    """Writes the state after an epoch, at once or not at all."""
    metadata = {"history": json.dumps(rows)}
    if trainer.accelerator.scaler is not None:
        metadata["scaler"] = json.dumps(trainer.accelerator.scaler.state_dict())
    write_bytes(out / STATE, save(training_state.collect(_parts(trainer)), metadata=metadata))


def restore(out: Path, trainer: Trainer) -> list[dict]:
    """Puts the saved state into `trainer` and returns the history, empty if no epoch had ended."""
    if not (out / STATE).exists():
        return []
    with open_tensors(out / STATE) as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        metadata = {key: json.loads(value) for key, value in file.metadata().items()}
    training_state.put_back(_parts(trainer), tensors)
    if trainer.accelerator.scaler is not None:
        trainer.accelerator.scaler.load_state_dict(metadata["scaler"])
    return metadata["history"]


def _parts(trainer: Trainer) -> dict:
    ema = {} if trainer.ema is None else {"ema": trainer.ema}
    return {"model": trainer.model, "optimiser": trainer.optimiser, **ema}


class Log:
    """`history.csv` and a TensorBoard log of the epochs so far, both begun anew from `rows`.

    So a resumed run has every epoch once, wherever it was killed. `tensorboard --logdir runs` shows
    the logs of several runs. A process that does not `write` has a log that does nothing.
    """

    def __init__(self, out: Path, rows: list[dict], write: bool = True):
        self.out, self.writer = out, None
        if not write:
            return
        from torch.utils.tensorboard import SummaryWriter  # slow, and only training needs it

        shutil.rmtree(out / LOG, ignore_errors=True)
        # an interruption waits for as long as a flush
        self.writer = SummaryWriter(str(out / LOG), flush_secs=1)
        for epoch in range(len(rows)):
            self.add(rows[: epoch + 1])

    def add(self, rows: list[dict]) -> None:
        """Writes the last of `rows`, a finished epoch."""
        if self.writer is None:
            return
        write_text(self.out / HISTORY, pd.DataFrame(rows).to_csv(index=False))
        for name, value in rows[-1].items():
            if name != "epoch":
                self.writer.add_scalar(name, value, rows[-1]["epoch"])
        self.writer.flush()

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()
