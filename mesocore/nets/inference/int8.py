"""An exported file with whole numbers of 8 bits in place of floats: a third of the size.

By ONNX Runtime's static quantisation: every channel of a weight has a scale of its own, every
tensor of activations one, by the least and the greatest value that it takes on some images. What is
counted (`Cooccurrences`) is left alone. What that costs has to be measured on each detector, so no
command makes such a file without saying it.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime import quantization

from mesocore.core.files import write_bytes
from mesocore.nets.detector import Detector
from mesocore.nets.inference.calibration import Calibrated, check_scores
from mesocore.nets.inference.exported import INPUT, load_exported
from mesocore.nets.inference.onnx_export import to_onnx

LEARNT = ("Conv", "Gemm")
ENOUGH = 256  # images whose activations are looked at
BATCH = 16


class _Images(quantization.CalibrationDataReader):
    def __init__(self, images: np.ndarray):
        self._rest: Iterator[np.ndarray] = iter(
            images[start : start + BATCH] for start in range(0, len(images), BATCH))  # fmt: skip

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._rest, None)
        return None if batch is None else {INPUT: batch}


def export_int8(detector: Detector, file: Path, images: np.ndarray) -> tuple[float, float]:
    """Writes the file, whose limits and temperature stay the detector's own.

    Returns by how much P(fake) differs from the detector's on `images`, uint8 `(N, 3, S, S)`, on
    average, and the share of them that get another verdict. Raises `UserError`, and writes nothing,
    if a score is not finite.
    """
    before, verdicts = _judged(detector, images)  # first: what is not finite has no scale
    data = quantised(to_onnx(detector), images)
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder) / "tried.onnx"
        tried.write_bytes(data)
        after, others = _judged(load_exported(tried), images)
    write_bytes(Path(file), data)
    return float(np.abs(before - after).mean()), float(np.not_equal(verdicts, others).mean())


def _judged(detector: Calibrated, images: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """P(fake) and the verdict of each image."""
    found = detector.examine(images)
    check_scores(found.logits)
    kinds = [None] * len(images) if found.kind is None else found.kind
    probability = detector.calibrated(found)
    return probability, [*map(detector.verdict, probability, kinds)]


def quantised(exported: bytes, images: np.ndarray) -> bytes:
    """The content of an exported file -> the same in 8 bits, by images uint8 `(N, 3, S, S)`.

    At most `ENOUGH` of them, spread evenly, are looked at. Names and metadata stay.
    """
    chosen = np.linspace(0, len(images) - 1, min(ENOUGH, len(images))).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(exported)
        quantization.shape_inference.quant_pre_process(before, before, skip_symbolic_shape=True)
        quantization.quantize_static(
            before, after, _Images(np.ascontiguousarray(images[chosen])), per_channel=True,
            op_types_to_quantize=list(LEARNT), activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )  # fmt: skip
        model = onnx.load(after)
    said = onnx.load_from_string(exported).metadata_props
    onnx.helper.set_model_props(model, {each.key: each.value for each in said})
    return model.SerializeToString(deterministic=True)
