"""The kinds of committed records, as pydantic models: which keys each has, and of which type."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Loose = dict[str, object]  # what one chapter or benchmark alone writes and reads
Seeds = list[Count | str]  # "0+1+2": of an ensemble of these
Baseline = dict[Literal["header", "colour", "spectrum", "together"], Share]


class Strict(BaseModel):
    """No key more and none less than its fields, and no number in the place of a text."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class Interval(Strict):
    """A value with its 95 % interval; over several seeds also their deviation and each of them."""

    value: float
    low: float
    high: float
    sd: float | None = None
    each: list[float] | None = None
    fakes: Count | None = None

    @model_validator(mode="after")
    def ordered(self):
        assert self.low <= self.high
        assert (self.sd is None) == (self.each is None)
        if self.each:
            mean = sum(self.each) / len(self.each)
            assert abs(self.value - mean) < 1e-9, "the value is not the mean of the seeds"
        return self


class Environment(Strict):
    python: str
    packages: dict[Literal["torch", "torchvision", "numpy", "pillow", "scikit-learn", "pandas",
                           "opencv-python-headless"], str]  # fmt: skip
    platform: str
    processor: str
    cores: Count
    threads: Count
    gpu: str | None


class Data(Strict):
    tier: Literal["synthfaces", "path", "150k"]
    manifest_sha256: Sha256
    path: str | None = None
    split: Literal["test", "val", "train", "all"] | None = None
    rejected: Count | None = None


class Metrics(Strict):
    images: Count | None = None
    fakes: Count | None = None
    groups: Count | None = None
    roc_auc: Interval
    average_precision: Interval
    eer: Interval
    tpr_at_1_fpr: Interval
    accuracy: Interval
    balanced_accuracy: Interval
    brier: Interval
    ece: Interval
    confident_errors: Interval | None = None  # of records from 2026-11-27


class NoInterval(Strict):
    """Of what there is none of."""

    value: None
    low: None
    high: None


class Verdicts(Strict):
    band: list[tuple[Share, float]]
    coverage: Interval
    error: Interval | NoInterval
    confident: Interval | None = None  # of records from 2026-11-28
    known: Interval | None = None


class Sections(Strict):
    all: Metrics
    by_source: dict[str, Metrics] | None = None
    by_kind: dict[str, Metrics] | None = None


class Threshold(Strict):
    value: Share | list[Share]
    origin: str = Field(alias="from")


def _complete(config: Loose) -> Loose:
    assert config["model"] and config["epochs"] and config["size"] % 16 == 0
    return config


Config = Annotated[Loose, AfterValidator(_complete)]  # of training; it grew with the settings


class Record(Strict):
    """What every record says: how it was made, and where."""

    command: Annotated[str, Field(min_length=3)]
    environment: Environment


class Outside(Strict):
    """Every image of a set that is not the record's own."""

    data: Data
    trivial_baseline: Baseline | None


class OutsideEvaluation(Outside):
    metrics: Sections
    verdicts: Verdicts | None = None


class OutsideRow(Strict):
    metrics: Sections
    against: Interval


class Evaluation(Record):
    model: Config
    data: Data
    seeds: Seeds
    threshold: Threshold
    temperature: Positive | list[Positive]
    metrics: Sections
    verdicts: Verdicts | None = None
    trivial_baseline: Baseline
    trivial_by_source: dict[str, Baseline] | None = None  # where there are several
    outside: OutsideEvaluation | None = None
    robustness: Loose | None = None
    seen_in_training: Literal[0] | None = None

    @model_validator(mode="after")
    def one_of_each_seed(self):
        several = isinstance(self.threshold.value, list)
        assert several == isinstance(self.temperature, list)
        each = self.metrics.all.roc_auc.each
        assert len(each or [0]) == len(self.threshold.value if several else [0])
        return self


class Chapter2(Evaluation):
    auc_by_edit: dict[str, Interval]
    cousins_on_validation: dict[str, dict[str, str]]


class Chapter4(Evaluation):
    clean: dict[Literal["flip", "flip+jpeg"], Metrics]
    flip_jpeg_50: Metrics
    jpeg_50: Metrics
    jpeg_minus_flip: dict[Literal["clean", "jpeg_50"], Interval]
    range_test: dict[Literal["learning_rate", "loss", "smoothed"], list[float]]


class Chapter6(Record):
    model: Config
    data: Data
    seeds: Seeds
    threshold: Threshold
    temperature: Positive | list[Positive]
    slices: Loose
    operating_points: list[dict[str, float]]
    scales: list[Loose]
    gradcam: Loose
    neighbours: dict[str, float]


class Broken(Strict):
    verdict: Literal["real", "fake", "unsure"]
    probability_fake: Share


class Chapter7(Record):
    weights_sha256: Sha256
    answers: dict[str, Literal["real", "fake", "unsure", "none"]]
    called_fake: dict[Literal["validation", "outside"], dict[Literal["fake", "real"], Share]]
    limits: list[dict[str, float]]
    purposes: list[Loose]
    verdicts: dict[str, dict[Literal["right", "wrong", "unsure"], Annotated[int, Field(ge=0)]]]
    broken: dict[str, Broken]
    kinds: dict[str, dict[str, Share]]


class Chapter8(Record):
    case: dict[Literal["seed", "pairs", "copied", "test", "right", "right_without"], Count]
    mark: dict[Literal["points", "total", "missed"], Count]
    alarms: dict[Literal["real", "fake", "unsure", "nothing"], Count]


class Row(Strict):
    """One row of a comparison: a recipe trained with each seed."""

    model: Config
    seeds: Seeds
    parameters: Count
    multiply_adds: Count
    metrics: Sections
    against: Interval
    outside: OutsideRow | None = None
    val_roc_auc: list[Share] | None = None
    trained_on: list[str] | None = None
    val_by_epoch: list[list[Share]] | None = None
    latency_ms: dict[str, Positive] | float | None = None
    training_images_per_second: Positive | None = None
    sparsity: list[Share] | None = None
    layers: dict[str, Share] | None = None
    bytes: dict[str, Count] | None = None
    nonzero_multiply_adds: Count | None = None
    jpeg_50: Interval | None = None


class Comparison(Record):
    baseline: str
    rows: dict[str, Row]
    data: Data
    trivial_baseline: Baseline
    outside: Outside | None = None
    fine_tuning_epochs: Count | None = None
    achieved_sparsity: Share | None = None

    @model_validator(mode="after")
    def rows_are_against_one_of_them(self):
        assert self.baseline in self.rows, "the baseline is no row"
        return self


class Generalisation(Record):
    model: Loose
    seeds: Seeds
    rows: dict[str, dict[str, Loose]]
    columns: dict[str, Data]
    trivial_baseline: dict[str, Baseline]


class Augmentation(Record):
    model: Config
    data: Data
    seeds: Seeds
    rows: dict[str, dict[Literal["val", "test"], dict[str, Interval]]]


class LearningCurve(Record):
    model: Loose
    data: Data
    seeds: Seeds
    rows: dict[str, Interval]
    law: Loose
    prediction: Loose


class Errors(Record):
    model: Config
    sets: dict[str, Loose]
    threshold: Threshold
    temperature: Positive | list[Positive]
    weights_sha256: Sha256 | list[Sha256]


class Gap(Record):
    """By model: figures by folder, by near numbers, and of the shift between folders."""

    folders: dict[str, Data]
    models: dict[str, Loose]
    by_folder: dict[str, dict[str, Loose]]
    mates: dict[Literal["thumbnail_distance", "by_nearest_training_number"], Loose]
    shift: dict[Literal["roc_auc_between_folders", "sharpness", "effective_images",
                        "weighted_to_the_spectrum_of_the_other"], Loose]  # fmt: skip


class FramedModel(Strict):
    all: Share
    alike: Interval
    against: Interval | None = None
    reals_by_size: list[Loose]


class FramedSet(Strict):
    data: Data
    without_a_face: Count
    side_over_face: dict[Literal["real", "fake"], list[Positive]]
    size_alone: Share
    framing: Share
    size_alone_alike: Share
    pairs: Count
    models: dict[str, FramedModel]


class Framing(Record):
    """By set: what the place of the face gives away, and each model with and without that."""

    models: dict[str, Loose]
    alike: Positive
    sets: dict[str, FramedSet]


class Sweep(Strict):
    unit: str
    levels: list[Loose]


class Level(Strict):
    """`robustness.level_metrics`, and ROC AUC over pairs whose faces are alike in size."""

    roc_auc: Interval
    balanced_accuracy: Interval
    called_fake: dict[Literal["real", "fake"], Share]
    alike: Interval


class Band(Strict):
    """One band of waves, from and below so many pixels, taken out and alone."""

    band: Annotated[list[Count], Field(min_length=2, max_length=2)]
    contrast: Share
    without: Level
    alone: Level


class Bands(Record):
    """What scales a model needs, and what size alone says of the label (`alike`: of like size)."""

    model: Config
    data: Data
    seeds: Seeds
    weights_sha256: list[Sha256]
    images: Count
    without_a_face: Count
    pairs: Count
    alike: Positive
    size_alone: dict[Literal["all", "alike"], Share]
    untouched: Level
    bands: list[Band]


class Robustness(Record):
    model: Config
    data: Data
    seeds: Seeds
    weights_sha256: list[Sha256]
    sweeps: dict[str, Sweep]


class Column(Metrics):
    verdicts: Verdicts
    against: Interval | None = None


class Left(Strict):
    model: Config
    val_roc_auc: list[Share]
    seeds: list[Count]
    columns: dict[str, Column]
    trivial_baseline: Baseline
    by_band_alone: Column


class LeftOut(Record):
    rows: dict[str, Left]
    families: dict[str, list[str]]
    data: Data


class Composites(Strict):
    images: Count
    empty: Count
    inside: Interval
    uniform: Interval
    shuffled: Interval
    gain: Interval


class Evidence(Record):
    composites: Composites
    without_a_face: Count
    weights_sha256: Sha256
    data: Data


class Found(Strict):
    """What a face finder found of the faces that were pasted, by their size or what was done."""

    found: dict[str, Share]
    false_alarms: Count
    pictures: Positive
    milliseconds: Positive


class FaceFinder(Record):
    rows: dict[str, Found]
    pictures: Positive


class Exported(Strict):
    bytes: Count
    images_a_second: Positive
    columns: dict[str, Loose]


class Int8(Record):
    rows: dict[Literal["fp32", "int8"], Exported]
    weights_sha256: Sha256
    data: Data
    outside: Data


class ImageScores(Strict):
    """Columns of one value an image."""

    fake: list[Literal[0, 1]]
    source: list[str]
    group: list[Count]
    probability: list[Share]
    probability_kind: list[Share]

    @model_validator(mode="after")
    def as_long_as_each_other(self):
        assert len({len(column) for column in dict(self).values()}) == 1
        return self


class Scores(Record):
    limits: dict[Literal["real_below", "fake_from", "kind_from"], float | None]
    weights_sha256: Sha256
    data: Data
    outside: Data
    val: ImageScores
    outside_scores: ImageScores = Field(alias="openforensics-validation-faces")


class Dropout(Record):
    model: Config
    data: Data
    val_roc_auc: dict[str, dict[str, list[Share]]]


class Schedules(Record):
    model: Config
    data: Data
    rows: dict[str, Loose]


class Score(Strict):
    """A trivial classifier of an audit: what it scores on one family of features."""

    family: str
    scope: str
    images: Count
    auc: Share
    low: Share
    high: Share
    strongest: Loose


class Audit(Record):
    folder: str
    before: list[Score]
    after: list[Score]
    shortcuts: list[Loose]
    leaks: Loose
    limits: Loose
    notes: list[str]
    exit_code: Literal[0, 4, 8, 12]
    passed: bool


class Parity(Record):
    weights: dict[str, Loose]
    cousins: dict[str, dict[str, Loose]]


class AssemblyScale(Record):
    runs: list[Loose]
    peak_ratio: Positive


class Build(Record):
    builds: list[dict[Literal["images", "seconds", "seconds_per_1000", "peak_mib"], float | int]]


class Generator(Record):
    frechet_distance_meso4_features: dict[str, float]
    images_per_heap: Count
    weights_sha256: Sha256
    generator: Loose


class RetouchTraces(Record):
    photographs: object
    composites: object
    edits_of_ours: object
    size: Count
    trivial_auc: object


class Chapter1(Record):
    chapter: Literal["01"]
    tier: str
    seed: Count
    fast: bool
    images: Count
    manifest_sha256: Sha256
    audit: Loose
    careless_share: float
    coin_labels: Loose
    leakage: object
    nearest_neighbour: object
    spectrum_by_edit: Loose
    spoiled_folder: object
    history_db: dict[str, list[float]]
    generator_lacks_percent: dict[Literal["value", "low", "high"], list[float]]


class Preparation(Strict):
    margin: Positive | None = None  # of the face that is cut out
    size: Count
    fit: Literal["crop", "native", "pad", "stretch"]
    resample: str
    quality: Annotated[int, Field(ge=1, le=100)]


class Detector(Strict):
    """model.json beside the weights of a run."""

    config: Config
    best: dict[str, float | int]
    threshold: Share
    band: dict[Literal["real_below", "fake_from", "risk"], float] | None = None
    known: dict[Literal["kind_from", "share"], Share] | None = None
    temperature: Positive
    threshold_from: str
    preparation: Preparation
    environment: Environment
    weights_sha256: Sha256
    members_sha256: list[Sha256] | None = None  # of an ensemble


# By the path below results/, the first that matches.
KINDS = (
    ("**/model.json", Detector),
    ("assembly-scale.json", AssemblyScale),
    ("published/parity.json", Parity),
    ("real/generalisation.json", Generalisation),
    ("real/*-ablation.json", Comparison),
    ("real/*-receptive-field.json", Comparison),
    ("real/*-pruning-*.json", Comparison),
    ("real/*-combination.json", Comparison),
    ("real/*-resolution.json", Comparison),
    ("real/*-transfer.json", Comparison),
    ("real/*-audit.json", Audit),
    ("real/*-augmentation.json", Augmentation),
    ("real/*-bands.json", Bands),
    ("real/*-ensemble.json", Evaluation),
    ("real/*-framing.json", Framing),
    ("real/*-gap.json", Gap),
    ("real/*-learning-curve.json", LearningCurve),
    ("real/*-left-out.json", LeftOut),
    ("real/*-errors.json", Errors),
    ("real/*-evidence.json", Evidence),
    ("real/face-finder.json", FaceFinder),
    ("real/*-int8.json", Int8),
    ("real/*-scores.json", Scores),
    ("real/openforensics-meso4.json", Evaluation),
    ("real/recommended.json", Evaluation),
    ("*/*robustness.json", Robustness),
    ("real/retouch-traces.json", RetouchTraces),
    ("synthfaces/01.json", Chapter1),
    ("synthfaces/02.json", Chapter2),
    ("synthfaces/03.json", Evaluation),
    ("synthfaces/04.json", Chapter4),
    ("synthfaces/05.json", Comparison),
    ("synthfaces/06.json", Chapter6),
    ("synthfaces/07.json", Chapter7),
    ("synthfaces/08.json", Chapter8),
    ("synthfaces/ablation.json", Comparison),
    ("synthfaces/build.json", Build),
    ("synthfaces/dropout.json", Dropout),
    ("synthfaces/generator.json", Generator),
    ("synthfaces/meso4-seeds.json", Evaluation),
    ("synthfaces/schedules.json", Schedules),
)
