"""A detector that was exported to one ONNX file, as OpenVINO runs it: PyTorch is not imported."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mesocore.core import runtime
from mesocore.core.errors import UserError, one_line
from mesocore.core.images import Preparation
from mesocore.core.schemas import parse_json
from mesocore.nets import residual_runs
from mesocore.nets.inference.calibration import Calibrated, Examined, fitting, together
from mesocore.nets.schemas import Exported

SUFFIX = ".onnx"
KEY = "mesocore"  # of the file's metadata: a JSON object, as `schemas.Exported`
INPUT, LOGIT, PROBABILITY, KIND = "images", "logit", "probability_fake", "probability_kind"
EVIDENCE = "evidence"  # by place, of networks that take the mean over places
COUNTS = "run_counts"  # what the names of the counts within a network begin with
OTHERS = "make one with mesocore export RUN --onnx FILE"


@dataclass
class ExportedDetector(Calibrated):
    """As `Detector`, of an exported file. `description` is what its metadata say.

    Raises `UserError` if its limits could not give a verdict.
    """

    network: object  # openvino.CompiledModel
    preparation: Preparation
    size: int
    threshold: float
    temperature: float
    description: dict = field(default_factory=dict)
    band: tuple[float, float] | None = None
    kind_from: float | None = None

    def __post_init__(self) -> None:
        self.check_limits()

    def examine(self, images, batch: int = 64, expected: int = 0) -> Examined:
        """As `Calibrated.examine`."""
        images = np.ascontiguousarray(images)
        step = fitting(batch, images.shape[-1])
        if not len(images):
            return Examined(np.zeros(0), None if self.kind_from is None else np.zeros(0))
        parts = [self._examined(images[start : start + step])
                 for start in range(0, len(images), step)]  # fmt: skip
        return Examined(*(np.concatenate(each).astype(np.float64) for each in together(parts)))

    def _examined(self, images: np.ndarray) -> Examined:
        found = self._run(images)
        kind = found[KIND].copy() if self.kind_from is not None else None
        return Examined(found[LOGIT].copy(), kind)

    def check_evidence(self) -> None:
        """Raises `UserError` of a network that gives no evidence by place."""
        if EVIDENCE not in [each.any_name for each in self.network.outputs]:
            raise UserError(f"the exported {self.description['model']} gives no evidence by place; "
                            "name the run that was exported")  # fmt: skip

    def evidence(self, images: np.ndarray) -> np.ndarray:
        """Evidence for "fake" by place (`MesoNetPlus.evidence`) of uint8 `(N, 3, S, S)`: float32
        `(N, h, w)` from 0, of a network that gives it."""
        return self._run(np.ascontiguousarray(images))[EVIDENCE].copy()

    def _run(self, images: np.ndarray):
        given = {INPUT: images}
        if len(self.network.inputs) > 1:
            given[COUNTS] = residual_runs.counted(images, runtime.threads())
        return self.network(given)


def load_exported(path: str | Path, alone: bool = False) -> ExportedDetector:
    """The detector in an exported `.onnx` file.

    Runs of residuals are counted outside of it, which is sooner, unless the file is asked for
    `alone`, as other runtimes take it.

    Raises `UserError` if there is none, if it is damaged or not one of ours, and without OpenVINO.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; {OTHERS}")
    if importlib.util.find_spec("openvino") is None:
        raise UserError(f"{path} is read by OpenVINO, which is not installed: pip install openvino,"
                        " or give the run that was exported")  # fmt: skip
    import openvino  # late: it takes as long as all else together

    try:
        network = openvino.Core().read_model(path)
    except RuntimeError as error:
        raise UserError(f"{path} is no readable ONNX file ({one_line(error, 100)}); {OTHERS}"
                        ) from None  # fmt: skip
    about = _metadata(path, network)
    names = [each.any_name for each in (*network.inputs, *network.outputs)]
    expected = [INPUT, LOGIT, PROBABILITY, *([KIND] if "kind_from" in about else [])]
    if names not in (expected, [*expected, EVIDENCE]):
        raise UserError(f"{path} has {', '.join(names)} in place of {', '.join(expected)}; "
                        f"{OTHERS}")  # fmt: skip
    if not alone:
        _ask_for_counts(network)
    band = about["band"]
    return ExportedDetector(
        openvino.Core().compile_model(network, "CPU", settings()),
        Preparation.from_dict(about["preparation"]),
        about["size"],
        about["threshold"],
        about["temperature"],
        about,
        (band["real_below"], band["fake_from"]),
        about.get("kind_from"),
    )


def _ask_for_counts(network) -> None:
    """Makes an input of what a network counts for itself, if it counts."""
    import openvino

    places = [output for node in network.get_ops() for output in node.outputs()
              if any(name.startswith(COUNTS) for name in output.get_names())]  # fmt: skip
    if not places:
        return
    given = openvino.opset13.parameter(places[0].get_partial_shape(), np.float32, name=COUNTS)
    given.output(0).set_names({COUNTS})
    for place in places:
        for target in place.get_target_inputs():
            target.replace_source_output(given.output(0))
    network.add_parameters([given])
    network.validate_nodes_and_infer_types()


def settings() -> dict[str, object]:
    """How OpenVINO is to compute: in fp32, on as many threads as everything else."""
    return {"INFERENCE_NUM_THREADS": runtime.threads(), "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY"}  # fmt: skip


def _metadata(path: Path, network) -> dict:
    place = ["framework", KEY]
    if not network.has_rt_info(place):
        raise UserError(f"{path} does not say how its images are prepared, nor its threshold: it is"
                        f" no export of mesocore; {OTHERS}")  # fmt: skip
    try:
        return parse_json(network.get_rt_info(place).astype(str), Exported)
    except ValueError as error:
        raise UserError(f"{path}, metadata: {one_line(error)}; {OTHERS}") from None
