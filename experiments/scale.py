"""The scale of an experiment: how large its images are, and how long it trains."""

from dataclasses import dataclass
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.data import AssembledSet, tiers


@dataclass(frozen=True)
class Scale:
    """Full, `reduced` (real faces at 128 px), or for so many `epochs` (at 256 px, in bf16).

    Raises `UserError` for fewer epochs than 1 and for both together.
    """

    reduced: bool = False
    epochs: int | None = None

    def __post_init__(self):
        if self.epochs is not None and self.epochs < 1:
            raise UserError(f"--epochs is {self.epochs}; it must be 1 or more")
        if self.reduced and self.epochs:
            raise UserError("--reduced has epochs of its own; leave --epochs out")

    @property
    def options(self) -> list[str]:
        """The words that ask for it on the command line."""
        return ["--reduced"] * self.reduced + ["--epochs", str(self.epochs)] * bool(self.epochs)

    def title(self, data: str | Path | AssembledSet) -> str:
        """What the runs on a set, and their records, go by: SET, SET-128 or SET-24-epochs."""
        suffix = "-128" if self.reduced else f"-{self.epochs}-epochs" if self.epochs else ""
        return Path(data).name + suffix

    def check(self, data: str | Path) -> None:
        """Raises `UserError` if the set has only one scale, which is another."""
        if self != FULL and tiers.tier(data) == tiers.EMBEDDED:
            raise UserError(f"{tiers.EMBEDDED} has one scale; leave {self.options[0]} out")


FULL, REDUCED = Scale(), Scale(reduced=True)
