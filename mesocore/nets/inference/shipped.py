"""The detectors that come with the package, by name."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.core.schemas import read_json
from mesocore.nets.inference.exported import SUFFIX
from mesocore.nets.schemas import Description, Figures

FOLDER = Path(__file__).parents[2] / "detectors"
FILES = (SUFFIX, ".h5", ".hdf5", ".keras", ".safetensors")  # that a detector may be
CARD, FIGURES, EXPORTED = "card.md", "figures.json", f"detector{SUFFIX}"


@dataclass(frozen=True)
class Shipped:
    """A detector of the package: a run's folder, with the same detector exported, its card, and
    the figures that were measured of it."""

    name: str

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def description(self) -> dict:
        """As in the run's model.json."""
        return read_json(self.folder / "model.json", Description, "install mesocore anew")

    @property
    def figures(self) -> list[dict[str, str]]:
        """What it is worth: a row for each set that it was tested on, as texts by column."""
        return read_json(self.folder / FIGURES, Figures, "install mesocore anew")["rows"]


def shipped() -> list[Shipped]:
    """All of them, by name."""
    return [Shipped(path.parent.name) for path in sorted(FOLDER.glob("*/model.json"))]


def place(model: str | Path) -> Path:
    """The folder of the detector of that name, or `model` itself as a path.

    A path may be meant by what is also a name: `./recommended` is one.
    """
    known = str(model) in [each.name for each in shipped()]
    return FOLDER / str(model) if known else Path(model)


def find(model: str | Path) -> Path:
    """As `place`. Raises `UserError` if nothing is there."""
    if not place(model).exists():
        names = ", ".join(each.name for each in shipped()) or "none"
        raise UserError(f"{model}: no such run or weight file; detectors that come with mesocore: "
                        f"{names}")  # fmt: skip
    return place(model)


def soonest(folder: Path) -> Path:
    """The exported file of a detector that comes with the package, which needs no PyTorch, if
    OpenVINO is there; every other path as it is: a file beside a run may be of older weights."""
    file = folder / EXPORTED
    usable = (
        folder.parent == FOLDER
        and file.is_file()
        and importlib.util.find_spec("openvino") is not None
    )
    return file if usable else folder


def is_detector(path: Path) -> bool:
    """Whether a path is that of a detector and of no picture."""
    return path.suffix in FILES or (path / "model.json").is_file()
