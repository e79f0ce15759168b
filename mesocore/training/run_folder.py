"""A run's folder while it is trained: its settings, the state that resuming needs, its history.

No file here is a pickle. `last.safetensors` holds all that outlives an epoch: the weights, the
optimiser's moments, the weights' EMA if there is one, the loss scale of fp16, and the history so
far. `history.csv` and the TensorBoard log are written from that history.
"""

import shutil
from pathlib import Path
from typing import Annotated, NotRequired  # pydantic wants these before Python 3.12

import pandas as pd
from pydantic import Field
from typing_extensions import TypedDict

from mesocore.core import tensor_files
from mesocore.core.errors import UserError
from mesocore.core.files import check_free, write_bytes, write_json, write_text
from mesocore.core.schemas import NUMBER, WHOLE, Sha256, Share, read_json, read_table
from mesocore.nets.detector import best_kept
from mesocore.training.loop import Trainer

STATE, CONFIG, HISTORY = "last.safetensors", "config.json", "history.csv"
LOG = "tensorboard"
MOVED = ("data", "init", "teacher")  # folders may have moved; hashes say whether they are the same


_FIX = "restore the file, or remove the run's folder and train again"


class Epoch(TypedDict):
    """A row of the history."""

    epoch: Annotated[int, Field(ge=1)]
    train_loss: float
    val_loss: float
    val_roc_auc: Share
    val_balanced_accuracy: float


class About(TypedDict):
    """What stands beside the tensors of a state; `scaler`: of fp16."""

    history: list[Epoch]
    scaler: NotRequired[dict[str, float]]
    tensors_sha256: NotRequired[Sha256]


def check(out: Path, settings: dict, defaults: dict, resume: bool) -> None:
    """Raises `UserError` unless a run can start in `out`, or `out` holds the run to resume.

    `defaults`: of settings; a run that is older than a setting was trained with what is now its
    default. Nothing is written: what is refused later must not look like a run.
    """
    config = out / CONFIG
    if not config.exists():
        if resume:
            raise UserError(f"{out} holds no run to resume; leave --resume out to start one")
        check_free(out)
        return
    if not resume:
        raise UserError(f"{out} holds a run; add --resume to go on, or choose another --out")
    before = defaults | read_json(config, dict[str, object], _FIX)
    changed = [k for k in settings if k not in MOVED and before.get(k) != settings[k]]
    if changed:
        was = ", ".join(f"{key} {before.get(key)!r} -> {settings[key]!r}" for key in changed)
        raise UserError(f"{out} was started with other settings ({was}); use those to resume")


def start(out: Path, settings: dict, defaults: dict, resume: bool) -> None:
    """`check`, and then makes `out` a run's folder, which it is by its settings."""
    check(out, settings, defaults, resume)
    if not resume:
        write_json(out / CONFIG, settings)


def best(rows: list[dict]) -> dict:
    """The epoch that a run keeps: the first of those with the best validation ROC AUC."""
    return max(rows, key=lambda row: row["val_roc_auc"])


def keeps_best(out: Path, rows: list[dict]) -> bool:
    """True if the run in `out` still has the model of the best of its epochs `rows`.

    Or that of the epoch after them, if it was killed before it could save the state.
    """
    kept = best_kept(out)
    if not rows or kept is None:
        return not rows
    wanted = best(rows)
    same = [kept.get(name) == wanted[name] for name in ("epoch", "val_roc_auc")]
    return all(same) or kept.get("epoch") == len(rows) + 1


def history(out: Path) -> list[dict]:
    """The epochs that the run in `out` has had; empty if none has ended. Raises `UserError`.

    By its state, or, where only results were kept, by `history.csv`.
    """
    if (out / STATE).exists():
        about = tensor_files.read_about(out / STATE, About, _FIX)
        return _numbered(out / STATE, about["history"])
    file = out / HISTORY
    if not file.exists():
        return []
    numbers = dict.fromkeys(Epoch.__annotations__, NUMBER) | {"epoch": WHOLE}
    rows = read_table(file, numbers, _FIX, ours=True)[list(numbers)].to_dict("records")
    return _numbered(file, rows)


def _numbered(file: Path, rows: list[dict]) -> list[dict]:
    if [row["epoch"] for row in rows] != list(range(1, len(rows) + 1)):
        raise UserError(f"{file}: epoch does not count from 1 row by row; {_FIX}")
    return rows


def save_state(out: Path, trainer: Trainer, rows: list[dict]) -> None:
    """Writes the state after an epoch, at once or not at all."""
    about: About = {"history": rows}
    if trainer.accelerator.scaler is not None:
        about["scaler"] = trainer.accelerator.scaler.state_dict()
    tensors = tensor_files.collect(_parts(trainer))
    write_bytes(out / STATE, tensor_files.to_bytes(tensors, about))


def restore(out: Path, trainer: Trainer) -> list[dict]:
    """Puts the saved state into `trainer` and returns the history, empty if no epoch had ended."""
    if not (out / STATE).exists():
        return []
    tensors, about = tensor_files.read(out / STATE, About, _FIX)
    try:
        tensor_files.put_back(_parts(trainer), tensors)
        if trainer.accelerator.scaler is not None:
            trainer.accelerator.scaler.load_state_dict(about["scaler"])
    except (ValueError, LookupError) as error:
        raise tensor_files.damaged(out / STATE, error, _FIX) from None
    return _numbered(out / STATE, about["history"])


def _parts(trainer: Trainer) -> dict:
    ema = {} if trainer.ema is None else {"ema": trainer.ema}
    return {"model": trainer.model, "optimiser": trainer.optimiser, **ema}


def write_history(out: Path, rows: list[dict]) -> None:
    """Writes `history.csv`, unless it says that already."""
    text, file = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"), out / HISTORY
    if not file.is_file() or file.read_bytes() != text.encode():
        write_text(file, text)


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
        write_history(self.out, rows)
        for name, value in rows[-1].items():
            if name != "epoch":
                self.writer.add_scalar(name, value, rows[-1]["epoch"])
        self.writer.flush()

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()
