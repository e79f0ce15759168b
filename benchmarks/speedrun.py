"""How long until a fresh network can tell: `python benchmarks/speedrun.py DATA --outside SET`.

Seconds of training until the ROC AUC on validation is .98, seed by seed, the contestants taking
turns, on a machine that does nothing else:

- `plain`: Meso-4 as everybody would train it: PyTorch alone, torchvision's ImageFolder, two workers
  that decode, the settings that are the default of `mesocore train`;
- `default`: the same settings in mesocore;
- `fast`: the recipe that wins.

The clock runs while images are read and steps are made, and stands still during validation. What
mesocore reads once, before the first epoch, is counted in each run. Interrupted, the same command
goes on with the next run. Writes results/real/SET-speedrun.json.
"""

import itertools
import json
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import typer
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from experiments import records
from mesocore.core import files, runtime
from mesocore.core.images import Preparation
from mesocore.data import AssembledSet, cache, dataset, resolve
from mesocore.data.assembled_set import SPLITS
from mesocore.nets import build
from mesocore.training import TrainConfig, speed_run
from mesocore.training.schedule import learning_rate
from mesocore.training.speed_runs import SpeedRun, validated

TARGET = 0.98
SEEDS = range(5)
DEFAULTS = {"model": "meso4", "epochs": 20, "batch_size": 32, "schedule": "cosine", "warmup": 0.1}
FAST = {"model": "meso4+highpass", "epochs": 5, "batch_size": 16, "schedule": "one-cycle",
        "warmup": 0.2, "dropout": 0.0}  # fmt: skip


def plain(data: AssembledSet, seed: int, target: float, default: TrainConfig) -> SpeedRun:
    """The default settings in PyTorch alone: what a reader would write in an evening."""
    runtime.setup(seed)
    validation = dataset.load(data, "val")
    with tempfile.TemporaryDirectory() as folder:
        split_into_folders(data, Path(folder))
        flip = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.PILToTensor()])
        images = datasets.ImageFolder(folder, flip)
        loader = DataLoader(images, default.batch_size, shuffle=True, num_workers=2)
        model, fake = build(default.model, default.size), images.class_to_idx["fake"]
        optimiser = torch.optim.AdamW(model.parameters(), weight_decay=default.weight_decay)
        seconds, found, steps = 0.0, [], len(loader)
        for epoch in range(default.epochs):
            start = time.perf_counter()
            model.train()
            for number, (batch, labels) in enumerate(loader):
                rate = learning_rate(epoch * steps + number, steps * default.epochs,
                                     default.learning_rate)  # fmt: skip
                for group in optimiser.param_groups:
                    group["lr"] = rate
                targets = (labels == fake).float()
                loss = nn.functional.binary_cross_entropy_with_logits(model(batch), targets)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            seconds += time.perf_counter() - start
            found.append(validated(model, validation))
            if found[-1] >= target:
                break
    return SpeedRun(seconds, tuple(found), found[-1] >= target, model.eval())


def split_into_folders(data: AssembledSet, folder: Path) -> None:
    """The training split as ImageFolder wants it: a folder a label, with links to the images."""
    for row in data.rows("train").itertuples():
        link = folder / row.label / Path(row.path).name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to((data.folder / row.path).resolve())


def whole(data: str) -> dataset.FaceSet:
    """All three splits as one."""
    parts = [dataset.load(data, split) for split in SPLITS]
    return dataset.FaceSet(
        torch.cat([part.images for part in parts]),
        torch.cat([part.labels for part in parts]),
        pd.concat([part.table for part in parts]),
    )


def reading(data: AssembledSet) -> float:
    """Seconds that it takes to decode the training split once into a packed cache."""
    rows, side = data.rows("train"), data.preparation.size
    paths = {data.folder / row.path: row.sha256 for row in rows.itertuples()}
    folder = Path(tempfile.mkdtemp())
    start = time.perf_counter()
    cache.pack(paths, folder / "train.npy", Preparation(size=side, quality=None), side)
    seconds = time.perf_counter() - start
    shutil.rmtree(folder)
    return seconds


def summary(runs: list[dict]) -> dict:
    """What is said of a contestant: seconds, epochs, both AUCs, each with mean and deviation."""

    def over(values: list[float]) -> dict:
        return {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)),
                "each": values}  # fmt: skip

    return {
        "seconds": over([run["seconds"] for run in runs]),
        "epochs": over([float(len(run["val_roc_auc"])) for run in runs]),
        "val_roc_auc": over([run["val_roc_auc"][-1] for run in runs]),
        "outside_roc_auc": over([run["outside_roc_auc"] for run in runs]),
        "reached": sum(run["reached"] for run in runs),
    }


def times_faster(plain: list[dict], fast: list[dict]) -> dict | None:
    """Seed by seed; at least that, where `plain` did not arrive. None if `fast` did not always."""
    if not all(run["reached"] for run in fast):
        return None
    ratios = [one["seconds"] / other["seconds"] for one, other in zip(plain, fast, strict=True)]
    return {"mean": float(np.mean(ratios)), "least": min(ratios)}


def main(data: str, outside: str = typer.Option(...), target: float = TARGET) -> None:
    runtime.setup()
    assembled, other = resolve(data), whole(outside)
    size = assembled.preparation.size
    default = TrainConfig(data=data, size=size, **DEFAULTS)
    fast = TrainConfig(data=data, size=size, **FAST)
    settings = {"plain": default, "default": default, "fast": fast}
    of = f"{assembled.manifest_sha256[:12]}-{target:g}"  # runs on other images are none of these
    notes = runtime.project_root() / "build/speedrun" / of
    runs = {name: [] for name in settings}
    for seed, (name, config) in itertools.product(SEEDS, settings.items()):
        note = notes / f"{name}-{seed}.json"
        if not note.exists():
            if name == "plain":
                read, run = 0.0, plain(assembled, seed, target, config)
            else:
                read, run = reading(assembled), speed_run(replace(config, seed=seed), target)
            files.write_json(note, {
                "seconds": run.seconds + read, "val_roc_auc": run.val_roc_auc,
                "outside_roc_auc": validated(run.model, other), "reached": run.reached,
            })  # fmt: skip
        runs[name].append(json.loads(note.read_text(encoding="utf-8")))
        print(f"seed {seed}, {name}: {runs[name][-1]}", flush=True)
    found = {name: summary(each) for name, each in runs.items()}
    records.write(records.path_of(assembled, "speedrun"), {
        "command": f"python benchmarks/speedrun.py {records.shown(assembled)} "
                   f"--outside data/{Path(outside).name}",
        "data": assembled.manifest_sha256, "target": target, "seeds": list(SEEDS),
        "contestants": found, "settings": {"default": DEFAULTS, "fast": FAST},
        "times_faster": times_faster(runs["plain"], runs["fast"]),
        "environment": runtime.environment(),
    })  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
