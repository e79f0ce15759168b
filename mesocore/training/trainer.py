"""Training: AdamW under a schedule, best epoch by validation ROC AUC, exact resume, many devices.

Resume is exact because nothing random outlives an epoch (loop.py). So the weights, the optimiser's
moments, the weights' EMA and the history at the end of an epoch are the whole state. A run that was
killed repeats at most one epoch and ends in the same bits.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from torch import nn

from mesocore.core.errors import UserError
from mesocore.core.runtime import environment, setup
from mesocore.core.schemas import parse_json
from mesocore.data import dataset, tiers
from mesocore.data.assembled_set import LABELS, AssembledSet
from mesocore.evaluation import metrics
from mesocore.nets.detector import (
    DESCRIPTION,
    Detector,
    examine,
    load_detector,
    save_model,
    save_trained_on,
)
from mesocore.nets.inference.calibration import Examined
from mesocore.nets.mesonet_plus import KINDS, MesoNetPlus
from mesocore.nets.models import build
from mesocore.training import distributed, loop, run_folder
from mesocore.training.config import TrainConfig, check_single


def fine_tuning_config(run: Path, data: str, epochs: int = 5, **changes) -> TrainConfig:
    """A run's own settings, started from its weights, for `epochs` more at a tenth of its rate.

    `changes`: other settings, as `prune=0.2`. Raises `UserError` if `run` was not trained here.
    """
    before = load_detector(run).description["config"]
    if "learning_rate" not in before:
        raise UserError(f"{run} has no settings to go on with; give the folder of a mesocore run")
    check_single(before["model"])
    own = {f.name: before[f.name] for f in fields(TrainConfig) if f.name in before}
    one_seed = {} if isinstance(before["seed"], int) else {"seed": 0}  # of an ensemble: refused
    try:
        parse_json(json.dumps(own | one_seed), TrainConfig)
    except ValueError as error:
        raise UserError(f"{run / DESCRIPTION}: config.{error}; restore the file, or train again"
                        ) from None  # fmt: skip
    own |= {"learning_rate": before["learning_rate"] / 10, "init": str(run), "data": data}
    return TrainConfig(**own | {"epochs": epochs} | changes)


def train(config: TrainConfig, out: Path, resume: bool = False) -> pd.DataFrame:
    """Trains `config.model` and leaves the run in `out`; returns one history row per epoch.

    `out` must be new or empty, unless `resume` continues the run that it holds; resuming a finished
    run changes nothing. Started by torchrun or `accelerate launch`, the processes share the work
    and the first of them writes. Raises `UserError` on a mismatch, if the training or validation
    split lacks a class, or when the loss stops being finite; an interruption raises
    `KeyboardInterrupt`, which says what is kept.
    """
    out = Path(out)
    accelerator = _devices(config)
    with accelerator.main_process_first():  # which may have to build it
        assembled = tiers.resolve(config.data)
    _check_classes(assembled, config)
    settings = {**asdict(config), "manifest_sha256": assembled.manifest_sha256}
    setup(config.seed)
    # first: a mistake leaves no run
    model, settings["init_sha256"] = initial_model(config)
    teacher, settings["teacher_sha256"] = _teacher(config)
    defaults = TrainConfig.defaults() | {"teacher_sha256": None}
    seen = _seen(assembled, config)
    if accelerator.is_main_process:
        run_folder.check(out, settings, defaults, resume)
    done = run_folder.history(out) if resume else []
    kept = run_folder.keeps_best(out, done)
    if kept and _finished(done, config):
        if accelerator.is_main_process:
            run_folder.write_history(out, done)
            save_trained_on(out, seen)
        return pd.DataFrame(done)
    with accelerator.main_process_first():
        training, validation = _splits(assembled, config)
    _check_kinds(model, training, config)
    trainer = loop.prepare(model, config, accelerator, teacher, kind_weights(training, config))
    # the state has the weights of its last epoch alone: if others are lost, all begins anew
    usable = kept or run_folder.best(done) is done[-1]
    rows = run_folder.restore(out, trainer) if resume and usable else []
    accelerator.wait_for_everyone()  # what was refused until here has left no run
    if accelerator.is_main_process:
        run_folder.start(out, settings, defaults, resume)
        save_trained_on(out, seen)
    training = dataset.on_device(training, accelerator.device)
    if not kept:
        _mend(trainer, validation, out, rows, settings, assembled)
    with (
        run_folder.Log(out, rows, accelerator.is_main_process) as log,
        _explained(config, out, rows),
    ):
        while not _finished(rows, config):
            loss = loop.run_epoch(trainer, training, len(rows))
            row, fitted = _validate(trainer, validation)
            row = {"epoch": len(rows) + 1, "train_loss": loss, **row}
            if accelerator.is_main_process:
                if row["val_roc_auc"] > max((r["val_roc_auc"] for r in rows), default=-1):
                    _keep(trainer, out, {"config": settings, "best": row, **fitted}, assembled)
                run_folder.save_state(out, trainer, [*rows, row])
            rows.append(row)
            log.add(rows)
    return pd.DataFrame(rows)


def _mend(
    trainer: loop.Trainer,
    validation: dataset.FaceSet,
    out: Path,
    rows: list[dict],
    settings: dict,
    assembled: AssembledSet,
) -> None:
    """Keeps the model of the last epoch again, which is the best, or says that all begins anew."""
    if rows:
        _, fitted = _validate(trainer, validation)
    if not trainer.accelerator.is_main_process:
        return
    how = "they are taken from its state" if rows else "it is trained again from its first epoch"
    print(f"{out}: the weights of its best epoch are gone or damaged; {how}", file=sys.stderr)
    if rows:
        _keep(trainer, out, {"config": settings, "best": rows[-1], **fitted}, assembled)


def _devices(config: TrainConfig) -> Accelerator:
    accelerator = distributed.accelerator(config.precision)
    if config.batch_size < accelerator.num_processes:
        raise UserError(
            f"batch_size is {config.batch_size}, too few for {accelerator.num_processes} "
            "processes: it counts the images of all of them together"
        )
    return accelerator


def _check_classes(assembled: AssembledSet, config: TrainConfig) -> None:
    """Both classes are in what is learnt from and in what the epoch is chosen by."""
    left_out = _left_out(assembled, config)
    for split in ("train", "val"):
        table = assembled.rows(split)
        table = table[~table["source"].isin(left_out)]
        limited = split == "train" and config.images and table["label"].nunique() == len(LABELS)
        table = table.iloc[dataset.first_groups(table, config.images)] if limited else table
        counts = table["label"].value_counts().reindex(LABELS, fill_value=0)
        if counts.min() > 0:
            continue
        fix = f"raise images, now {config.images}" if limited else (
            "assemble it anew with more images of the other class, a larger share for "
            f"{split} (--split) or another --seed")  # fmt: skip
        held = " and ".join(f"{count} {label}" for label, count in counts.items())
        raise UserError(f"{assembled.folder}: the {split} split has {held} images, and training "
                        f"needs both; {fix}")  # fmt: skip


def _check_kinds(model: nn.Module, training: dataset.FaceSet, config: TrainConfig) -> None:
    """A network that tells kinds apart has a logit for each that it is to learn."""
    reals, fakes = training.kind_counts()
    most = max(reals, fakes + bool(config.self_blend))
    if isinstance(model, MesoNetPlus) and model.kinds and most > KINDS:
        raise UserError(f"{config.data} has {most} kinds of photographs or of forgeries, and "
                        f"{config.model} tells {KINDS} apart; leave kinds out of its name, or "
                        "some sources out of training (leave_out)")  # fmt: skip


def kind_weights(training: dataset.FaceSet, config: TrainConfig) -> torch.Tensor | None:
    return dataset.kind_weights(training, config.kind_balance) if config.kind_balance else None


def _left_out(assembled: AssembledSet, config: TrainConfig) -> list[str]:
    """The sources that the settings keep out. Raises `UserError` for one that the set has not."""
    names = config.leave_out.split("+") if config.leave_out else []
    known = sorted(assembled.sources)
    if unknown := sorted(set(names) - set(known)):
        raise UserError(f"leave_out: {assembled.folder} has no source {unknown[0]!r}; its sources "
                        f"are {', '.join(known)}")  # fmt: skip
    return names


def _splits(
    assembled: AssembledSet, config: TrainConfig
) -> tuple[dataset.FaceSet, dataset.FaceSet]:
    training, validation = (dataset.load(assembled, name, config.size) for name in ("train", "val"))
    if left_out := _left_out(assembled, config):
        training, validation = (dataset.without(part, left_out) for part in (training, validation))
    return dataset.subset(training, config.images) if config.images else training, validation


def _seen(assembled: AssembledSet, config: TrainConfig) -> np.ndarray:
    """The originals of all images that decide the run, with those of the runs that it comes from.

    With `images` too, all of the training split count: which of them are drawn is settled later.
    """
    own = assembled.original_ids("train", "val", left_out=_left_out(assembled, config))
    for run in filter(None, (config.init, config.teacher)):
        if (before := load_detector(run).trained_on) is not None:
            own = np.union1d(own, before)
    return own


def _finished(rows: list[dict], config: TrainConfig) -> bool:
    scores = [row["val_roc_auc"] for row in rows]
    waited = bool(scores) and len(rows) - 1 - int(np.argmax(scores))
    return len(rows) >= config.epochs or bool(config.patience) and waited >= config.patience


def _keep(trainer: loop.Trainer, out: Path, about: dict, assembled: AssembledSet) -> None:
    """Saves the model as it is evaluated: a copy, on which later epochs leave no trace."""
    about = about | {"preparation": assembled.preparation.to_dict()}
    plain = trainer.config.hook().finish(trainer.evaluated)
    save_model(out, plain, about | {"environment": environment()})


@contextmanager
def _explained(config: TrainConfig, out: Path, rows: list[dict]) -> Iterator[None]:
    """Says what is left of a run that stops before its end, and how to go on."""
    try:
        yield
    except FloatingPointError as error:
        best = max(rows, key=lambda row: row["val_roc_auc"], default=None)
        kept = "no epoch had ended, so no model is kept"
        if best:
            kept = (f"{out} keeps the best model so far, of epoch {best['epoch']} "
                    f"(validation ROC AUC {best['val_roc_auc']:.4f})")  # fmt: skip
        raise UserError(
            f"{error} in epoch {len(rows) + 1}; {kept}; start another run with a learning rate "
            f"below {config.learning_rate}, or with clip_norm"
        ) from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted in epoch {len(rows) + 1} of {config.epochs}; {out} holds all before it, "
            "and the same command with --resume (resume=True) goes on"
        ) from None


def initial_model(config: TrainConfig) -> tuple[nn.Module, str | None]:
    """The model before its first step, and the hash of the weights that it was given, if any."""
    model = build(config.model, config.size)
    init_sha256 = None
    if config.init is not None:
        before = load_detector(config.init)
        _check_start(config, before, model)
        model.load_state_dict(before.model.state_dict())
        init_sha256 = before.description["weights_sha256"]
    for module in model.modules():
        if config.dropout is not None and isinstance(module, nn.Dropout):
            module.p = config.dropout
    return config.hook().start(model, config.size), init_sha256


def _teacher(config: TrainConfig) -> tuple[nn.Module | None, str | None]:
    """The model to learn from and the hash of its weights, if the settings name one."""
    if config.teacher is None:
        return None, None
    found = load_detector(config.teacher)
    if found.size != config.size:
        raise UserError(f"{config.teacher} takes images of {found.size} px; training was asked for "
                        f"{config.size} px, and a teacher sees the same images")  # fmt: skip
    return found.model.requires_grad_(False), found.description["weights_sha256"]


def _check_start(config: TrainConfig, before: Detector, model: nn.Module) -> None:
    found = before.description["config"]
    if (found["model"], before.size) != (config.model, config.size):
        raise UserError(
            f"{config.init} holds a {found['model']} for {before.size} px; training was asked for "
            f"a {config.model} for {config.size} px"
        )
    config.hook().check_start(config.init, found)
    if str(before.model) != str(model):  # widths, and activations of Keras
        raise UserError(f"{config.init} holds a {config.model} with other layers than those that "
                        "are trained here; leave init out")  # fmt: skip


def _validate(trainer: loop.Trainer, data: dataset.FaceSet) -> tuple[dict, dict]:
    """Validation metrics, and the temperature and threshold fitted on that split."""
    labels = data.labels.numpy()
    first, step = distributed.share(trainer.accelerator)
    part = examine(trainer.evaluated, data.images[first::step])
    found = Examined(*(distributed.everywhere(torch.from_numpy(each)).numpy()
                       for each in part if each is not None))  # fmt: skip
    if not np.isfinite(found.logits).all():
        raise FloatingPointError("the validation logits became infinite or nan")
    return metrics.fit(labels, found)
