"""What 8 bits cost a detector: the same network as an exported file in fp32 and in int8.

RUN learnt from DATA, whose validation images scale the activations. Measured on DATA's test split
and on the set of `--outside`, each read once: metrics and verdicts of either file, and the paired
difference of ROC AUC; the bytes of the file, and the images that one thread of OpenVINO judges in a
second of its own time, in batches of 64. Writes results/real/RUN-int8.json in four minutes of a
core.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from experiments import records
from experiments.by_family import Scores
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.data import AssembledSet, FaceSet, load, resolve
from mesocore.evaluation.labelled_images import about_data, check_framing
from mesocore.nets import load_detector
from mesocore.nets.inference import ExportedDetector, export, load_exported, shipped
from mesocore.nets.inference.int8 import export_int8

ROUNDS, BATCH = 3, 64


def images_a_second(detectors: dict[str, ExportedDetector], faces: FaceSet) -> dict[str, float]:
    """Of the process's own time, the best of rounds in which they take turns."""
    images, best = faces.images[:BATCH].numpy(), dict.fromkeys(detectors, np.inf)
    for name, detector in ROUNDS * [*detectors.items()]:
        start = time.process_time()
        detector.examine(images)
        best[name] = min(best[name], time.process_time() - start)
    return {name: len(images) / seconds for name, seconds in best.items()}


def measure(run: str, named: str, outside: str) -> None:
    data, other = resolve(named), resolve(outside)
    network, name = load_detector(shipped.find(run)), Path(run).name
    for each in (data, other):
        check_framing(network, each)
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: Path(folder) / f"{kind}.onnx" for kind in ("fp32", "int8")}
        export(network, files["fp32"])
        export_int8(network, files["int8"], load(data, "val", network.size).images.numpy())
        detectors = {kind: load_exported(file) for kind, file in files.items()}
        sizes = {kind: file.stat().st_size for kind, file in files.items()}
    values = found(detectors, sizes, {"test": (data, "test"), other.name: (other, "all")})
    records.write(records.path(f"real/{name}-int8.json"), values | {
        "weights_sha256": network.description["weights_sha256"],
        "data": about_data(data, "test"), "outside": about_data(other, "all"),
        "environment": runtime.environment() | {"threads": runtime.threads()},
        "command": records.command("int8", name, records.shown(data),
                                   "--outside", records.shown(other)),
    })  # fmt: skip


def found(
    detectors: dict[str, ExportedDetector],
    sizes: dict[str, int],
    columns: dict[str, tuple[AssembledSet, str]],
) -> dict:
    """The rows of the record."""
    parts = {name: load(data, split, detectors["fp32"].size)
             for name, (data, split) in columns.items()}  # fmt: skip
    speed, scores, rows = images_a_second(detectors, parts["test"]), Scores(), {}
    for kind, detector in detectors.items():
        against = None if kind == "fp32" else "fp32"
        rows[kind] = {"bytes": sizes[kind], "images_a_second": speed[kind], "columns": {
            name: scores.of(kind, [detector], name, part, against)
            for name, part in parts.items()}}  # fmt: skip
        print(kind, {name: f"{column['roc_auc']['value']:.4f}"
                     for name, column in rows[kind]["columns"].items()})  # fmt: skip
    return {"rows": rows}


INT8 = Command("int8", __doc__, "RUN DATA --outside SET", measure, least=2, most=2, outside=1)
