"""Small sets of images with something to learn: fakes are smoother than reals."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from mesocore.core.images import Preparation
from mesocore.data.assembly.assemble import assemble
from mesocore.training import loop, trainer
from mesocore.training.config import TrainConfig

# of an assembly.json that fits its schema, but for `sources`
ABOUT = {
    "preparation": Preparation(64).to_dict(), "split": [0.7, 0.1, 0.2], "seed": 0,
    "counts": {
        "inputs": 0, "accepted": 0, "rejected": 0, "reasons": {}, "groups": 0,
        "splits": {name: {"real": 0, "fake": 0} for name in ("train", "val", "test")},
    },
    "manifest_sha256": "0" * 64,
}  # fmt: skip


def description(model: str, size: int = 64) -> dict:
    """What model.json holds beside the weights' hash, of a run that has not learnt anything."""
    config = {"model": model, "size": size, "seed": 0, "data": "set", "manifest_sha256": "0" * 64}
    return {
        "config": config, "best": {"epoch": 1, "val_roc_auc": 0.5}, "threshold": 0.5,
        "temperature": 1.0, "threshold_from": "nothing", "preparation": Preparation(size).to_dict(),
        "environment": {"processor": "any", "gpu": None},
    }  # fmt: skip


def write_images(folder: Path, per_class: int, size: int = 64, seed: int = 0) -> Path:
    """Writes `folder/{real,fake}/NN.png`; content differs in every image, sharpness by class."""
    rng = np.random.default_rng(seed)
    for label, blur in (("real", 0.3), ("fake", 0.9)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(per_class):
            noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            shade = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            image = Image.blend(Image.fromarray(noise), shade.resize((size, size)), 0.6)
            image.filter(ImageFilter.GaussianBlur(blur)).save(folder / label / f"{index:03d}.png")
    return folder


def assembled_set(folder: Path, per_class: int = 40, seed: int = 0) -> Path:
    """An assembled 64 px set with splits .6/.2/.2, made from `write_images`."""
    raw = write_images(folder / "raw", per_class, seed=seed)
    assemble([raw], folder / "set", size=64, split=(0.6, 0.2, 0.2), progress=False)
    return folder / "set"


def check_resume(config: TrainConfig, whole: Path, out: Path, epochs: int) -> None:
    """Trains into `out`, stops after `epochs`, resumes, and compares with the finished `whole`."""
    run_epoch = loop.run_epoch

    def until(*args):
        if args[-1] == epochs:
            raise KeyboardInterrupt
        return run_epoch(*args)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "run_epoch", until)
        trainer.train(config, out)
    trainer.train(config, out, resume=True)
    for name in ("model.safetensors", "last.safetensors", "history.csv"):
        assert (whole / name).read_bytes() == (out / name).read_bytes()
