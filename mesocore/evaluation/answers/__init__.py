"""Answers that are kept: a table of many that can be gone on with, and pictures of the evidence."""

from mesocore._lazy import exports

__all__ = ["Overlays", "VerdictFile"]

__getattr__, __dir__ = exports(
    __name__,
    overlays=["Overlays"],
    verdict_file=["VerdictFile"],
)
