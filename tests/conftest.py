"""Fixtures that several tests share: generated photographs, and real faces where there are any."""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from mesocore.course import plots
from mesocore.training import trainer
from mesocore.training.config import TrainConfig
from tests.factories import assembled_set
from tests.random_moment import moments  # noqa: F401 (a fixture for all)

PER_CLASS = 60


def picture(seed: int, size: int | tuple[int, int] = 96) -> Image.Image:
    """A generated RGB photograph of `size` (width, height): smooth colour, an object, some noise.

    Different seeds give pictures that no near-duplicate search should join.
    """
    width, height = (size, size) if isinstance(size, int) else size
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (7, 7, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(image, dtype=np.int16) + generator.integers(-6, 7, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def fill(folder: Path, count: int, first: int = 0, size: int = 96, suffix: str = "jpg", **save):
    """Saves pictures of seeds first..first + count - 1 as `folder/<seed>.<suffix>`."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        picture(seed, size).save(folder / f"{seed:05d}.{suffix}", **save)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source folder `faces` with 12 real and 12 fake JPEGs of one origin."""
    fill(tmp_path / "faces/real", 12, quality=92)
    fill(tmp_path / "faces/fake", 12, first=1000, quality=92)
    return tmp_path / "faces"


@pytest.fixture(scope="session")
def real_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `openforensics/{real,fake}`, `PER_CLASS` images each.

    Taken from the folder that MESO_REAL_FACES names; without it, generated in the same layout.
    """
    root = tmp_path_factory.mktemp("real-faces")
    given = os.environ.get("MESO_REAL_FACES")
    for first, label in ((0, "real"), (5000, "fake")):
        folder = root / "openforensics" / label
        if not given:
            fill(folder, PER_CLASS, first, size=256, quality=75)
            continue
        folder.mkdir(parents=True)
        for image in sorted((Path(given) / "openforensics" / label).iterdir())[:PER_CLASS]:
            shutil.copy(image, folder / image.name)
    return root


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An assembled 64 px set of 40 images of each class, for tests that only read it."""
    return assembled_set(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_run(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Gives the run of a model and seed on `small_set`, two epochs, trained once a session.

    For tests that only read it.
    """

    @functools.cache
    def run(model: str = "meso4", seed: int = 0) -> Path:
        out = tmp_path_factory.mktemp("run") / f"{model}-{seed}"
        trainer.train(TrainConfig(model, str(small_set), 2, 64, 8, seed=seed), out)
        return out

    return run


@pytest.fixture
def house_style():
    """The course's look for a test that draws, and nothing of it afterwards."""
    plt.switch_backend("Agg")
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")
