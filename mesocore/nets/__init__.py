"""The networks: Meso-4, MesoInception-4 and MesoNetPlus, their weights on disk, pruning, cost."""

from mesocore._lazy import exports

__all__ = ["Detector", "build", "load_detector", "logits", "parameter_count"]

__getattr__, __dir__ = exports(
    __name__,
    ("inference",),
    detector=["Detector", "load_detector", "logits"],
    cooccurrences=[],
    inputs=[],
    keras_weights=[],
    layers=[],
    mesonet=[],
    mesonet_plus=[],
    models=["build", "parameter_count"],
    profile=[],
    pruning=[],
    residual_runs=[],
    schemas=[],
)
