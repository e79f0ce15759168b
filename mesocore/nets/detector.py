"""What a trained model is on disk, and the detector that is read back from it.

A run's folder holds `model.safetensors` (weights of the best epoch), `model.json` (config,
validation metrics, manifest hash, preparation, threshold, temperature), `trained_on.npy` (which
files it saw) and what training needs to resume. No file here is a pickle, and none is ever loaded.
"""

import io
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from mesocore.core.errors import UserError, one_line
from mesocore.core.files import sha256_file, write_bytes, write_json
from mesocore.core.images import Preparation
from mesocore.core.schemas import read_array, read_json
from mesocore.nets.inference import engine
from mesocore.nets.inference.calibration import Calibrated, Examined, fitting, together
from mesocore.nets.inference.engine import Engine
from mesocore.nets.inference.outputs import Outputs
from mesocore.nets.models import build
from mesocore.nets.schemas import Description
from mesocore.nets.weights import check_weights, load_weights

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
TRAINED_ON = "trained_on.npy"
KERAS = (".h5", ".hdf5", ".keras")
PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle")


@dataclass
class Detector(Calibrated):
    """A model with all it takes to turn an image file into a verdict.

    Temperature, threshold, band and `kind_from` as in `Calibrated`; without a band both its ends
    are the threshold. Where `size`, the model's input, is not that of the `preparation`, a resize
    follows. `description` says where all that came from. `trained_on` is uint64 `(N,)`, sorted:
    the originals of its training and validation images, as `AssembledSet.original_ids` gives them;
    None if that is not known.

    Raises `UserError` if the weights could not give a verdict, or the limits.
    """

    model: nn.Module
    preparation: Preparation
    size: int
    threshold: float
    temperature: float
    description: dict = field(default_factory=dict)
    trained_on: np.ndarray | None = None
    band: tuple[float, float] | None = None
    kind_from: float | None = None
    _engine: Engine | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.check_limits()
        check_weights(self.model)

    def examine(self, images: Tensor | np.ndarray, batch: int = 64, expected: int = 0) -> Examined:
        """As `Calibrated.examine`; the model is left in eval mode.

        Many images are left to OpenVINO, where it is installed (inference/engine.py).
        """
        images = torch.as_tensor(images)
        count, side = max(expected, len(images)), images.shape[-1]
        if not (engine.pays(self.model, count, side) and engine.installed()):
            return examine(self.model, images, batch)
        if self._engine is None or not self._engine.fits(self.model, side):
            self._engine = Engine(self.model, side)
        parts = [self._engine.examine(part) for part in images.split(fitting(batch, side))]
        return Examined(*(np.concatenate(each).astype(np.float64) for each in together(parts)))


def examine(model: nn.Module, images: Tensor, batch: int = 64) -> Examined:
    """What a model says of uint8 images `(N, 3, S, S)`; it is left in eval mode.

    `batch` images of up to 256 px are computed at a time, of larger ones fewer. What is not finite
    is returned as it is.
    """
    outputs = Outputs(model).eval()
    batch = fitting(batch, images.shape[-1])
    device = next(model.parameters(), images).device
    with torch.inference_mode():
        parts = [Examined(*(each.cpu() for each in outputs(part.to(device))))
                 for part in images.split(batch)]  # fmt: skip
    return Examined(*(torch.cat(each).double().numpy() for each in together(parts)))


def logits(model: nn.Module, images: Tensor, batch: int = 64) -> np.ndarray:
    """The logits alone of `examine`: float64 `(N,)`."""
    return examine(model, images, batch).logits


def save_model(folder: Path, model: nn.Module, description: dict) -> None:
    """Writes weights and description. The description carries the weights' hash and comes last,
    so that a crash between the two is noticed and never mixes two epochs."""
    data = save({name: value.contiguous() for name, value in model.state_dict().items()})
    write_bytes(folder / WEIGHTS, data)
    description = {**description, "weights_sha256": sha256_file(folder / WEIGHTS)}
    write_json(folder / DESCRIPTION, description)


def load_detector(path: str | Path, fake_class: int | None = None) -> Detector:
    """A `Detector` from a run's folder, its `.safetensors` file, or a Keras `.h5` or `.keras` file.

    `fake_class`: of a Keras file, the class that means fake where its output is P(class 1); 0
    unless given, as in the published weights. Raises `UserError` if there is no such file, if it is
    damaged or of another kind, or if a run is given a `fake_class`.
    """
    path = Path(path)
    if path.suffix in KERAS:
        return _keras(path, 0 if fake_class is None else fake_class)
    folder = path if path.is_dir() else path.parent
    weights, description = folder / WEIGHTS, folder / DESCRIPTION
    _check_kind(path)
    if not path.exists():
        raise UserError(f"{path}: no such run or weight file")
    if not (weights.is_file() and description.is_file()):
        raise UserError(f"{folder} holds no trained model ({WEIGHTS} and {DESCRIPTION}); if it is "
                        "a run, mesocore train with --resume makes them")  # fmt: skip
    if fake_class is not None:
        raise UserError(f"{path} is a run of mesocore, whose output is P(fake); leave out the fake "
                        "class (--fake-class), which is for Keras files")  # fmt: skip
    try:
        about = read_json(description, Description, "restore the file, or train again")
        model = build(about["config"]["model"], about["config"]["size"])
        if sha256_file(weights) != about["weights_sha256"]:
            raise UserError(f"{weights}: interrupted while saving, or damaged; run mesocore train "
                            "with --resume")  # fmt: skip
        load_weights(model, weights, about["config"]["size"])
        return Detector(
            model.eval(),
            Preparation.from_dict(about["preparation"]),
            about["config"]["size"],
            about["threshold"],
            about["temperature"],
            about,
            _trained_on(folder),
            about.get("band") and (about["band"]["real_below"], about["band"]["fake_from"]),
            about["known"]["kind_from"] if about.get("known") else None,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise UserError(f"{folder} is damaged ({one_line(error)}); train again") from error
    except UserError as error:
        raise UserError(str(error) if str(folder) in str(error) else f"{folder}: {error}") from None


def save_trained_on(folder: Path, ids: np.ndarray) -> None:
    """Writes `Detector.trained_on` into a run's folder."""
    buffer = io.BytesIO()
    np.save(buffer, np.unique(ids))
    write_bytes(folder / TRAINED_ON, buffer.getvalue())


def _trained_on(folder: Path) -> np.ndarray | None:
    path = folder / TRAINED_ON
    if not path.is_file():
        return None
    fix = "resume the run, which writes it, or train again"
    ids = read_array(path, "uint64", (None,), fix)
    if (ids[1:] <= ids[:-1]).any():
        raise UserError(f"{path} is damaged: its numbers are not in order; {fix}")
    return ids


def best_kept(folder: Path) -> dict | None:
    """`best` of the model that a run's folder holds; None if that is not there, or damaged."""
    try:
        about = read_json(folder / DESCRIPTION, Description, "resume the run")
        whole = sha256_file(folder / WEIGHTS) == about["weights_sha256"]
    except (UserError, OSError):
        return None
    return about["best"] if whole else None


def _check_kind(path: Path) -> None:
    file = path.is_file()
    if file and path.suffix in PICKLES:
        what = "is a pickle by its name, which can run code when it is loaded, so none ever is"
    elif (
        file
        and (path.suffix in (".index", ".pb") or ".data-0" in path.name)
        or Path(f"{path}.index").is_file()  # a checkpoint is named by what its files begin with
        or any((path / name).is_file() for name in ("saved_model.pb", "checkpoint"))
    ):
        what = (
            "is TensorFlow's (a SavedModel or a checkpoint); load it in Keras and save NAME.keras"
        )
    elif file and path.name != WEIGHTS:
        what = "is not a model"
    else:
        return
    raise UserError(
        f"{path} {what}; readable are a run's folder, its {WEIGHTS}, and Keras' .h5 and .keras"
    )


def _keras(path: Path, fake_class: int) -> Detector:
    from mesocore.nets import keras_weights  # late: h5py, which a run does not need

    model = keras_weights.load_keras(path, fake_class)
    name = path.stem.removesuffix(".weights")
    about = {
        "config": {"model": name, "size": model.size, "fake_class": fake_class},
        "threshold_from": "0.5, as published; not validated on any data here",
        "weights_sha256": sha256_file(path),
    }
    preparation = replace(keras_weights.PREPARATION, size=model.size)
    return Detector(model, preparation, model.size, 0.5, 1.0, about)
