"""Trains the style-based generator that comes with the package; interrupted, it goes on.

    python scripts/train_stylegan.py --out runs/stylegan

Makes its own synthetic photographs first (`OUT/photographs.npy`), from seeds that no embedded set
uses. The state is saved every few minutes. `--ship` writes the averaged generator, in half
precision, with its record into mesocore/faces/weights/, when the run is over or whenever wanted.
"""

import functools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import typer
from safetensors.torch import load_file, save

from mesocore.core import files, runtime
from mesocore.core.parallel import in_parallel
from mesocore.faces import rendering, stylegan
from mesocore.faces.gan import train

STEP = 50  # photographs in a step that is redone after an interruption


def photographs(out: Path, count: int, workers: int = 2) -> np.ndarray:
    """uint8 `(count, 128, 128, 3)`, made on first use by several processes."""
    path, notes = out / "photographs.npy", out / "photographs"
    if not path.exists() or notes.exists():
        notes.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            shape = (count, rendering.SIZE, rendering.SIZE, 3)
            np.lib.format.open_memmap(path, "w+", np.uint8, shape).flush()
        starts = range(0, count, STEP)
        steps = in_parallel(functools.partial(render, out, count), starts, workers)
        for _ in runtime.progress(steps, "photographs", len(starts)):
            pass
        for note in notes.iterdir():
            note.unlink()
        notes.rmdir()
    return np.load(path, mmap_mode="r")


def render(out: Path, count: int, start: int) -> None:
    """A step of the photographs, from number `start` on, unless it is done."""
    note = out / "photographs" / str(start)
    if not note.exists():
        target = np.load(out / "photographs.npy", mmap_mode="r+")
        seeds = stylegan.TRAINING_SEEDS[start : min(start + STEP, count)]
        target[start : start + len(seeds)] = rendering.snapshots(seeds)[0]
        target.flush()
        note.touch()


def ship(out: Path, count: int) -> None:
    """The averaged generator and where it comes from, into the package."""
    tensors = train.load_average(out / train.STATE).half().state_dict()
    files.write_bytes(stylegan.WEIGHTS, save({k: v.contiguous() for k, v in tensors.items()}))
    seconds = pd.read_csv(out / train.LOG, header=None)[3].sum()
    files.write_json(stylegan.WEIGHTS.with_suffix(".json"), {
        "command": "python scripts/train_stylegan.py --out runs/stylegan",
        "steps": int(load_file(out / train.STATE)["steps"]), "hours": round(seconds / 3600, 2),
        "config": json.loads((out / train.CONFIG).read_text(encoding="utf-8")),
        "photographs": count, "training_seeds": str(stylegan.TRAINING_SEEDS),
        "weights_sha256": files.sha256_file(stylegan.WEIGHTS),
        "environment": runtime.environment(),
    })  # fmt: skip


def main(
    out: Path = Path("runs/stylegan"),
    count: int = len(stylegan.TRAINING_SEEDS),
    ship_it: bool = typer.Option(False, "--ship"),
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if ship_it:
        return ship(out, count)
    train.train(photographs(out, count), out, train.GanConfig())


if __name__ == "__main__":
    typer.run(main)
