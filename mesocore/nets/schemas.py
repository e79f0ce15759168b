"""What model.json holds, for the door that it is read through (core/schemas)."""

from typing import Annotated, NotRequired  # pydantic wants these before Python 3.12

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from mesocore.core.schemas import Count, PreparationDict, Sha256, Share


def _seed(value: object) -> object:
    if not (isinstance(value, str) or type(value) is int and value >= 0):
        raise ValueError("write a whole number from 0")
    return value


class Config(TypedDict):
    """Settings of the training, as far as others than training read them. The seed of an ensemble
    lists those of its members."""

    model: Annotated[str, Field(min_length=1)]
    size: Annotated[int, Field(ge=16, le=4096)]
    seed: Annotated[object, AfterValidator(_seed)]
    data: str
    manifest_sha256: Sha256
    prune: NotRequired[Share]
    prune_method: NotRequired[str]


class Best(TypedDict):
    """The epoch that is kept; an ensemble has none."""

    epoch: NotRequired[Count]
    val_roc_auc: Share


class Hardware(TypedDict):
    """Of `runtime.environment`."""

    processor: str
    gpu: str | None


class Description(TypedDict):
    """model.json of a run or an ensemble."""

    config: Config
    best: Best
    threshold: Share
    temperature: Annotated[float, Field(gt=0)]
    threshold_from: str
    preparation: PreparationDict
    environment: Hardware
    weights_sha256: Sha256
