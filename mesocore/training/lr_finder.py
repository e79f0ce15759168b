"""The learning-rate range test: how large may steps be before training falls apart?

After Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017; as is usual since,
the rate grows by a constant factor a step, not by a constant difference.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from mesocore.core.runtime import setup
from mesocore.data import dataset, tiers
from mesocore.training import distributed, loop
from mesocore.training.config import TrainConfig
from mesocore.training.trainer import initial_model, kind_weights

SMOOTHING = 0.9  # decay a step of the loss's moving average
WORSE = 4.0  # times the best smoothed loss: far enough


def range_test(
    config: TrainConfig, lowest: float = 1e-6, highest: float = 1.0, steps: int = 100
) -> pd.DataFrame:
    """Trains for at most `steps` steps on the train split, at rates from `lowest` to `highest`.

    Returns one row per step: `learning_rate`, `loss` before the step, and `smoothed`, its moving
    average without the bias of the start. It ends early where the smoothed loss is four times its
    lowest or not finite. Nothing is saved; of `config` the schedule and the epochs do not count.
    """
    setup(config.seed)
    training = dataset.load(tiers.resolve(config.data), "train", config.size)
    trainer = loop.prepare(
        initial_model(config)[0], config, distributed.accelerator(config.precision),
        weights=kind_weights(training, config),
    )  # fmt: skip
    trainer.objective.train()
    rows, average, best = [], 0.0, np.inf
    rates = np.geomspace(lowest, highest, steps)
    batches = zip(rates, _endless(trainer, training), strict=False)
    for step, (rate, batch) in enumerate(batches, start=1):
        try:
            loss = loop.update(trainer, [batch], float(rate), len(batch[1])) / len(batch[1])
        except FloatingPointError:
            break
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        smoothed = average / (1 - SMOOTHING**step)
        rows.append({"learning_rate": rate, "loss": loss, "smoothed": smoothed})
        best = min(best, smoothed)
        if smoothed > WORSE * best:
            break
    return pd.DataFrame(rows)


def _endless(trainer: loop.Trainer, data: dataset.FaceSet) -> Iterator[dataset.Batch]:
    config = trainer.config
    for epoch in itertools.count():
        generator = torch.Generator().manual_seed(config.seed * 10_000 + epoch)
        yield from dataset.batches(
            data, config.batch_size, generator, config.augment, config.balanced_sampling
        )
