"""The final project: cases with planted flaws, which readers expose and report on a card.

`make_case` writes a case, `check` marks a card; `photographs` is the second track.
"""

from mesocore._lazy import exports

__all__ = ["CANNOT_BE_SAID", "CATALOGUE", "Case", "check", "make_case"]

__getattr__, __dir__ = exports(
    __name__,
    cases=["Case", "make_case"],
    catalogue=["CANNOT_BE_SAID", "CATALOGUE"],
    marking=["check"],
    measuring=[],
    photographs=[],
    pictures=[],
    planted_detector=[],
    planted_set=[],
)
