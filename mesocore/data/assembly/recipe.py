"""Recipes: which published collections a set is made of, as data/recipes/*.yaml say it.

A recipe names each collection, where its files lie, how many there are and how many are drawn,
under which terms they may be used, how pixels are matched and how groups are split. The classes
below are its schema, checked by pydantic; a mistake is reported with the file and the key.
"""

import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from mesocore.core import schemas
from mesocore.core.errors import UserError
from mesocore.core.files import printable
from mesocore.core.images import Preparation
from mesocore.data.assembled_set import LABELS, SPLITS
from mesocore.data.assembly import bounded_yaml, splits
from mesocore.faces.landmarks import Face

CIPLAB = "ciplab"  # `fakes` of a collection whose file names say what was done (sources/ciplab.py)
EDITS = "edits"  # the source name of edits that assembly makes itself
EXAMPLE = "see mesocore/data/recipes/150k.yaml"
PUBLISHED = Path(__file__).parents[1] / "recipes"  # that come with the package


def _text(value: str) -> str:
    line = value.strip().replace("\n", " ")
    if printable(line) != line:
        raise ValueError("holds a character that cannot be printed: leave it out")
    return value.strip()


def _inside(path: str) -> str:
    if not schemas.is_inside(path):
        raise ValueError("write a path inside the collection")
    return path


def _preparation(values: object) -> Preparation:
    if not isinstance(values, dict) or values.get("quality") is None:
        raise ValueError("quality is missing: write the JPEG quality of all images, as 90")
    if set(values) - set(Preparation.__dataclass_fields__):
        raise ValueError(f"needs some of {', '.join(Preparation.__dataclass_fields__)}")
    try:
        prep = Preparation(**values)
    except TypeError:
        raise ValueError("does not work: write size and quality as whole numbers") from None
    except ValueError as error:
        raise ValueError(f"does not work: {error}") from None
    if prep.size % 16 or prep.size < 64:
        raise ValueError(f"size is {prep.size}: write a multiple of 16 from 64, for example 256")
    return prep


def _face(values: object) -> Face:
    points = values if isinstance(values, dict) else {}
    known = Face.__dataclass_fields__
    for name in {**known, **points}:
        point = points.get(name)
        good = isinstance(point, list) and len(point) == 2
        if name not in known or not (good and all(_is_share(value) for value in point)):
            raise ValueError(f"{name} is {point}: write {', '.join(known)}, each as [x, y] in "
                             "shares of width and height")  # fmt: skip
    face = Face(**{name: tuple(map(float, point)) for name, point in points.items()})
    if face.left_eye == face.right_eye:
        raise ValueError(f"has both eyes at {list(face.left_eye)}: write where each of them is")
    return face


def _handle(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", text):
        raise ValueError("write OWNER/NAME")
    return text


def _checksum(text: str) -> str:
    if text and not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError("write 64 hexadecimal digits or leave the key out")
    return text


def _both_labels(quota: dict[str, int]) -> dict[str, int]:
    return {label: quota.get(label, 0) for label in LABELS}


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _shares(values: object) -> tuple[float, float, float]:
    if not isinstance(values, dict) or set(values) != set(SPLITS):
        raise ValueError(f"needs {', '.join(SPLITS)} and nothing else")
    found = tuple(values[name] for name in SPLITS)
    try:
        if all(_is_share(share) for share in found):
            return splits.check(tuple(map(float, found)))
    except UserError:
        pass
    raise ValueError("does not sum to 1: write for example train 0.7, val 0.1 and test 0.2")


Label = Literal["real", "fake"]
Text = Annotated[str, Field(strict=True), AfterValidator(_text)]
Count = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Inside = Annotated[Text, AfterValidator(_inside)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Place(_Part):
    """A folder of a collection: path within it, label of its files, how many there should be."""

    path: Inside
    label: Label
    files: Count


class Collection(_Part):
    """A published collection.

    kaggle: its handle, OWNER/NAME. gigabytes: of the archive; unpacked it takes about as much
    again. folders: where the images are. quota: how many of each label are drawn. fakes: the
    manifest's `edit` of its fakes, or "ciplab".
    index: CSV tables with the columns path and label_str; paths are relative to index_root. sha256:
    of the archive, where it is known.
    """

    name: Text
    kaggle: Annotated[Text, AfterValidator(_handle)]
    title: Text
    licence: Text
    gigabytes: Annotated[float, Field(strict=True, ge=0)]
    folders: tuple[Place, ...]
    quota: Annotated[dict[Label, Count], AfterValidator(_both_labels)]
    fakes: Text = ""
    index: tuple[Inside, ...] = ()
    index_root: Inside = "."
    sha256: Annotated[Text, AfterValidator(_checksum)] = ""

    @model_validator(mode="after")
    def _each_folder_once(self) -> Self:
        paths = [PurePosixPath(place.path) for place in self.folders]
        twice = next((path for path in paths if paths.count(path) > 1), None)
        if twice:
            raise ValueError(f"names the folder {twice} twice: name each folder once")
        return self

    @model_validator(mode="after")
    def _enough(self) -> Self:
        for label in LABELS:
            there = sum(place.files for place in self.folders if place.label == label)
            if self.quota[label] > there:
                raise ValueError(
                    f"quota.{label} is {self.quota[label]}; the collection has {there}"
                )
        return self


class Edits(_Part):
    """Photoshop-style edits: `quota` reals of the collection `of`, whose faces are at `face`."""

    of: Text
    quota: Count
    face: Annotated[Face, BeforeValidator(_face)]


class Recipe(_Part):
    """A whole recipe; `text` is the file it was read from."""

    name: Text
    about: Text
    preparation: Annotated[Preparation, BeforeValidator(_preparation)]
    split: Annotated[tuple[float, float, float], BeforeValidator(_shares)]
    seed: Count
    collections: dict[str, Collection] = Field(alias="sources")
    edits: Edits | None = None
    text: str = Field(alias="the file", default="")

    @field_validator("collections")
    @classmethod
    def _some(cls, collections: dict) -> dict:
        if not collections:
            raise ValueError(f"names no collection: add one, {EXAMPLE}")
        return collections

    @model_validator(mode="after")
    def _edits_fit(self) -> Self:
        if self.edits is None:
            return self
        of, quota = self.edits.of, self.edits.quota
        if of not in self.collections:
            raise ValueError(
                f"edits.of is {of!r}; name a collection: {', '.join(self.collections)}"
            )
        reals = self.collections[of].quota["real"]
        if 2 * quota > reals:
            raise ValueError(f"edits.quota is {quota}; an edit takes an original and a donor of "
                             f"its own, and {of} gives {reals} reals")  # fmt: skip
        return self

    @property
    def sources(self) -> tuple[Collection, ...]:
        """The collections, in the order of the file."""
        return tuple(self.collections.values())

    @property
    def sha256(self) -> str:
        """Of the text: what a set was made by."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def find(name: str) -> Path:
    """The file of that name, or else the recipe of the package: `150k.yaml`."""
    ours = PUBLISHED / Path(name).name
    known = Path(name).name == name and ours.is_file() and not Path(name).exists()
    return ours if known else Path(name)


def read(path: Path) -> Recipe:
    """A recipe from a file. Raises `UserError` naming the file and the key of a mistake."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise UserError(f"recipe {path} is no file; name a recipe, {EXAMPLE}")
    try:
        if path.stat().st_size > bounded_yaml.MAX_BYTES:
            raise UserError(f"recipe {path} is larger than 100 kB; {EXAMPLE}")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(f"recipe {path} cannot be read: {reason.lower()}") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Recipe:
    """A recipe from its text; `file` is what errors call it. Raises `UserError`."""
    tree = bounded_yaml.load(text, file)
    if not isinstance(tree, dict):
        raise UserError(f"{file}: the recipe is not a mapping of keys to values; {EXAMPLE}")
    if "the file" in tree:
        raise UserError(f"{file}: 'the file' is no key of a recipe; remove it, {EXAMPLE}")
    if isinstance(tree.get("sources"), dict):
        tree["sources"] = {str(name): _named(name, values, file)
                           for name, values in tree["sources"].items()}  # fmt: skip
    try:
        return Recipe.model_validate({**tree, "the file": text})
    except ValidationError as error:
        raise UserError(f"{file}: {_sentence(error.errors()[0])}") from None


def _named(name: object, values: object, file: str) -> object:
    """What stands below a collection's name, with the name in it."""
    key = f"{file}: sources.{name}"
    if not re.fullmatch(r"[\w.-]+", str(name)) or name == EDITS:
        raise UserError(f"{key} is no name for a collection; use letters and digits, and not "
                        f"{EDITS!r}")  # fmt: skip
    if not isinstance(values, dict):
        raise UserError(f"{key} is not a mapping of keys to values; {EXAMPLE}")
    if "name" in values:
        raise UserError(f"{key}.name is no key of a recipe; remove it, {EXAMPLE}")
    return values | {"name": str(name)}


def _sentence(error: dict) -> str:
    """pydantic's first finding as a key, what is wrong with it, and what to write."""
    key, said = schemas.key(error), error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{key} is missing; add it, {EXAMPLE}"
    if error["type"] == "extra_forbidden":
        return f"{key} is no key of a recipe; correct or remove it, {EXAMPLE}"
    if error["type"] != "value_error" or isinstance(error["input"], str):
        return schemas.sentence(error)
    joint = " " if said.startswith(("does not", "needs", "names")) else "."
    return f"{key}{joint}{said}" if key else said
