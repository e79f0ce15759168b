"""What model.json holds, for the door that it is read through (core/schemas)."""

import math
from typing import Annotated, Literal, NotRequired  # pydantic wants these before Python 3.12

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from mesocore.core.schemas import Count, PreparationDict, Sha256, Share

ABOVE_ALL = math.nextafter(1.0, 2.0)  # a threshold that no P(fake) reaches
Limit = Annotated[float, Field(ge=0, le=ABOVE_ALL)]


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


class Band(TypedDict):
    """P(fake) between which a verdict is "unsure"; `risk`: the share of wrong verdicts on either
    side of it that was allowed on the validation split."""

    real_below: Limit
    fake_from: Limit
    risk: Share


class Known(TypedDict):
    """The probability of its likeliest kind from which an image is known (`kind_probability`);
    `share`: of the validation images, those that are."""

    kind_from: Share
    share: Share


class Hardware(TypedDict):
    """Of `runtime.environment`."""

    processor: str
    gpu: str | None


class Description(TypedDict):
    """model.json of a run or an ensemble."""

    config: Config
    best: Best
    threshold: Limit
    band: NotRequired[Band]
    known: NotRequired[Known]
    temperature: Annotated[float, Field(gt=0)]
    threshold_from: str
    preparation: PreparationDict
    environment: Hardware
    weights_sha256: Sha256


class Limits(TypedDict):
    real_below: Limit
    fake_from: Limit


class Exported(TypedDict):
    """What an exported ONNX file says of itself; `manifest_sha256` is of the set that its weights
    were trained on, where that is known."""

    model: str
    parameters: Count
    size: Annotated[int, Field(ge=16, le=4096)]
    labels: list[Literal["real", "fake"]]
    threshold: Limit
    band: Limits
    kind_from: NotRequired[Share]
    temperature: Annotated[float, Field(gt=0)]
    preparation: PreparationDict
    weights_sha256: Sha256
    manifest_sha256: Sha256 | None


class Figures(TypedDict):
    """figures.json of a detector of the package: a row for each set that it was tested on."""

    rows: list[dict[str, str]]
