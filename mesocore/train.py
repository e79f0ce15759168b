"""The training loop: AdamW, warm-up and cosine, best epoch by validation ROC AUC, exact resume.

Resume is exact because nothing random outlives an epoch. Order, augmentation and dropout are seeded
anew from (seed, epoch), and the learning rate is a pure function of the step; so the weights, the
optimiser's moments, their EMA and the history at the end of an epoch are the whole
state. A run that was killed repeats at most one epoch and ends in the same bits.
"""

import math
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mesocore import augment, dataset, evaluate, prune, runs, slim
from mesocore.checkpoint import Detector, load_detector, save_model, to_probability
from mesocore.models import build, full_name
from mesocore.runtime import UserError, environment, progress, reseed, setup

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
    augment: str = "flip"  # names of augment.py joined by +, for the training split only
    label_smoothing: float = 0.0  # 0.1: a fake's target is 0.95 and a real's 0.05
    clip_norm: float = 0.0  # largest norm of a gradient; 0: any
    ema: float = 0.0  # decay a step of the weights' moving average, which is judged; 0: none
    patience: int = 0  # epochs without a better validation ROC AUC that end the run; 0: never
    precision: str = "fp32"  # of training; bf16 is faster on CPUs that have it. Judging is fp32
    seed: int = 0
    init: str | None = None  # a run of the same model, whose weights training starts from
    prune: float = 0.0  # share of weights that is masked from the first step on (prune.py)
    prune_method: str = "global"

    def __post_init__(self):
        object.__setattr__(self, "model", full_name(self.model))  # the class is frozen
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise UserError(f"{name} is {getattr(self, name)}; it must be greater than 0")
        for name in ("clip_norm", "patience"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}; write 0 to do without")
        for name in ("dropout", "label_smoothing", "ema"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; write a share from 0 to below 1")
        augment.parse(self.augment)
        prune.check(self.prune, self.prune_method)
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise UserError(f"precision {self.precision!r} is unknown; choose one of: {known}")


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


def fine_tuning_config(run: Path, data: str, epochs: int = 5, **changes) -> TrainConfig:
    """A run's own settings, started from its weights, for `epochs` more at a tenth of its rate.

    `changes`: other settings, as `prune=0.2`. Raises `UserError` if `run` was not trained here.
    """
    before = load_detector(run).description["config"]
    if "learning_rate" not in before:
        raise UserError(f"{run} has no settings to go on with; give the folder of a mesocore run")
    own = {f.name: before[f.name] for f in fields(TrainConfig) if f.name in before}
    own |= {"learning_rate": before["learning_rate"] / 10, "init": str(run), "data": data}
    return TrainConfig(**own | {"epochs": epochs} | changes)


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
    defaults = {f.name: f.default for f in fields(TrainConfig) if f.default is not MISSING}
    runs.open_run(out, settings, defaults, resume)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=config.weight_decay)
    ema = None
    if config.ema:
        ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema),
                                use_buffers=True)  # fmt: skip
    training = dataset.load(folder, "train", config.size)
    validation = dataset.load(folder, "val", config.size)
    rows = runs.restore(out, model, optimiser, ema) if resume else []
    while len(rows) < config.epochs and not _stop_early(rows, config.patience):
        loss = _run_epoch(model, optimiser, ema, training, config, len(rows))
        judged = model if ema is None else ema.module
        row, fitted = _validate(judged, validation, config.size)
        best_before = max((r["val_roc_auc"] for r in rows), default=-1)
        rows.append({"epoch": len(rows) + 1, "train_loss": loss, **row})
        if row["val_roc_auc"] > best_before:
            about = {"config": settings, "best": rows[-1], **fitted}
            about["preparation"] = dataset.preparation(folder).to_dict()
            plain = prune.permanent_copy(judged)
            save_model(out, plain, {**about, "environment": environment()})
        runs.save_state(out, model, optimiser, ema, rows)
    return pd.DataFrame(rows)


def _stop_early(rows: list[dict], patience: int) -> bool:
    scores = [row["val_roc_auc"] for row in rows]
    return bool(patience and scores) and len(rows) - 1 - int(np.argmax(scores)) >= patience


def _start(config: TrainConfig) -> tuple[nn.Module, str | None]:
    """The model before its first step, and the hash of the weights that it was given, if any."""
    model = build(config.model, config.size)
    for module in model.modules():
        if config.dropout is not None and isinstance(module, nn.Dropout):
            module.p = config.dropout
    init_sha256 = None
    if config.init is not None:
        before = load_detector(config.init)
        _check_start(config, before)
        model.load_state_dict(before.model.state_dict())
        init_sha256 = before.description["weights_sha256"]
    if config.prune_method == "structured":
        model = slim.remove_channels(model, config.prune, config.size)
    elif config.prune:
        prune.apply_masks(model, config.prune, config.prune_method, config.seed)
    return model, init_sha256


def _check_start(config: TrainConfig, before: Detector) -> None:
    found = before.description["config"]
    if (found["model"], before.size) != (config.model, config.size):
        raise UserError(
            f"{config.init} holds a {found['model']} for {before.size} px; training was asked for "
            f"a {config.model} for {config.size} px"
        )
    done, method = found.get("prune", 0), found.get("prune_method")
    mixed = config.prune and {method, config.prune_method} != {"global"}
    if done and (mixed or method == "structured"):
        raise UserError(
            f"{config.init} is pruned already, by {done:.0%} ({method}); start from the run it "
            "came from"
        )
    if 0 < config.prune <= done:
        raise UserError(
            f"{config.init} is pruned already, by {done:.0%}; write more than that to go on"
        )


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
    ema: AveragedModel | None,
    data: dataset.FaceSet,
    config: TrainConfig,
    epoch: int,
) -> float:
    seed = config.seed * 10_000 + epoch
    reseed(seed)  # dropout
    generator = torch.Generator().manual_seed(seed)  # order and augmentation
    per_epoch = math.ceil(len(data) / config.batch_size)
    steps = dataset.batches(data, config.batch_size, generator, config.augment)
    model.train()
    total = 0.0
    bar = progress(steps, f"epoch {epoch + 1}/{config.epochs}", total=per_epoch)
    for step, (images, labels) in enumerate(bar, start=epoch * per_epoch):
        rate = learning_rate(step, per_epoch * config.epochs, config.learning_rate)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = _loss(model, images, labels, config)
        if not torch.isfinite(loss):
            raise UserError(
                f"the loss became {loss.item()} in epoch {epoch + 1}; the best model so far is "
                f"kept; train with a learning rate below {config.learning_rate}"
            )
        optimiser.zero_grad()
        loss.backward()
        if config.clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimiser.step()
        if ema is not None:
            ema.update_parameters(model)
        total += loss.item() * len(labels)
    return total / len(data)


def _loss(model: nn.Module, images: Tensor, labels: Tensor, config: TrainConfig) -> Tensor:
    low = PRECISIONS[config.precision]
    with torch.autocast("cpu", low, enabled=low is not torch.float32):
        logits = model(images)
    targets = labels * (1 - config.label_smoothing) + config.label_smoothing / 2
    return nn.functional.binary_cross_entropy_with_logits(logits.float(), targets)


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
