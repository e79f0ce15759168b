"""A detector as one ONNX file that says of itself how it is to be used.

Its input is `images`, uint8 `(N, 3, S, S)`, RGB, prepared as the metadata say; its outputs are
`logit` and `probability_fake`, float32 `(N,)`, `probability_kind` of a detector whose verdicts ask
for that, and `evidence`, float32 `(N, h, w)`, of a network that takes the mean over places
(`MesoNetPlus.evidence`). N is free. The metadata have, under "mesocore", a JSON object
(`schemas.Exported`): labels, threshold, band, temperature, preparation, and which weights, trained
on which set.
"""

import io
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from PIL import Image
from torch import Tensor, nn

from mesocore.core.errors import UserError
from mesocore.core.files import write_bytes
from mesocore.nets.cooccurrences import Cooccurrences
from mesocore.nets.detector import Detector
from mesocore.nets.inference.calibration import LABELS, SUREST
from mesocore.nets.inference.exported import (
    COUNTS,
    EVIDENCE,
    INPUT,
    KEY,
    KIND,
    LOGIT,
    PROBABILITY,
    load_exported,
)
from mesocore.nets.inference.outputs import Outputs
from mesocore.nets.mesonet_plus import MesoNetPlus
from mesocore.nets.models import parameter_count

OPSET = 18
FOLD = tuple(Cooccurrences().fold.shape)
CLOSE = 1e-4  # logits of PyTorch and of the file


class _Judged(nn.Module):
    def __init__(self, detector: Detector):
        super().__init__()
        self.outputs, self.temperature = Outputs(detector.model), detector.temperature
        self.kind_from = detector.kind_from
        self.pooled = isinstance(detector.model, MesoNetPlus) and detector.model.pooled
        self.names = [LOGIT, PROBABILITY, *([KIND] if self.kind_from is not None else []),
                      *([EVIDENCE] if self.pooled else [])]  # fmt: skip

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        if not self.pooled:
            return self._judged(*self.outputs(images))
        answers, evidence = self.outputs.model.evidence(images)
        return *self._judged(*self.outputs.read(answers)), evidence

    def _judged(self, logit: Tensor, *kind: Tensor) -> tuple[Tensor, ...]:
        probability = torch.sigmoid(logit / self.temperature)
        if self.kind_from is None:
            return logit, probability
        unsure = 0.5 + (2 * SUREST - 1) * (probability - 0.5)
        return logit, torch.where(kind[0] < self.kind_from, unsure, probability), *kind


def export(detector: Detector, file: Path) -> float:
    """Writes the file, once read back; returns by how much an output differs from PyTorch's.

    Raises `UserError`, and writes nothing, if that is more than `CLOSE`.
    """
    data, images = to_onnx(detector), blotted(detector.size)
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder) / "tried.onnx"
        tried.write_bytes(data)
        expected = detector.examine(images)
        found = [load_exported(tried, alone).examine(images) for alone in (False, True)]
    pairs = [pair for each in found for pair in zip(expected, each, strict=True)]
    apart = max(float(np.abs(a - b).max()) for a, b in pairs if b is not None)
    if not apart <= CLOSE:
        raise UserError(f"{file} was not written: its outputs would be {apart:.2g} from PyTorch's")
    write_bytes(Path(file), data)
    return apart


def to_onnx(detector: Detector) -> bytes:
    """The content of the file."""
    example, buffer = torch.from_numpy(blotted(detector.size)), io.BytesIO()
    judged = _Judged(detector).eval()
    free = {name: {0: "N"} for name in (INPUT, *judged.names)}
    with warnings.catch_warnings():  # of tracing, which is deprecated, and of our size check
        warnings.simplefilter("ignore")
        torch.onnx.export(
            judged, (example,), buffer, dynamo=False, input_names=[INPUT],
            output_names=judged.names, dynamic_axes=free, opset_version=OPSET,
        )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    _name_counts(model.graph)
    onnx.helper.set_model_props(model, {KEY: json.dumps(about(detector), sort_keys=True)})
    return model.SerializeToString(deterministic=True)


def _name_counts(graph: onnx.GraphProto) -> None:
    """Names what `Cooccurrences` counts, which is folded next, so that others can give it."""
    folds = {node.output[0] for node in graph.node
             for value in node.attribute if tuple(value.t.dims) == FOLD}  # fmt: skip
    counts = [node.input[0] for node in graph.node
              if node.op_type == "MatMul" and node.input[1] in folds]  # fmt: skip
    names = {old: f"{COUNTS}_{number}" for number, old in enumerate(dict.fromkeys(counts))}
    for node in graph.node:
        for ends in (node.input, node.output):
            for place, name in enumerate(ends):
                ends[place] = names.get(name, name)


def about(detector: Detector) -> dict:
    """What the file says of itself: `schemas.Exported`."""
    low, high = detector.band
    config = detector.description["config"]
    return {
        "model": config["model"],
        "parameters": parameter_count(detector.model),
        "size": detector.size,
        "labels": list(LABELS),
        "threshold": detector.threshold,
        "band": {"real_below": low, "fake_from": high},
        **({} if detector.kind_from is None else {"kind_from": detector.kind_from}),
        "temperature": detector.temperature,
        "preparation": detector.preparation.to_dict(),
        "weights_sha256": detector.description["weights_sha256"],
        "manifest_sha256": config.get("manifest_sha256"),
    }


def blotted(size: int, count: int = 4) -> np.ndarray:
    """Smooth blots under grain, of which each image has more: uint8 `(N, 3, size, size)`."""
    drawn = np.random.default_rng(0)
    images = []
    for number in range(count):
        blots = Image.fromarray(drawn.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        smooth = np.asarray(blots.resize((size, size), Image.Resampling.BICUBIC), np.float64)
        grain = drawn.normal(0, 2 * number, smooth.shape)
        images.append((smooth + grain).round().clip(0, 255).astype(np.uint8).transpose(2, 0, 1))
    return np.stack(images)
