"""The training loop: AdamW, warm-up and cosine, best epoch by validation ROC AUC, exact resume.

Resume is exact because nothing random outlives an epoch. Order, mirroring and dropout are seeded
anew from (seed, epoch), and the learning rate is a pure function of the step; so the weights, the
optimiser's moments and the history at the end of an epoch are the whole state. A run that was
killed repeats at most one epoch and ends in the same bits.
"""

import json
import math
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mesocore import augment, dataset, evaluate
from mesocore.checkpoint import Detector, load_detector, save_model, to_probability
from mesocore.models import build, recipe
from mesocore.runtime import (
    UserError,
    environment,
    progress,
    reseed,
    setup,
    write_bytes,
    write_json,
    write_text,
)

STATE, CONFIG, HISTORY = "last.safetensors", "config.json", "history.csv"
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class TrainConfig:
    """All that decides a run, besides the code and the machine."""

    model: str
    data: str  # folder of an assembled set
    epochs: int = 20
    size: int = 256
    batch_size: int = 32
    learning_rate: float = 3e-3  # the peak of the schedule
    weight_decay: float = 0.01
    dropout: float | None = None  # before both dense layers; None: as published, 0.5
    augment: str = "flip"  # a recipe of augment.py, for the training split only
    precision: str = "fp32"  # of training; bf16 is faster on CPUs that have it. Judging is fp32
    seed: int = 0
    init: str | None = None  # a run of the same model, whose weights training starts from

    def __post_init__(self):
        object.__setattr__(self, "model", recipe(self.model))  # the class is frozen
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise UserError(f"{name} is {getattr(self, name)}; it must be greater than 0")
        augment.parse(self.augment)
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise UserError(f"precision {self.precision!r} is unknown; choose one of: {known}")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise UserError(f"dropout is {self.dropout}; write a share from 0 to below 1")


def course_config(model: str, data: str, seed: int = 0, epochs: int = 24) -> TrainConfig:
    """What the chapters train with: 128 px, the size of the embedded set, and small batches.

    Without dropout: with the published 0.5 before both dense layers one of three seeds has found
    nothing in the embedded set after 24 epochs, and one finds it late; without it, all three have
    after ten (validation split, results/synthfaces/dropout.json). Its noise hides a gradient that
    is faint at first.
    """
    return TrainConfig(
        model, data, epochs, 128, batch_size=8, learning_rate=1e-3, dropout=0.0, seed=seed
    )


def train(config: TrainConfig, out: Path, resume: bool = False) -> pd.DataFrame:
    """Trains `config.model` and leaves the run in `out`; returns one history row per epoch.

    `out` must be new or empty, unless `resume` continues the run that it holds; resuming a finished
    run changes nothing. Raises `UserError` on a mismatch, or when the loss stops being finite.
    """
    out = Path(out)
    folder = dataset.resolve(config.data)
    settings = {**asdict(config), "manifest_sha256": dataset.manifest_hash(folder)}
    setup(config.seed)
    model, settings["init_sha256"] = _start(config)  # before the folder: a mistake leaves no run
    _open_run(out, settings, resume)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=config.weight_decay)
    training = dataset.load(folder, "train", config.size)
    validation = dataset.load(folder, "val", config.size)
    rows = _restore(out, model, optimiser) if resume else []
    for epoch in range(len(rows), config.epochs):
        loss = _run_epoch(model, optimiser, training, config, epoch)
        row, fitted = _validate(model, validation, config.size)
        best_before = max((r["val_roc_auc"] for r in rows), default=-1)
        rows.append({"epoch": epoch + 1, "train_loss": loss, **row})
        if row["val_roc_auc"] > best_before:
            about = {"config": settings, "best": rows[-1], **fitted}
            about["preparation"] = dataset.preparation(folder).to_dict()
            save_model(out, model, {**about, "environment": environment()})
        _save_state(out / STATE, model, optimiser, rows)
        _write_history(out, rows)
    return pd.DataFrame(rows)


def _start(config: TrainConfig) -> tuple[nn.Module, str | None]:
    """The model before its first step, and the hash of the weights that it was given, if any."""
    model = build(config.model, config.size)
    for module in model.modules():
        if config.dropout is not None and isinstance(module, nn.Dropout):
            module.p = config.dropout
    if config.init is None:
        return model, None
    before = load_detector(config.init)
    found = before.description["config"]
    if (found["model"], before.size) != (config.model, config.size):
        raise UserError(
            f"{config.init} holds a {found['model']} for {before.size} px; training was asked for "
            f"a {config.model} for {config.size} px"
        )
    model.load_state_dict(before.model.state_dict())
    return model, before.description["weights_sha256"]


def learning_rate(step: int, steps: int, peak: float, warmup: float = 0.1) -> float:
    """The rate at `step` of `steps`: a linear rise over the first `warmup` share, then a cosine.

    After Loshchilov & Hutter, "SGDR", ICLR 2017, one cycle without restarts.
    """
    rise = max(1, int(warmup * steps))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _run_epoch(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    data: dataset.FaceSet,
    config: TrainConfig,
    epoch: int,
) -> float:
    seed = config.seed * 10_000 + epoch
    reseed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)  # order and mirroring
    per_epoch = math.ceil(len(data) / config.batch_size)
    steps = dataset.batches(data, config.batch_size, generator, config.augment)
    model.train()
    total = 0.0
    bar = progress(steps, f"epoch {epoch + 1}/{config.epochs}", total=per_epoch)
    for step, (images, labels) in enumerate(bar, start=epoch * per_epoch):
        rate = learning_rate(step, per_epoch * config.epochs, config.learning_rate)
        for group in optimiser.param_groups:
            group["lr"] = rate
        low = PRECISIONS[config.precision]
        with torch.autocast("cpu", low, enabled=low is not torch.float32):
            logits = model(images)
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), labels)
        if not torch.isfinite(loss):
            raise UserError(
                f"the loss became {loss.item()} in epoch {epoch + 1}; the best model so far is "
                f"kept; train with a learning rate below {config.learning_rate}"
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(labels)
    return total / len(data)


def _validate(model: nn.Module, data: dataset.FaceSet, size: int) -> tuple[dict, dict]:
    """Validation metrics, and the temperature and threshold fitted on that split."""
    labels = data.labels.numpy()
    logits = Detector(model, None, size, 0.5, 1.0).logits(data.images)
    temperature = evaluate.fit_temperature(labels, logits)
    probability = to_probability(logits, temperature)
    threshold = evaluate.fit_threshold(labels, probability)
    scores = evaluate.point_metrics(labels, probability, threshold)
    row = {
        "val_loss": float(np.mean(np.logaddexp(0, np.where(labels == 1, -logits, logits)))),
        "val_roc_auc": scores["roc_auc"],
        "val_balanced_accuracy": scores["balanced_accuracy"],
    }
    fitted = {
        "threshold": threshold,
        "temperature": temperature,
        "threshold_from": "balanced accuracy on the validation split",
    }
    return row, fitted


def _open_run(out: Path, settings: dict, resume: bool) -> None:
    config = out / CONFIG
    if not config.exists():
        if resume:
            raise UserError(f"{out} holds no run to resume; leave --resume out to start one")
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} is not empty; choose another --out")
        write_json(config, settings)
        return
    if not resume:
        raise UserError(f"{out} holds a run; add --resume to go on, or choose another --out")
    # a run that is older than a setting was trained with what is now the setting's default
    defaults = {f.name: f.default for f in fields(TrainConfig) if f.default is not MISSING}
    before = defaults | json.loads(config.read_text())
    moved = ("data", "init")  # folders may have moved; hashes say whether they are the same
    changed = [k for k in settings if k not in moved and before.get(k) != settings[k]]
    if changed:
        was = ", ".join(f"{key} {before.get(key)!r} -> {settings[key]!r}" for key in changed)
        raise UserError(f"{out} was started with other settings ({was}); use those to resume")


def _save_state(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, rows: list[dict]
) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in moments.items()}
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    write_bytes(path, save(tensors, metadata={"history": json.dumps(rows)}))


def _write_history(out: Path, rows: list[dict]) -> None:
    write_text(out / HISTORY, pd.DataFrame(rows).to_csv(index=False))


def _restore(out: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> list[dict]:
    if not (out / STATE).exists():
        return []  # killed before the first epoch ended: start over
    weights: dict[str, Tensor] = {}
    moments: dict[int, dict[str, Tensor]] = {}
    with safe_open(out / STATE, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 (not a dict)
            kind, name = key.split(".", 1)
            if kind == "model":
                weights[name] = file.get_tensor(key)
            else:
                index, name = name.split(".", 1)
                moments.setdefault(int(index), {})[name] = file.get_tensor(key)
        rows = json.loads(file.metadata()["history"])
    model.load_state_dict(weights)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
    _write_history(out, rows)  # the kill may have come between the state and the history
    return rows
