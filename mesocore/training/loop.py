"""One epoch of training, on one device or many.

Nothing random outlives an epoch: order, augmentation and dropout are seeded anew from (seed,
epoch), and the learning rate is a pure function of the step.
"""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mesocore.core.runtime import progress, reseed
from mesocore.data import dataset
from mesocore.nets.mesonet_plus import KINDS, MesoNetPlus, of_kinds
from mesocore.training import distributed
from mesocore.training.config import TrainConfig
from mesocore.training.schedule import learning_rate

_binary_cross_entropy = functional.binary_cross_entropy_with_logits
TEMPERATURE = 2.0  # of both sides in distillation: answers of 0.99 and 0.999 differ more


class Objective(nn.Module):
    """A model and its loss as one module, so that mixed precision ends where training does.

    uint8 `(B, 3, S, S)`, float `(B,)` with 1 = fake and int64 `(B,)`, the kinds -> float32 `()`:
    the mean cross-entropy, of real and fake, or of all kinds if the model tells these apart. With
    `weights` (`dataset.kind_weights`) images count in it by their kinds. With a `teacher`, half of
    it, and half of that to the teacher's answers to the same images, both softened, times the
    square of the temperature: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural
    Network", 2015. With `consistency`, B is twice as many images, the second half the first in
    another view, and the mean squared difference of P(fake) is added, times `consistency` (as the
    Pi-model: Laine & Aila, "Temporal Ensembling", ICLR 2017).
    """

    def __init__(
        self,
        model: nn.Module,
        label_smoothing: float = 0.0,
        consistency: float = 0.0,
        teacher: nn.Module | None = None,
        weights: Tensor | None = None,
    ):
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self.model, self.label_smoothing, self.consistency = model, label_smoothing, consistency
        self._teacher = (teacher,)  # no submodule: it is neither trained nor sent to processes

    def forward(self, images: Tensor, labels: Tensor, kinds: Tensor) -> Tensor:
        mean = "mean" if len(labels) else "sum"  # a process may have no image of the last batch
        how = mean if self.weights is None else "none"
        if isinstance(self.model, MesoNetPlus) and self.model.kinds:
            answers = self.model.answers(images).float()  # (B, 2 * KINDS)
            logits, classes = of_kinds(answers), labels.long() * KINDS + kinds
            loss = functional.cross_entropy(
                answers, classes, reduction=how, label_smoothing=self.label_smoothing
            )
        else:
            logits = self.model(images).float()
            targets = labels * (1 - self.label_smoothing) + self.label_smoothing / 2
            loss = _binary_cross_entropy(logits, targets, reduction=how)
        if self.weights is not None:
            losses = loss * self.weights[labels.long(), kinds]
            loss = losses.mean() if len(losses) else losses.sum()
        if (teacher := self._teacher[0]) is not None:
            with torch.no_grad():
                answers = torch.sigmoid(teacher(images).float() / TEMPERATURE)
            soft = _binary_cross_entropy(logits / TEMPERATURE, answers, reduction=mean)
            loss = (loss + TEMPERATURE**2 * soft) / 2
        if self.consistency and len(labels):
            one, other = torch.sigmoid(logits).chunk(2)
            loss = loss + self.consistency * (one - other).square().mean()
        return loss


@dataclass
class Trainer:
    """What is trained and what trains it. `objective` holds `model`, as accelerate wraps it."""

    config: TrainConfig
    accelerator: Accelerator
    model: nn.Module
    objective: nn.Module
    optimiser: torch.optim.Optimizer
    ema: AveragedModel | None

    @property
    def evaluated(self) -> nn.Module:
        """The model that is validated and kept."""
        return self.model if self.ema is None else self.ema.module


def prepare(
    model: nn.Module,
    config: TrainConfig,
    accelerator: Accelerator,
    teacher: nn.Module | None = None,
    weights: Tensor | None = None,
) -> Trainer:
    """Puts `model` on its device and makes the rest for it; `teacher`, `weights`: `Objective`."""
    model = distributed.join_norms(model, accelerator).to(accelerator.device)
    if config.channels_last:
        model = model.to(memory_format=torch.channels_last)
    ema = None
    if config.ema:
        ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.ema),
                                use_buffers=True)  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=config.weight_decay)
    if teacher is not None:
        teacher = teacher.to(accelerator.device).eval()
    objective = Objective(model, config.label_smoothing, config.consistency, teacher, weights)
    objective, optimiser = accelerator.prepare(objective, optimiser)
    return Trainer(config, accelerator, model, objective, optimiser, ema)


def steps_per_epoch(images: int, config: TrainConfig) -> int:
    """Updates an epoch: batches, or groups of `accumulate` batches; the last may be smaller."""
    return math.ceil(images / (config.batch_size * config.accumulate))


def run_epoch(trainer: Trainer, data: dataset.FaceSet, epoch: int) -> float:
    """Trains on every image once, and on self-blends if the settings ask for them.

    Returns their mean loss. `epoch` counts from 0. Raises `FloatingPointError` as soon as the loss
    is not finite.
    """
    config, total, seen = trainer.config, 0.0, 0
    steps = steps_per_epoch(len(data), config)
    trainer.objective.train()
    for number, (batches, count) in enumerate(_groups(trainer, data, epoch)):
        step = epoch * steps + number
        rate = learning_rate(
            step, steps * config.epochs, config.learning_rate, config.warmup, config.schedule
        )
        total += update(trainer, batches, rate, count)
        seen += count
    return distributed.total(total) / seen


def _groups(
    trainer: Trainer, data: dataset.FaceSet, epoch: int
) -> Iterator[tuple[list[dataset.Batch], int]]:
    """The batches of an epoch, as many together as make one step, and how many images those have.

    The batches are this process's parts; the images count for all processes.
    """
    config = trainer.config
    views = 2 if config.consistency else 1
    seed = config.seed * 10_000 + epoch
    reseed(seed + 1_000_003 * trainer.accelerator.process_index)  # dropout
    generator = torch.Generator().manual_seed(seed)  # order and augmentation
    batches = dataset.batches(
        data, config.batch_size, generator, config.augment, config.balanced_sampling,
        distributed.share(trainer.accelerator), config.self_blend, views,
        config.crop,
    )  # fmt: skip
    count = math.ceil(len(data) / config.batch_size)
    if trainer.accelerator.is_main_process:
        batches = progress(batches, f"epoch {epoch + 1}/{config.epochs}", total=count)
    group, images = [], 0
    for number, batch in enumerate(batches, start=1):
        size = min(config.batch_size, len(data) - (number - 1) * config.batch_size)
        group.append(batch)
        images += views * (size + 2 * dataset.pairs(size, config.self_blend))
        if len(group) == config.accumulate or number == count:
            yield group, images
            group, images = [], 0


def update(
    trainer: Trainer, batches: list[dataset.Batch], rate: float, images_in_step: int
) -> float:
    """One step of the optimiser at that learning rate; returns the sum of the images' losses.

    `batches` are this process's parts of them, as `dataset.batches` makes them; `images_in_step`
    counts those of all processes. Raises `FloatingPointError` if a loss is not finite.
    """
    accelerator, total = trainer.accelerator, 0.0
    for group in trainer.optimiser.param_groups:
        group["lr"] = rate
    trainer.optimiser.zero_grad()
    for number, batch in enumerate(batches, start=1):
        loss = _backward(trainer, batch, images_in_step, last=number == len(batches))
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss became {loss}")
        total += loss * len(batch[1])
    if trainer.config.clip_norm:
        accelerator.clip_grad_norm_(trainer.model.parameters(), trainer.config.clip_norm)
    trainer.optimiser.step()
    if trainer.ema is not None:
        trainer.ema.update_parameters(trainer.model)
    return total


def _backward(trainer: Trainer, batch: dataset.Batch, images_in_step: int, last: bool) -> float:
    """Adds a batch's share of the step's gradient; processes exchange theirs with the last one."""
    accelerator = trainer.accelerator
    images, labels, kinds = (part.to(accelerator.device) for part in batch)
    with nullcontext() if last else accelerator.no_sync(trainer.objective):
        loss = trainer.objective(images, labels, kinds)
        # processes' gradients are averaged: the share is one of all their images
        share = max(len(labels), 1) * accelerator.num_processes / images_in_step
        accelerator.backward(loss * share)
    return loss.item()
