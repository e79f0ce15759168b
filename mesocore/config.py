"""The settings of a training run, each with its default, checked where they are made."""

from dataclasses import dataclass

from mesocore import schedule
from mesocore.core.errors import UserError
from mesocore.data import augmentation
from mesocore.nets import pruning
from mesocore.nets.models import full_name

PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class TrainConfig:
    """All that decides a run, besides the code and the machine.

    Sizes of batches are those of all processes together: a run on many devices has the settings of
    the same run on one. Raises `UserError` for a value that makes no sense.
    """

    model: str
    data: str  # folder of an assembled set
    epochs: int = 20
    size: int = 256
    batch_size: int = 32
    learning_rate: float = 3e-3  # the peak of the schedule
    schedule: str = "cosine"  # or one-cycle, constant (schedule.py)
    warmup: float = 0.1  # share of the steps over which the rate rises
    accumulate: int = 1  # batches whose gradients are averaged into one step
    weight_decay: float = 0.01
    dropout: float | None = None  # before both dense layers; None: as published, 0.5
    augment: str = "flip"  # names of augmentation.py joined by +, for the training split only
    images: int = 0  # of the training split, whole groups, nested (dataset.subset); 0: all
    balanced_sampling: bool = False  # draws both classes equally often, with replacement
    label_smoothing: float = 0.0  # 0.1: a fake's target is 0.95 and a real's 0.05
    clip_norm: float = 0.0  # largest norm of a gradient; 0: any
    ema: float = 0.0  # decay a step of the weights' moving average, which is judged; 0: none
    patience: int = 0  # epochs without a better validation ROC AUC that end the run; 0: never
    precision: str = "fp32"  # of training; bf16 is faster where it is built in, fp16 needs a GPU
    channels_last: bool = False  # weights lie as N, H, W, C, as images do: same values, other speed
    seed: int = 0
    init: str | None = None  # a run of the same model, whose weights training starts from
    prune: float = 0.0  # share of weights that is masked from the first step on (prune.py)
    prune_method: str = "global"

    def __post_init__(self):
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
