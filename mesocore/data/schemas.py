"""What each file of an assembled set holds, for the door that they are read through (core/schemas).

`About` is assembly.json, `Settings` what a set was begun with, `Record` a line of a
journal.
"""

import re
from typing import Annotated, Literal, NotRequired  # pydantic wants these before Python 3.12

from pydantic import Field
from typing_extensions import TypedDict

from mesocore.core.schemas import (
    FLAG,
    NAME,
    NUMBER,
    OPTIONAL_PLACE,
    PLACE,
    TEXT,
    WHOLE,
    Column,
    Count,
    Inside,
    PreparationDict,
    Sha256,
    Share,
    one_of,
)

SPLITS = ("train", "val", "test")
LABELS = ("real", "fake")

_HASH = Column(re.compile("[0-9a-f]{64}").fullmatch, "write a SHA-256 in 64 hexadecimal digits")
MANIFEST = {
    "path": PLACE, "label": one_of(*LABELS), "source": NAME, "group": NAME,
    "split": one_of(*SPLITS), "sha256": TEXT, "phash": TEXT, "width": WHOLE, "height": WHOLE,
    "origin": PLACE, "edit": TEXT,
}  # fmt: skip
REJECTED = {"origin": TEXT, "label": TEXT, "source": TEXT, "reason": TEXT}
ORIGINALS = {
    "origin": PLACE, "format": TEXT, "bytes": WHOLE, "width": WHOLE, "height": WHOLE, "mode": TEXT,
    "progressive": FLAG, "quantisation": NUMBER, "tables": TEXT, "exif": FLAG, "icc": FLAG,
    "original": _HASH, "mask": OPTIONAL_PLACE,
}  # fmt: skip

Label = Literal["real", "fake"]
Name = Annotated[str, Field(min_length=1)]
Numbers = dict[str, Count]


class RecipeText(TypedDict):
    """The recipe of a set, as it was."""

    name: str
    sha256: Sha256
    text: str


class Settings(TypedDict):
    """What decides every byte of a set (`plan.Plan.settings`)."""

    preparation: PreparationDict
    split: tuple[Share, Share, Share]
    seed: int
    sources: Annotated[dict[Name, Name], Field(min_length=1)]
    recipe: NotRequired[RecipeText]
    labels: NotRequired[dict[str, Label]]
    group_by: NotRequired[Literal["video", "image"]]
    keep_splits: NotRequired[bool]


class ByLabel(TypedDict):
    """Images of each label."""

    real: Count
    fake: Count


class BySplit(TypedDict):
    """The same of each split."""

    train: ByLabel
    val: ByLabel
    test: ByLabel


class Counts(TypedDict):
    """Of `assembled_set.counts`."""

    inputs: Count
    accepted: Count
    rejected: Count
    reasons: Numbers
    groups: Count
    splits: BySplit


class Found(TypedDict):
    """Of `overview.found`."""

    labels: dict[Label, Numbers]
    videos: Numbers
    sidecars: Numbers
    masks: Count
    given_splits: Numbers
    notes: list[str]
    kept_splits: bool


class About(Settings):
    """assembly.json. `found` is empty of what a recipe made."""

    counts: Counts
    manifest_sha256: Sha256
    found: NotRequired[Found | Annotated[dict[str, None], Field(max_length=0)]]
    versions: NotRequired[dict[str, str]]


class Rejected(TypedDict):
    """A line of a journal: an input that cannot be used."""

    origin: Inside
    stamp: str
    reason: Name


class Converted(TypedDict):
    """A line of a journal: an input whose image is whole. `image_bytes`: the size of its file.

    `thumbnail`: that of `fingerprints`, 768 bytes in base64.
    """

    origin: Inside
    stamp: str
    image: Annotated[str, Field(pattern=r"^images/(real|fake)/[0-9a-f]{20}\.jpg$")]
    image_bytes: Count
    sha256: Sha256
    phash: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    thumbnail: Annotated[str, Field(pattern="^[A-Za-z0-9+/]{1024}$")]
    original: Sha256
    edit: NotRequired[str]
    format: str
    bytes: Count
    width: Count
    height: Count
    mode: str
    progressive: bool
    quantisation: Annotated[float, Field(allow_inf_nan=False)]
    tables: str
    exif: bool
    icc: bool


Record = Annotated[Converted | Rejected, Field(union_mode="left_to_right")]
