"""The settings of a training run, declared once: name, default, what it means, what it may be.

The options of `mesocore train` are made from these fields (cli/runs.py). Nothing here loads torch
until a setting is checked, so that `--help` answers at once.
"""

from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING

from mesocore.core.errors import UserError
from mesocore.core.ranges import COUNT, SEED, SHARE, Range

if TYPE_CHECKING:
    from mesocore.nets.pruning import PruningHook

PRECISIONS = ("fp32", "bf16", "fp16")


OR_NONE = Range(int, 0, COUNT.most)  # counts of which 0 means none


def _setting(default: object, about: str, within: Range | None = None):
    """A field of `TrainConfig`: `about` for its option's help, `within` for what is a number."""
    return field(default=default, metadata={"help": about, "range": within})


@dataclass(frozen=True)
class TrainConfig:
    """All that decides a run, besides the code and the machine.

    Sizes of batches are those of all processes together: a run on many devices has the settings of
    the same run on one. Raises `UserError` for a value that makes no sense.
    """

    model: str
    data: str  # folder of an assembled set
    epochs: int = _setting(20, "passes over the training split", COUNT)
    size: int = _setting(256, "pixels a side", Range(int, 64, 4096))
    batch_size: int = _setting(32, "images of all processes together", Range(int, 2, COUNT.most))
    learning_rate: float = _setting(3e-3, "the peak of the schedule", Range(float, positive=True))
    schedule: str = _setting("cosine", "of the learning rate: cosine, one-cycle or constant")
    warmup: float = _setting(0.1, "share of the steps over which the learning rate rises", SHARE)
    accumulate: int = _setting(1, "batches whose gradients are averaged into one step", COUNT)
    weight_decay: float = _setting(0.01, "of AdamW", Range(float, 0))
    dropout: float | None = _setting(
        None, "before both dense layers (default: as published, 0.5)", SHARE
    )
    augment: str = _setting(
        "flip",
        "of training images: none, or some of flip+zoom+jpeg+blur+resize+noise+colour; half of the "
        "images get each, or the share behind it, as in noise:0.25",
    )
    images: int = _setting(0, "train on so many, in whole groups; 0: all", OR_NONE)
    leave_out: str | None = _setting(
        None, "sources of the set to keep out of training and validation: A+B"
    )
    balanced_sampling: bool = _setting(False, "draw both classes of each source equally often")
    kind_balance: float = _setting(
        0.0,
        "1: rare kinds count as much as frequent ones; 0.5: half-way, by the root",
        Range(float, 0, 1),
    )
    self_blend: float = _setting(
        0.0, "pairs of a photograph and its self-blend to add, as a share of each batch", SHARE
    )
    crop: int = _setting(
        0, "train on a square of so many pixels of each image, anywhere; 0: on all of it", OR_NONE
    )
    consistency: float = _setting(
        0.0,
        "weight of the squared difference of P(fake) between two views, augmented apart; 0: one",
        Range(float, 0),
    )
    teacher: str | None = _setting(
        None, "a run, or an ensemble, of the same size, whose answers count for half the loss"
    )
    label_smoothing: float = _setting(0.0, "0.1: targets 0.05 and 0.95", SHARE)
    clip_norm: float = _setting(0.0, "largest norm of a gradient; 0: any", Range(float, 0))
    ema: float = _setting(
        0.0, "decay a step of the weights' moving average, which is evaluated; 0: none", SHARE
    )
    patience: int = _setting(0, "stop after so many epochs without a better one; 0: never", OR_NONE)
    precision: str = _setting("fp32", "of training: fp32, bf16, or on a GPU fp16")
    channels_last: bool = _setting(False, "lay weights out as images are; may be faster")
    seed: int = _setting(0, "of weights, order and augmentation", SEED)
    init: str | None = _setting(None, "a run of the same model to start from (fine-tuning)")
    prune: float = 0.0  # share of weights that goes before the first step (nets/pruning.py)
    prune_method: str = "global"

    def __post_init__(self):
        from mesocore.data import augmentation  # late, as the module says
        from mesocore.nets import pruning
        from mesocore.nets.models import check_crop, full_name
        from mesocore.training import schedule

        object.__setattr__(self, "model", full_name(self.model))  # the class is frozen
        check_single(self.model)
        for setting in fields(self):
            value, within = getattr(self, setting.name), setting.metadata.get("range")
            if within and not (value is None and setting.default is None):
                within.check(setting.name, value)
        folders = dict.fromkeys(("data", "init", "teacher"), "folder")
        for name, what in (folders | {"leave_out": "source"}).items():
            if getattr(self, name) == "":
                raise UserError(f"{name} is empty; name a {what}")
        augmentation.parse(self.augment)
        schedule.check(self.schedule)
        pruning.check(self.prune, self.prune_method)
        if self.crop:
            check_crop(self.model, self.size, self.crop)
        if self.balanced_sampling and self.kind_balance:
            raise UserError("balanced_sampling and kind_balance would weigh rare kinds twice; "
                            "choose one of them")  # fmt: skip
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise UserError(f"precision {self.precision!r} is unknown; choose one of: {known}")

    @classmethod
    def defaults(cls) -> dict:
        """The settings that have one: what a run that is older than a setting was trained with."""
        return {f.name: f.default for f in fields(cls) if f.default is not MISSING}

    def hook(self) -> "PruningHook":
        """What is done to the model before its first step, and undone before it is kept."""
        from mesocore.nets.pruning import PruningHook

        return PruningHook(self.prune, self.prune_method, self.seed)


def check_single(model: str) -> None:
    """Raises `UserError` for the name of an ensemble, which is not trained as a whole."""
    if "*" in model:
        raise UserError(
            f"{model} is an ensemble; train, tune or prune its members, each with its own "
            "seed, and put them together with mesocore ensemble"
        )
