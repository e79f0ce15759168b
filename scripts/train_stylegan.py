"""Trains the style-based generator that comes with the package; interrupted, it goes on.

    python scripts/train_stylegan.py --out runs/stylegan

Makes its own synthetic photographs first (`OUT/photographs.npy`), from seeds that no embedded set
uses. The state is saved every few minutes. `--ship` writes the averaged generator, in half
precision, with its record into mesocore/faces/weights/, when the run is over or whenever wanted.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import typer
from safetensors.torch import load_file, save

from mesocore.core import files, runtime
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
        call = [sys.executable, __file__, "--out", str(out), "--count", str(count)]
        children = [subprocess.Popen([*call, "--worker", f"{k}/{workers}"]) for k in range(workers)]
        if any([child.wait() for child in children]):
            raise SystemExit("a process that renders failed; the same command goes on")
        for note in notes.iterdir():
            note.unlink()
        notes.rmdir()
    return np.load(path, mmap_mode="r")


def render(out: Path, count: int, worker: str) -> None:
    torch.set_num_threads(1)
    part, parts = map(int, worker.split("/"))
    target = np.load(out / "photographs.npy", mmap_mode="r+")
    starts = range(0, count, STEP)[part::parts]
    for start in runtime.progress(starts, f"photographs {worker}") if part == 0 else starts:
        note = out / "photographs" / str(start)
        if not note.exists():
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
        "config": json.loads((out / train.CONFIG).read_text()),
        "photographs": count, "training_seeds": str(stylegan.TRAINING_SEEDS),
        "weights_sha256": files.sha256_file(stylegan.WEIGHTS),
        "environment": runtime.environment(),
    })  # fmt: skip


def main(
    out: Path = Path("runs/stylegan"),
    count: int = len(stylegan.TRAINING_SEEDS),
    worker: str = "",
    ship_it: bool = typer.Option(False, "--ship"),
) -> None:
    if worker:
        return render(out, count, worker)
    out.mkdir(parents=True, exist_ok=True)
    if ship_it:
        return ship(out, count)
    train.train(photographs(out, count), out, train.GanConfig())


if __name__ == "__main__":
    typer.run(main)
