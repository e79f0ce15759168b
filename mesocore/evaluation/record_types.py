"""What a results file holds, as types: the one place that says which keys there are.

A record is plain JSON, so these are `TypedDict`s: they cost nothing at run time, an editor
completes their keys, and the test of all committed records validates against them. Shares are
within 0..1; `low` and `high` are 95 % intervals over test images (core/bootstrap.py).
"""

from typing import NotRequired  # pydantic wants these before Python 3.12

from typing_extensions import TypedDict

Config = dict[str, object]  # of training: the fields of `TrainConfig`, and hashes


class Interval(TypedDict):
    """A value with its interval, None where a class is missing; of several seeds their mean, `sd`
    their standard deviation, and `each` of them."""

    value: float | None
    low: float | None
    high: float | None
    sd: NotRequired[float | None]
    each: NotRequired[list[float]]


class Metrics(TypedDict):
    """All metrics over some images."""

    images: int
    fakes: int
    groups: int
    roc_auc: Interval
    average_precision: Interval
    eer: Interval
    tpr_at_1_fpr: Interval
    accuracy: Interval
    balanced_accuracy: Interval
    brier: Interval
    ece: Interval
    confident_errors: NotRequired[Interval]  # older records lack it


class Sections(TypedDict):
    """Metrics over all images, by source, and by kind of fake where there are several."""

    all: Metrics
    by_source: NotRequired[dict[str, Metrics]]
    by_kind: NotRequired[dict[str, Metrics]]


class Verdicts(TypedDict):
    """Of `thresholds.verdicts`; `band` has P(fake) below which a run says real, and from which it
    says fake. Records from before 2026-11-28 lack the last two."""

    band: list[list[float]]
    coverage: Interval
    error: Interval
    confident: NotRequired[Interval]
    known: NotRequired[Interval]


class Level(TypedDict):
    """A sweep of degradations at one level; `called_fake`: the share of `real` and of `fake`."""

    level: float
    roc_auc: Interval
    balanced_accuracy: Interval
    called_fake: dict[str, float]


class Sweep(TypedDict):
    """The levels of one kind of degradation, the untouched images first."""

    unit: str
    levels: list[Level]


class Data(TypedDict):
    """What was measured on; a raw folder has no manifest and no splits."""

    tier: str
    path: str
    manifest_sha256: str | None
    split: str
    rejected: int


# its second key is a word of Python
Threshold = TypedDict("Threshold", {"value": float | list[float], "from": str})


class Environment(TypedDict):
    """Versions and hardware (`runtime.environment`)."""

    python: str
    packages: dict[str, str]
    platform: str
    processor: str
    cores: int
    threads: int
    gpu: str | None


class Robustness(TypedDict):
    """Of `robustness.sweeps`, on these images."""

    data: Data
    sweeps: dict[str, Sweep]


class Outside(TypedDict):
    """Every image of another set or folder than the record's own; `trivial_baseline` is of features
    fitted on the train split of the record's own set, None where either is no assembled set."""

    data: Data
    trivial_baseline: dict[str, float] | None


class OutsideEvaluation(Outside):
    """The same for one model, with its metrics there."""

    metrics: Sections
    verdicts: NotRequired[Verdicts]


class OutsideRow(TypedDict):
    """One row of a `Comparison` outside."""

    metrics: Sections
    against: Interval


class Evaluation(TypedDict):
    """Of `evaluate`: one model, one run or several seeds, on one set."""

    model: Config
    data: Data
    seeds: list[int | str]
    threshold: Threshold
    temperature: float | list[float]
    metrics: Sections
    verdicts: NotRequired[Verdicts]
    trivial_baseline: dict[str, float] | None
    trivial_by_source: NotRequired[dict[str, dict[str, float]]]
    environment: Environment
    command: str
    seen_in_training: NotRequired[int | None]
    warning: NotRequired[str]
    outside: NotRequired[OutsideEvaluation]
    robustness: NotRequired[Robustness]


class Row(TypedDict):
    """One model of a `Comparison`, each seed a run."""

    model: Config
    seeds: list[int | str]
    val_roc_auc: NotRequired[list[float]]
    trained_on: NotRequired[list[str]]
    parameters: int
    multiply_adds: int
    metrics: Sections
    against: Interval
    outside: NotRequired[OutsideRow]


class Comparison(TypedDict):
    """Of `compare`: several models on one split, against `baseline`, one of the rows."""

    baseline: str
    rows: dict[str, Row]
    data: Data
    trivial_baseline: dict[str, float]
    outside: NotRequired[Outside]
    environment: Environment
    command: str
