"""A trained network at work: from scores to verdicts, and OpenVINO and ONNX in PyTorch's place."""

from mesocore._lazy import exports

__all__ = ["ExportedDetector", "export", "load_exported", "shipped"]

__getattr__, __dir__ = exports(
    __name__,
    calibration=[],
    engine=[],
    exported=["ExportedDetector", "load_exported"],
    int8=[],
    onnx_export=["export"],
    outputs=[],
    shipped=["shipped"],
)
