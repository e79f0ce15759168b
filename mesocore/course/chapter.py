"""What every chapter needs before its first line: data, sizes, folders, figures, records."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.core.files import write_json
from mesocore.course import plots
from mesocore.course.predictions import Predictions
from mesocore.data import tiers
from mesocore.nets.detector import Detector, load_detector
from mesocore.training.config import TrainConfig
from mesocore.training.trainer import train

FAST_IMAGES, FAST_SIZE, FAST_EPOCHS = 240, 64, 2
SIZE = 128  # pixels a side in a chapter that is not shortened: that of the embedded set


def course_config(model: str, data: str, seed: int = 0, epochs: int = 24) -> TrainConfig:
    """What the chapters train with: 128 px, the size of the embedded set, and small batches.

    Without dropout: with the published 0.5 before both dense layers one of three seeds has found
    nothing in the embedded set after 24 epochs, and one finds it late; without it, all three have
    after ten (validation split, results/synthfaces/dropout.json). Its noise hides a gradient that
    is faint at first.
    """
    return TrainConfig(
        model, data, epochs, SIZE, batch_size=8, learning_rate=1e-3, dropout=0.0, seed=seed
    )


class Chapter:
    """A chapter at work: seeds and style are set, its data are there, and it knows where to write.

    `set` is its assembled set, in the tier `tier`, and `folder` where that lies. `fast` is the
    short version: 240 images, `size` 64 pixels a side in place of 128, 2 epochs. What a short
    version or a reader's own data give goes below build/fast (`out`), never over what is committed.
    """

    def __init__(self, number: str, data: str, fast: bool = False, seed: int = 0):
        """`number`: two digits; `data`, `fast` and `seed` as in the parameters of a notebook."""
        self.number, self.seed, self.fast = number, seed, fast or runtime.fast()
        runtime.setup(seed)
        plots.use_style()
        self.set = tiers.resolve(data, FAST_IMAGES if self.fast else None)
        self.folder, self.tier = self.set.folder, tiers.tier(self.set)
        self.size = FAST_SIZE if self.fast else SIZE
        self.out = runtime.output_root(self.fast or self.tier != tiers.EMBEDDED)
        self.predictions = Predictions(self.out / "runs" / "predictions.json")
        print(self)

    def __str__(self) -> str:
        packages = runtime.environment()["packages"]
        versions = ", ".join(f"{name} {packages[name]}" for name in ("torch", "numpy", "pandas"))
        return f"chapter {self.number}, tier of the data: {self.tier}; {versions}"

    def epochs(self, wanted: int) -> int:
        """`wanted`, or 2 in the short version."""
        return FAST_EPOCHS if self.fast else wanted

    def config(self, model: str, epochs: int = 24, **changes) -> TrainConfig:
        """The course's settings (`course_config`) for `model` on this chapter's data and size.

        `epochs` are those of the full version; `changes` are other fields of `TrainConfig`.
        """
        base = course_config(model, str(self.folder), self.seed, self.epochs(epochs))
        return replace(base, size=self.size, **changes)

    def run(self, name: str) -> Path:
        """Where this chapter keeps the run of that name: `out`/runs/NN-NAME."""
        return self.out / "runs" / f"{self.number}-{name}"

    def train(self, name: str, config: TrainConfig) -> tuple[pd.DataFrame, Detector]:
        """Trains from nothing into `run(name)`; history, one row per epoch, and detector."""
        shutil.rmtree(self.run(name), ignore_errors=True)  # of an earlier execution
        history = train(config, self.run(name))
        return history, load_detector(self.run(name))

    def trained(self, name: str, config: TrainConfig) -> Path:
        """The finished run "NN-NAME" of this chapter or another.

        On the embedded set it is the reader's own, where there is one, else that which comes with
        the course, if its settings are those of `config`. Otherwise it is trained now, as far as it
        is not finished. The short version trains its own: chapters may run side by side there.
        """
        if self.fast:
            own = name.partition("-")[2]
            self.train(own, config)
            return self.run(own)
        run = self.out / "runs" / name
        if not run.exists() and self.tier == tiers.EMBEDDED and (kept := self._kept(name, config)):
            return kept
        train(config, run, resume=run.exists())
        return run

    def _kept(self, name: str, config: TrainConfig) -> Path | None:
        """The committed run, unless it has other settings; says so where its pixels were others."""
        run = runtime.project_root() / "results" / "runs" / tiers.EMBEDDED / name
        if not run.exists():
            return None
        about = TrainConfig.defaults() | load_detector(run).description["config"]
        if any(about[key] != value for key, value in asdict(config).items() if key != "data"):
            return None
        print(f"{name}: the weights that come with the course")
        if about["manifest_sha256"] != self.set.manifest_sha256:
            print("(trained on these pictures as another processor draws them: some pixels are "
                  "rounded the other way)")  # fmt: skip
        return run

    def predict(self, name: str, low: float | None = None, high: float | None = None) -> None:
        """Locks the reader's range for a result, or asks for one (`Predictions.lock`)."""
        print(self.predictions.lock(f"{self.number} {name}", low, high))

    def reveal(self, name: str, value: float) -> None:
        """Shows the result, and whether the range that was locked holds it."""
        print(self.predictions.reveal(f"{self.number} {name}", value))

    def save(self, fig: Figure, name: str, shows: dict | None = None) -> None:
        """Writes the figure as figures/NN-NAME.png and .pdf, with where its data come from.

        `shows`: the record that is drawn, where that is not of this chapter's own data.
        """
        about = {"tier": self.tier, "manifest_hash": self.set.manifest_sha256}
        if shows is not None:
            data = shows["data"]
            about = {"tier": data["tier"], "manifest_hash": data["manifest_sha256"]}
        folder = self.out / "figures"
        plots.save_figure(fig, f"{self.number}-{name}", chapter=self.number, seed=self.seed,
                          folder=folder, **about)  # fmt: skip

    def committed(self, path: str) -> dict:
        """A record that is part of the course, such as "real/generalisation".

        Raises `UserError` if results/PATH.json is not there.
        """
        file = runtime.project_root() / "results" / f"{path}.json"
        if not file.is_file():
            raise UserError(f"{file} is missing; get it back with git checkout, or set MESO_HOME "
                            "to a checkout of the course")  # fmt: skip
        return json.loads(file.read_text(encoding="utf-8"))

    def record(self, values: dict) -> Path:
        """Writes what the chapter found to results/TIER/NN.json, without paths of this machine."""
        model = values.get("model")
        if model and "data" in model:
            values = values | {"model": model | {"data": self.set.name}}
        path = self.out / "results" / self.tier / f"{self.number}.json"
        write_json(path, values)
        return path
