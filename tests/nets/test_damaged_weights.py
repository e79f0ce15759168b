"""Weights of strangers: no verdict without a finite score, one line for any damage, no other file
opened, little memory."""

import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from mesocore.core.errors import UserError
from mesocore.core.files import write_json
from mesocore.evaluation import metrics
from mesocore.nets.detector import Detector, load_detector, save_model, save_trained_on
from mesocore.nets.inference.calibration import Examined
from mesocore.nets.keras import hdf5
from mesocore.nets.keras_weights import load_keras
from mesocore.nets.models import build
from mesocore.training import trainer
from mesocore.training.config import TrainConfig
from tests.commands import mesocore
from tests.conftest import picture
from tests.factories import description
from tests.keras_writer import Network
from tests.nets.test_keras_files import LAYOUTS
from tests.nets.test_keras_weights import random_model

# what the process of the library cannot do: open a file, and take a lot of memory
CONFINE = """
_confine()
try:
    open("/etc/hostname")
except OSError as error:
    print(error.errno)
try:
    bytes(2 * MEMORY)
except MemoryError as error:
    print(type(error).__name__)
"""
KERNEL = "conv2d_1/conv2d_1/kernel:0"
VARIANCE = "batch_normalization_1/batch_normalization_1/moving_variance:0"
FIRST = "features.0.0.weight"
RUNNING = "features.0.2.running_var"


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """A Keras file of weights alone."""
    folder = tmp_path_factory.mktemp("keras")
    return Network(random_model("meso4"), folder).write_h5(folder / "a.h5", whole=False)


@pytest.fixture
def run(tmp_path) -> Path:
    """The folder of a run that has not learnt anything."""
    torch.manual_seed(0)
    save_model(tmp_path, build("meso4", 64), description("meso4"))
    save_trained_on(tmp_path, np.arange(9, dtype=np.uint64))
    return tmp_path


def rewritten(run: Path, weights: bytes | None = None, **changes: object) -> Path:
    """The run with other weights, of which its description has the hash, or another description."""
    if weights is not None:
        (run / "model.safetensors").write_bytes(weights)
        changes["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    about = json.loads((run / "model.json").read_text(encoding="utf-8"))
    (run / "model.json").write_text(json.dumps(about | changes), encoding="utf-8")
    return run


def said(load: Callable, path: Path) -> str:
    """The one line with which `path` is refused."""
    with pytest.raises(UserError) as refused:
        load(path)
    line = str(refused.value)
    assert str(path) in line and len(line) < 600 and all(c.isprintable() for c in line)
    return line


def replaced(**options) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, **options)

    return change


def filled(path: str, value: float) -> Callable[[h5py.File], None]:
    return lambda file: file[path].write_direct(np.full(file[path].shape, value, "f4"))


def virtual(file: h5py.File) -> None:
    del file[KERNEL]
    layout = h5py.VirtualLayout((5, 5, 8, 8), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (5, 5, 8, 8))
    file.create_virtual_dataset(KERNEL, layout)


def linked(link: object) -> Callable[[h5py.File], None]:
    return lambda file: file.__setitem__("beside", link)


RIGHT = (5, 5, 8, 8)
HDF5: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "nan": (filled(KERNEL, np.nan), "infinite or nan"),
    "infinite": (filled(VARIANCE, np.inf), "infinite or nan"),
    "negative variance": (filled(VARIANCE, -1e-6), "negative values"),
    "too large for float32": (replaced(data=np.full(RIGHT, 1e300)), "infinite or nan"),
    "text": (replaced(shape=RIGHT, dtype=h5py.string_dtype()), "not of numbers"),
    "pairs": (replaced(data=np.zeros(RIGHT, "c8")), "not of numbers"),
    "one dimension more": (replaced(data=np.zeros((1, *RIGHT), "f4")), r"is \(1, 5, 5, 8, 8\)"),
    "nothing": (replaced(data=h5py.Empty("f4")), "not of numbers"),
    "never written": (replaced(shape=RIGHT, dtype="f4"), "without its values"),
    "huge": (replaced(shape=(2**20, 2**20), dtype="f4", chunks=(64, 64)), "more than 32 MB"),
    "huge pieces": (replaced(shape=RIGHT, dtype="f4", maxshape=(None,) * 4,
                             chunks=(5, 5, 1000, 4000)), "more than 32 MB"),
    "compressed": (replaced(data=np.zeros(RIGHT, "f4"), compression="gzip"), "is compressed"),
    "a group": (lambda f: (f.pop(KERNEL), f.create_group(KERNEL)), "lacks kernel"),
    "a type": (lambda f: (f.pop(KERNEL), f.__setitem__(KERNEL, np.dtype("f4"))), "neither a group"),
    "no group": (lambda f: (f.pop("conv2d_1"), f.__setitem__("conv2d_1", 1.0)), "lacks kernel"),
    "another file": (linked(h5py.ExternalLink("/etc/hostname", "/")), "link at /beside"),
    "a name for a name": (linked(h5py.SoftLink("/beside")), "link at /beside"),
    "virtual": (virtual, "lies in another file"),
    "a ring": (lambda f: f["conv2d_1"].__setitem__("again", f["/"]), "twice"),
    "depth": (lambda f: f.create_group("conv2d_1/" + "g/" * 500), "groups more than 16 deep"),
    "names of no layer": (lambda f: f.attrs.__setitem__("layer_names", [b"no"]), "no group no"),
    "names that are numbers": (lambda f: f.attrs.__setitem__("layer_names", 3), "is no text"),
    "control characters": (lambda f: (f.attrs.pop("layer_names"), f.create_group("a\n\x1b[2J")),
                           r"layers a\\n\\x1b\[2J"),
    "a configuration in pieces": (lambda f: f.attrs.__setitem__("model_config", "{"), "damaged"),
    "deep JSON": (lambda f: f.attrs.__setitem__("model_config", "[" * 50_000), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("damage", HDF5)
def test_a_damaged_hdf5_file_is_refused_with_its_reason(damage, published, tmp_path):
    change, reason = HDF5[damage]
    path = Path(shutil.copy(published, tmp_path / "a.h5"))
    with h5py.File(path, "r+") as file:
        change(file)
    assert re.search(reason, said(load_keras, path))


def test_a_file_in_pieces_without_compression_is_read(published, tmp_path):
    path = Path(shutil.copy(published, tmp_path / "a.h5"))
    with h5py.File(path, "r+") as file:
        replaced(data=file[KERNEL][()], chunks=(5, 5, 8, 4))(file)
    wanted, found = (load_keras(one).state_dict() for one in (published, path))
    assert all(torch.equal(value, found[name]) for name, value in wanted.items())


def test_the_hdf5_library_has_little_time_and_opens_nothing(published, tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "SECONDS", 0.01)
    assert "came to no end" in said(load_keras, published)
    monkeypatch.undo()
    kill = "import os; os.kill(os.getpid(), 11)"
    monkeypatch.setattr(hdf5, "START", kill)
    assert "ended the HDF5 library" in said(load_keras, published)
    held = f"from mesocore.nets.keras.hdf5 import MEMORY, _confine\n{CONFINE}"
    done = subprocess.run([sys.executable, "-c", held], capture_output=True, text=True)
    assert done.stdout.split() == ["24", "MemoryError"]  # errno.EMFILE


@pytest.mark.parametrize("layout", ["tf.keras model", "Keras 3 weights", ".keras"])
def test_random_damage_ends_in_one_line_or_in_numbers(layout, tmp_path):
    path = LAYOUTS[layout](Network(random_model("meso4"), tmp_path), tmp_path)
    whole = path.read_bytes()
    for seed in range(6):
        path.write_bytes(damaged(whole, random.Random(seed)))
        try:
            values = load_keras(path).state_dict().values()
        except UserError as reason:
            assert str(path) in str(reason) and str(reason).isprintable()
        else:
            assert all(value.isfinite().all() for value in values)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Content cut off, or with some bytes of its first half overwritten."""
    if rng.random() < 0.3:
        return data[: rng.randrange(len(data))]
    changed = bytearray(data)
    for _ in range(rng.choice([1, 3, 100])):
        changed[rng.randrange(len(data) // 2)] = rng.choice([0, 127, 255, rng.randrange(256)])
    return bytes(changed)


def changed_state(run: Path, **tensors: torch.Tensor | None) -> bytes:
    state = load_file(run / "model.safetensors") | tensors
    return save({name: value for name, value in state.items() if value is not None})


STATES: dict[str, tuple[dict, str]] = {
    "nan": ({FIRST: torch.full((8, 3, 3, 3), torch.nan)}, "infinite or nan"),
    "negative variance": ({RUNNING: torch.full((8,), -1.0)}, "negative values"),
    "type": ({FIRST: torch.zeros(8, 3, 3, 3, dtype=torch.float16)}, "F16, not F32"),
    "kernel": ({FIRST: torch.zeros(8, 3, 5, 5)}, r"where \(8, 3, 3, 3\) is wanted"),
    "wider": ({FIRST: torch.zeros(4096, 3, 3, 3)}, r"where \(8, 3, 3, 3\) is wanted"),
    "no channel": ({FIRST: torch.zeros(0, 3, 3, 3)}, r"where \(8, 3, 3, 3\) is wanted"),
    "narrower alone": ({FIRST: torch.zeros(4, 3, 3, 3)}, "do not fit together"),
    "lacking": ({FIRST: None}, f"lacks {FIRST}"),
    "more": ({"more\nthan": torch.zeros(1)}, "beyond the network, more.nthan"),
}


@pytest.mark.parametrize("damage", STATES)
def test_weights_of_a_run_have_to_fit_its_network(damage, run):
    tensors, reason = STATES[damage]
    line = said(load_detector, rewritten(run, changed_state(run, **tensors)))
    assert re.search(reason, line)


HEADERS = {
    "empty": b"",
    "longer than the file": (2**40).to_bytes(8, "little") + b"{}",
    "longer than any": (9 << 20).to_bytes(8, "little") + b" " * (9 << 20),
    "no JSON": (2).to_bytes(8, "little") + b"{{",
    "pickle": b"\x80\x04c__builtin__\nexit\n",
}


@pytest.mark.parametrize("damage", HEADERS)
def test_a_header_that_lies_is_refused(damage, run):
    line = said(load_detector, rewritten(run, HEADERS[damage]))
    assert "damaged, or not of safetensors" in line


@pytest.mark.parametrize("name", ["threshold", "temperature"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, "0.5", None, True, 10**400])
def test_threshold_and_temperature_are_finite_numbers(name, value, run):
    assert name in said(load_detector, rewritten(run, **{name: value}))
    beyond = {"threshold": 50, "temperature": 0}[name]
    assert name in said(load_detector, rewritten(run, **{name: beyond}))


@pytest.mark.parametrize("model", ["1000000000*meso4", "9" * 5000 + "*meso4", "99*99*meso4"])
def test_an_ensemble_has_a_bound(model, run):
    rewritten(run, config=description(model)["config"])
    assert "at most 100 members" in said(load_detector, run)


@pytest.mark.parametrize("ids", [np.zeros(3), np.array([3, 1], np.uint64), b"\x93NUMPY", b""])
def test_what_a_run_was_trained_on_has_to_be_numbers_in_order(ids, run):
    if isinstance(ids, bytes):
        (run / "trained_on.npy").write_bytes(ids)
    else:
        np.save(run / "trained_on.npy", ids)
    assert "trained_on.npy" in said(load_detector, run)


def test_finite_weights_without_a_finite_score_give_no_verdict(run, tmp_path):
    image = tmp_path / "a.png"
    picture(0, 64).save(image)
    rewritten(run, changed_state(run, **{FIRST: torch.full((8, 3, 3, 3), 1e38)}))
    done = mesocore("predict", "--model", run, image, "--json")
    [row] = json.loads(done.stdout)
    assert done.returncode == 1 and row["verdict"] is None and row["probability_fake"] is None
    assert "no finite score" in row["error"]
    with pytest.raises(UserError, match="no finite score for 2 of 2 images"):
        load_detector(run).probabilities(torch.full((2, 3, 64, 64), 255, dtype=torch.uint8))


def test_a_start_from_damaged_weights_or_other_layers_is_refused(run, tmp_path):
    leaky = Network(random_model("meso4"), tmp_path)
    leaky.all("LeakyReLU")[0]["config"]["negative_slope"] = 0.3
    start = leaky.write_keras(tmp_path / "meso4.keras")
    with pytest.raises(UserError, match=r"meso4\.keras holds a meso4 with other layers"):
        trainer.initial_model(TrainConfig("meso4", "any", init=str(start)))
    rewritten(run, changed_state(run, **{RUNNING: torch.full((8,), torch.nan)}))
    with pytest.raises(UserError, match="running_var has infinite or nan"):
        trainer.initial_model(TrainConfig("meso4", "any", size=64, init=str(run)))


def test_validation_scores_that_are_not_finite_fit_no_threshold():
    with pytest.raises(UserError, match="no finite score for 1 of 2"):
        metrics.fit(np.array([0, 1]), Examined(np.array([0.5, np.inf])))


def test_json_has_no_nan(tmp_path):
    for value in (float("nan"), float("inf"), [-np.inf]):
        with pytest.raises(ValueError, match="JSON compliant"):
            write_json(tmp_path / "a.json", {"value": value})
    assert not (tmp_path / "a.json").exists()
    one_class = metrics.paired_difference(np.ones(4, int), *np.eye(2, 4), np.arange(4), 20)
    write_json(tmp_path / "a.json", one_class)
    assert set(one_class.values()) == {None}


def test_a_detector_made_in_memory_is_held_to_the_same(run):
    good = load_detector(run)
    for change in ({"threshold": float("nan")}, {"temperature": 0.0}):
        with pytest.raises(UserError, match=next(iter(change))):
            replace(good, **change)
    good.model.features[0][2].running_var[0] = -1
    with pytest.raises(UserError, match="running_var has negative"):
        Detector(good.model, good.preparation, 64, 0.5, 1.0)
