"""The settings of a training run, declared once: name, default, what it means, what it may be.

The options of `mesocore train` are made from these fields (cli.py). Nothing here loads torch until
a setting is checked, so that `--help` answers at once.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesocore.core.errors import UserError

if TYPE_CHECKING:
    from mesocore.nets.pruning import PruningHook

PRECISIONS = ("fp32", "bf16", "fp16")


def _setting(default: object, about: str, least: int | None = None):
    """A field of `TrainConfig`: `about` for its option's help, `least` the smallest value."""
    return field(default=default, metadata={"help": about, "min": least})


@dataclass(frozen=True)
class TrainConfig:
    """All that decides a run, besides the code and the machine.

    Sizes of batches are those of all processes together: a run on many devices has the settings of
    the same run on one. Raises `UserError` for a value that makes no sense.
    """

    model: str
    data: str  # folder of an assembled set
    epochs: int = _setting(20, "passes over the training split", 1)
    size: int = _setting(256, "pixels a side")
    batch_size: int = _setting(32, "images of all processes together", 2)
    learning_rate: float = _setting(3e-3, "the peak of the schedule")
    schedule: str = _setting("cosine", "of the learning rate: cosine, one-cycle or constant")
    warmup: float = _setting(0.1, "share of the steps over which the learning rate rises")
    accumulate: int = _setting(1, "batches whose gradients are averaged into one step", 1)
    weight_decay: float = _setting(0.01, "of AdamW")
    dropout: float | None = _setting(None, "before both dense layers (default: as published, 0.5)")
    augment: str = _setting(
        "flip", "of training images: none, or some of flip+jpeg+blur+resize+noise+colour"
    )
    images: int = _setting(0, "train on so many, in whole groups; 0: all", 0)
    balanced_sampling: bool = _setting(False, "draw both classes equally often")
    label_smoothing: float = _setting(0.0, "0.1: targets 0.05 and 0.95")
    clip_norm: float = _setting(0.0, "largest norm of a gradient; 0: any")
    ema: float = _setting(
        0.0, "decay a step of the weights' moving average, which is evaluated; 0: none"
    )
    patience: int = _setting(0, "stop after so many epochs without a better one; 0: never")
    precision: str = _setting("fp32", "of training: fp32, bf16, or on a GPU fp16")
    channels_last: bool = _setting(False, "lay weights out as images are; may be faster")
    seed: int = _setting(0, "of weights, order and augmentation", 0)
    init: str | None = _setting(None, "a run of the same model to start from (fine-tuning)")
    prune: float = 0.0  # share of weights that goes before the first step (nets/pruning.py)
    prune_method: str = "global"

    def __post_init__(self):
        from mesocore.data import augmentation  # late, as the module says
        from mesocore.nets import pruning
        from mesocore.nets.models import full_name
        from mesocore.training import schedule

        object.__setattr__(self, "model", full_name(self.model))  # the class is frozen
        for name in ("epochs", "batch_size", "accumulate", "learning_rate"):
            if getattr(self, name) <= 0:
                raise UserError(f"{name} is {getattr(self, name)}; it must be greater than 0")
        for name in ("clip_norm", "patience", "images"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}; write 0 to do without")
        for name in ("dropout", "label_smoothing", "ema", "warmup"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; write a share from 0 to below 1")
        if "*" in self.model:
            raise UserError(
                f"{self.model} is an ensemble; train, tune or prune its members, each with its own "
                "seed, and put them together with mesocore ensemble"
            )
        augmentation.parse(self.augment)
        schedule.check(self.schedule)
        pruning.check(self.prune, self.prune_method)
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise UserError(f"precision {self.precision!r} is unknown; choose one of: {known}")

    def hook(self) -> "PruningHook":
        """What is done to the model before its first step, and undone before it is kept."""
        from mesocore.nets.pruning import PruningHook

        return PruningHook(self.prune, self.prune_method, self.seed)
