"""A detector in one ONNX file gives the logits of PyTorch, in OpenVINO and in ONNX Runtime."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.nets import pruning
from mesocore.nets.detector import Detector, load_detector
from mesocore.nets.inference import onnx_export
from mesocore.nets.inference.exported import KEY, load_exported
from mesocore.nets.inference.onnx_export import blotted, export, to_onnx
from mesocore.nets.models import CHOSEN, MODELS, build

NAMES = [*MODELS, CHOSEN, f"2*{CHOSEN}", f"{CHOSEN}+patches", f"{CHOSEN}+pooled+kinds",
         f"{CHOSEN}+pooled+cooccurrences+kinds", "meso4+blur", "meso4+se", "meso4+eca",
         "meso4+inverted+cbam", "meso4+coordinate"]  # fmt: skip


def detector(name: str = "mesonetplus", size: int = 64) -> Detector:
    """Of a model whose running averages are of its inputs, so that no value is tiny or huge."""
    torch.manual_seed(0)
    model = build(name, size).train()
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        model(torch.randint(0, 256, (8, 3, size, size), dtype=torch.uint8, generator=generator))
    about = {"config": {"model": name}, "weights_sha256": "0" * 64}
    return Detector(model.eval(), Preparation(size=size), size, 0.6, 1.5, about, None, (0.2, 0.8))


@pytest.mark.parametrize("name", NAMES)
def test_the_logits_are_pytorchs_whatever_runs_the_file(name, tmp_path):
    ours, file = detector(name), tmp_path / "detector.onnx"
    assert export(ours, file) < 1e-4
    read, alone, images = load_exported(file), load_exported(file, alone=True), blotted(64, 5)
    assert len(read.network.inputs) == 1 + ("cooccurrences" in name)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for count in (1, 5):  # of another number than it was exported with
        expected = ours.logits(images[:count])
        logit, probability, *_ = session.run(None, {"images": images[:count]})
        assert np.abs(read.logits(images[:count]) - expected).max() < 1e-4
        assert np.abs(alone.logits(images[:count]) - expected).max() < 1e-4
        assert np.abs(logit - expected).max() < 1e-4
        assert np.abs(probability - ours.probabilities(images[:count])).max() < 1e-4
    assert np.ptp(expected) > 0
    assert read.logits(images[:0]).shape == (0,)


def test_a_file_of_a_detector_that_knows_kinds_says_how_well_it_knows_one(tmp_path):
    ours = detector(f"{CHOSEN}+pooled+cooccurrences+kinds")
    ours.kind_from = float(np.median(ours.examine(blotted(64, 5)).kind))
    file, images = tmp_path / "detector.onnx", blotted(64, 5)
    assert export(ours, file) < 1e-4
    read, expected = load_exported(file), ours.examine(images).kind
    assert read.kind_from == ours.kind_from
    assert np.abs(read.examine(images).kind - expected).max() < 1e-4
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (kind,) = session.run(["probability_kind"], {"images": images})
    assert np.abs(kind - expected).max() < 1e-4 and kind.min() >= 1 / 8 and kind.max() <= 1
    assert read.examine(images[:0]).kind.shape == (0,)


@pytest.mark.parametrize("run", ["openforensics-24-epochs/meso4+inverted+highpass-0",
                                 "openforensics-24-epochs/ensemble"])  # fmt: skip
def test_a_committed_detector_judges_as_before(run, tmp_path):
    ours, file = load_detector(f"results/runs/{run}"), tmp_path / "detector.onnx"
    assert export(ours, file) < 1e-4
    images = blotted(256, 8)
    assert np.ptp(ours.logits(images)) > 1
    assert np.abs(load_exported(file).logits(images) - ours.logits(images)).max() < 1e-4


@pytest.mark.parametrize("method", ["global", "structured"])
def test_pruned_networks_are_exported_as_they_are(method, tmp_path):
    ours = detector()
    if method == "structured":
        ours.model = pruning.remove_channels(ours.model, 0.5, 64)
    else:
        pruning.apply_masks(ours.model, 0.5)
    assert export(ours, tmp_path / "detector.onnx") < 1e-4


def test_the_file_says_how_it_is_used(tmp_path):
    ours, file = detector(), tmp_path / "detector.onnx"
    export(ours, file)
    read = load_exported(file)
    for name in ("preparation", "size", "threshold", "temperature", "band"):
        assert getattr(read, name) == getattr(ours, name)
    assert [read.verdict(p) for p in (0.1, 0.5, 0.9)] == ["real", "unsure", "fake"]
    (entry,) = onnx.load(file).metadata_props
    assert entry.key == KEY
    said = json.loads(entry.value)
    assert said["labels"] == ["real", "fake"] and said["model"] == "mesonetplus"
    assert said["preparation"] == {"size": 64, "fit": "crop", "resample": "lanczos", "quality": 90}


def test_an_export_has_the_same_bytes_again_and_no_place_of_this_machine():
    ours = detector()
    assert to_onnx(ours) == to_onnx(ours)
    assert b"/" + __file__.split("/")[1].encode() + b"/" not in to_onnx(ours)


def test_a_file_that_would_judge_otherwise_is_not_written(tmp_path, monkeypatch):
    ours, file = detector(), tmp_path / "detector.onnx"
    other = to_onnx(detector("meso4"))
    file.write_bytes(b"an earlier one")
    monkeypatch.setattr(onnx_export, "to_onnx", lambda _: other)
    with pytest.raises(UserError, match=r"was not written: its outputs would be .* from PyTorch's"):
        export(ours, file)
    assert file.read_bytes() == b"an earlier one"


def changed(data: bytes, key: str = KEY, **values) -> bytes:
    model = onnx.load_from_string(data)
    about = json.loads(model.metadata_props[0].value) | values
    onnx.helper.set_model_props(model, {key: json.dumps(about)})
    return model.SerializeToString()


def test_what_is_no_export_is_refused_in_a_line(tmp_path, monkeypatch):
    whole, file = to_onnx(detector()), tmp_path / "some.onnx"
    renamed = onnx.load_from_string(whole)
    renamed.graph.output[1].name = renamed.graph.node[-1].output[0] = "score"
    for data, said in (
        (b"", "no readable ONNX file"),
        (whole[: len(whole) // 2], "no readable ONNX file"),
        (changed(whole, "other"), "is no export of mesocore"),
        (changed(whole, threshold=2.0), "metadata: threshold is 2.0; write a number up to"),
        (changed(whole, band={"real_below": 0.7, "fake_from": 0.8}), "does not hold the threshold"),
        (renamed.SerializeToString(), "has images, logit, score in place of"),
    ):
        file.write_bytes(data)
        with pytest.raises(UserError, match=said) as found:
            load_exported(file)
        assert "\n" not in str(found.value)
    with pytest.raises(UserError, match="no such file"):
        load_exported(tmp_path / "none.onnx")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match="OpenVINO, which is not installed"):
        load_exported(file)


def test_an_exported_file_is_read_and_judges_without_pytorch(tmp_path):
    file = tmp_path / "detector.onnx"
    export(detector(), file)
    script = (f"import sys, numpy\nfrom mesocore.nets.inference import load_exported\n"
              f"read = load_exported({str(file)!r})\n"
              "print(read.probabilities(numpy.zeros((2, 3, 64, 64), numpy.uint8)))\n"
              "assert not {'torch', 'pandas', 'sklearn'} & set(sys.modules)")  # fmt: skip
    subprocess.run([sys.executable, "-c", script], check=True)
