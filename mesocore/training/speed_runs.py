"""How long a fresh network trains until its ROC AUC on validation is high enough: a speed-run.

It judges a recipe as a whole, network, settings and implementation, as DAWNBench (Coleman et al.,
"DAWNBench: An End-to-End Deep Learning Benchmark and Competition", 2017) and airbench (Jordan, "94%
on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498) do for classifiers of images.
"""

import time
from dataclasses import dataclass

import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from mesocore.core.runtime import setup
from mesocore.data import dataset, tiers
from mesocore.nets.detector import logits
from mesocore.training import distributed, loop, trainer
from mesocore.training.config import TrainConfig


@dataclass(frozen=True)
class SpeedRun:
    """`seconds` of training until the target, or until the last epoch if it was not `reached`.

    `val_roc_auc`: after each epoch. `model`: as it was after the last of them, to be evaluated.
    """

    seconds: float
    val_roc_auc: tuple[float, ...]
    reached: bool
    model: nn.Module


def speed_run(config: TrainConfig, target: float) -> SpeedRun:
    """Trains from nothing and stops after the first epoch whose ROC AUC on val is `target` or more.

    The clock stands still while the images are read, which is done once, and during validation.
    The schedule is that of all `config.epochs`, wherever it stops. Nothing is written. Raises
    `UserError` for a set that cannot be read, and `FloatingPointError` if the loss is not finite.
    """
    setup(config.seed)
    assembled = tiers.resolve(config.data)
    training, validation = (dataset.load(assembled, part, config.size) for part in ("train", "val"))
    accelerator = distributed.accelerator(config.precision)
    ready = loop.prepare(trainer.initial_model(config)[0], config, accelerator)
    seconds, found = 0.0, []
    for epoch in range(config.epochs):
        start = time.perf_counter()
        loop.run_epoch(ready, training, epoch)
        seconds += time.perf_counter() - start
        found.append(validated(ready.evaluated, validation))
        if found[-1] >= target:
            break
    return SpeedRun(seconds, tuple(found), found[-1] >= target, ready.evaluated.eval())


def validated(model: nn.Module, data: dataset.FaceSet) -> float:
    """The ROC AUC of `model` on a split."""
    model.eval()
    with torch.inference_mode():
        return float(roc_auc_score(data.labels, logits(model, data.images)))
