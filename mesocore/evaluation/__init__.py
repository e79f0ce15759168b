"""What a detector is worth: metrics with intervals, verdicts, robustness, errors, model cards."""

from mesocore._lazy import exports

__all__ = ["compare", "evaluate", "predict", "scored"]

__getattr__, __dir__ = exports(
    __name__,
    ("answers", "cards"),
    embedding=[],
    frequency_bands=[],
    labelled_images=["scored"],
    metrics=[],
    power_law=[],
    prediction=["predict"],
    record_types=[],
    records=["compare", "evaluate"],
    robustness=[],
    saliency=[],
    slices=[],
    tables=[],
    thresholds=[],
)
