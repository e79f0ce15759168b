"""A run's folder while it is trained: its settings, the state that resuming needs, its history.

No file here is a pickle. `last.safetensors` holds all that outlives an epoch: the weights, the
optimiser's moments, the weights' EMA if there is one, and the history so far.
"""

import json
from pathlib import Path

import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from mesocore.runtime import UserError, write_bytes, write_json, write_text

STATE, CONFIG, HISTORY = "last.safetensors", "config.json", "history.csv"
MOVED = ("data", "init")  # folders may have moved; hashes say whether they are the same


def open_run(out: Path, settings: dict, defaults: dict, resume: bool) -> None:
    """Starts a run in `out`, a new or empty folder, or checks that it holds the run to resume.

    `defaults`: of settings; a run that is older than a setting was trained with what is now its
    default. Raises `UserError` for a folder in use, nothing to resume, or other settings.
    """
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
    before = defaults | json.loads(config.read_text())
    changed = [k for k in settings if k not in MOVED and before.get(k) != settings[k]]
    if changed:
        was = ", ".join(f"{key} {before.get(key)!r} -> {settings[key]!r}" for key in changed)
        raise UserError(f"{out} was started with other settings ({was}); use those to resume")


def save_state(
    out: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    ema: nn.Module | None,
    rows: list[dict],
) -> None:
    """Writes the state after an epoch, then the history, each at once or not at all."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in moments.items()}
    if ema is not None:
        tensors |= {f"ema.{name}": value for name, value in ema.state_dict().items()}
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    write_bytes(out / STATE, save(tensors, metadata={"history": json.dumps(rows)}))
    _write_history(out, rows)


def restore(
    out: Path, model: nn.Module, optimiser: torch.optim.Optimizer, ema: nn.Module | None
) -> list[dict]:
    """Puts the saved state back and returns the history; no rows if no epoch had ended."""
    if not (out / STATE).exists():
        return []
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimiser": {}, "ema": {}}
    with safe_open(out / STATE, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 (not a dict)
            part, name = key.split(".", 1)
            parts[part][name] = file.get_tensor(key)
        rows = json.loads(file.metadata()["history"])
    model.load_state_dict(parts["model"])
    if ema is not None:
        ema.load_state_dict(parts["ema"])
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in parts["optimiser"].items():
        index, name = key.split(".", 1)
        moments.setdefault(int(index), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
    _write_history(out, rows)  # the kill may have come between the state and the history
    return rows


def _write_history(out: Path, rows: list[dict]) -> None:
    write_text(out / HISTORY, pd.DataFrame(rows).to_csv(index=False))
