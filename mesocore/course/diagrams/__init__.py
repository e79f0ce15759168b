"""Diagrams that are drawn by code, each a function that takes nothing and returns a figure."""

from mesocore._lazy import exports

__all__ = ["attentions", "mask_and_channel", "meso4", "residuals", "split_and_leak",
           "squeeze_and_excitation", "style_based_generator"]  # fmt: skip

__getattr__, __dir__ = exports(
    __name__,
    blocks=["residuals"],
    canvas=[],
    gates=["attentions", "squeeze_and_excitation"],
    generator=["style_based_generator"],
    groups=["split_and_leak"],
    matrices=["mask_and_channel"],
    people=[],
    networks=["meso4"],
)
