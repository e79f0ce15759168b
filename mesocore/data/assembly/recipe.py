"""Recipes: which published collections a set is made of, as data/recipes/*.yaml say it.

A recipe names each collection, where its files lie, how many there are and how many are drawn,
under which terms they may be used, how pixels are matched and how groups are split. A mistake in
one is reported with the file and the key.
"""

import hashlib
import re
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

import yaml

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.data.assembled_set import LABELS, SPLITS
from mesocore.data.assembly import splits
from mesocore.faces.landmarks import Face

CIPLAB = "ciplab"  # `fakes` of a collection whose file names say what was done (sources.py)
EDITS = "edits"  # the source name of edits that assembly makes itself


@dataclass(frozen=True)
class Place:
    """A folder of a collection: path within it, label of its files, how many there should be."""

    path: str
    label: str
    files: int


@dataclass(frozen=True)
class Collection:
    """A published collection.

    kaggle: its handle, OWNER/NAME. gigabytes: of the archive; unpacked it takes about as much
    again. folders: where the images are. quota: how many of each label are drawn. fakes: the
    manifest's `edit` of its fakes, or "ciplab". index: CSV tables with the columns path and
    label_str; paths are relative to index_root. sha256: of the archive, where it is known.
    """

    name: str
    kaggle: str
    title: str
    licence: str
    gigabytes: float
    folders: tuple[Place, ...]
    quota: dict[str, int]
    fakes: str = ""
    index: tuple[str, ...] = ()
    index_root: str = "."
    sha256: str = ""


@dataclass(frozen=True)
class Edits:
    """Photoshop-style edits: `quota` reals of the collection `of`, whose faces are at `face`."""

    of: str
    quota: int
    face: Face


@dataclass(frozen=True)
class Recipe:
    """A whole recipe; `text` is the file it was read from."""

    name: str
    about: str
    preparation: Preparation
    split: tuple[float, float, float]
    seed: int
    sources: tuple[Collection, ...]
    edits: Edits | None
    text: str

    @property
    def sha256(self) -> str:
        """Of the text: what a set was made by."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read(path: Path) -> Recipe:
    """A recipe from a file. Raises `UserError` naming the file and the key of a mistake."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(f"recipe {path} cannot be read: {reason.lower()}") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Recipe:
    """A recipe from its text; `file` is what errors call it. Raises `UserError`."""
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    top = _Node(tree, file, "")
    top.only("name", "about", "preparation", "split", "seed", "sources", "edits")
    sources = top.child("sources")
    if not sources.values:
        sources.fail("names no collection", "add one, as in data/recipes/150k.yaml")
    collections = tuple(_collection(sources.child(name), name) for name in sources.values)
    edits = _edits(top.child("edits"), collections) if "edits" in top.values else None
    return Recipe(
        top.text("name"), top.text("about"), _preparation(top.child("preparation")),
        _shares(top.child("split")), top.integer("seed"), collections, edits, text,
    )  # fmt: skip


class _Node:
    """A mapping of the recipe that knows where it stands, for errors."""

    def __init__(self, values: object, file: str, key: str) -> None:
        self.file, self.key = file, key
        self.values: dict = values if isinstance(values, dict) else {}
        if not isinstance(values, dict):
            self.fail("is not a mapping of keys to values", "see data/recipes/150k.yaml")

    def fail(self, problem: str, way_out: str, name: str = "") -> None:
        key = ".".join(filter(None, (self.key, name)))
        raise UserError(f"{self.file}: {key or 'the recipe'} {problem}; {way_out}")

    def only(self, *known: str) -> None:
        for name in self.values:
            if name not in known:
                self.fail("is no key of a recipe", f"known here: {', '.join(known)}", str(name))

    def child(self, name: str) -> "_Node":
        if name not in self.values:
            self.fail("is missing", "add it", name)
        return _Node(self.values[name], self.file, ".".join(filter(None, (self.key, str(name)))))

    def get(self, name: str, kind: type | tuple, what: str, default: object = None):
        value = self.values.get(name, default)
        if value is None:
            self.fail("is missing", f"write {what}", name)
        if not isinstance(value, kind) or isinstance(value, bool):
            self.fail(f"is {value!r}", f"write {what}", name)
        return value

    def text(self, name: str, default: str | None = None) -> str:
        return self.get(name, str, "a text", default).strip()

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.get(name, int, "a whole number from 0", default)
        if value < 0:
            self.fail(f"is {value}", "write a whole number from 0", name)
        return value

    def relative(self, name: str, default: str | None = None) -> str:
        """A path that stays inside its collection."""
        value = self.text(name, default)
        if PurePosixPath(value).is_absolute() or ".." in PurePosixPath(value).parts:
            self.fail(f"is {value!r}", "write a path inside the collection", name)
        return value

    def items(self, name: str, default: list | None = None) -> list:
        return self.get(name, list, "a list", default)


def _preparation(node: _Node) -> Preparation:
    node.only(*(field.name for field in fields(Preparation)))
    if node.values.get("quality") is None:
        node.fail("is missing", "write the JPEG quality of all images, for example 90", "quality")
    try:
        prep = Preparation(**node.values)
    except (TypeError, ValueError) as error:
        node.fail(f"does not work: {error}", "mend it")
    if prep.size % 16 or prep.size < 64:
        node.fail(f"is {prep.size}", "write a multiple of 16 from 64, for example 256", "size")
    return prep


def _shares(node: _Node) -> tuple[float, float, float]:
    node.only(*SPLITS)
    shares = tuple(node.get(name, (int, float), "a share from 0 to 1") for name in SPLITS)
    try:
        return splits.check(tuple(map(float, shares)))
    except UserError:
        node.fail("does not sum to 1", "write for example train 0.7, val 0.1 and test 0.2")


def _collection(node: _Node, name: str) -> Collection:
    if not re.fullmatch(r"[\w.-]+", str(name)) or name == EDITS:
        node.fail("is no name for a collection", f"use letters and digits, and not {EDITS!r}")
    node.only(*(field.name for field in fields(Collection) if field.name != "name"))
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", node.text("kaggle")):
        node.fail(f"is {node.text('kaggle')!r}", "write OWNER/NAME", "kaggle")
    places = tuple(_place(_Node(item, node.file, f"{node.key}.folders[{k}]"))
                   for k, item in enumerate(node.items("folders")))  # fmt: skip
    quota = node.child("quota")
    quota.only(*LABELS)
    wanted = {label: quota.integer(label, 0) for label in LABELS}
    for label, number in wanted.items():
        there = sum(place.files for place in places if place.label == label)
        if number > there:
            quota.fail(f"is {number}", f"the collection has {there}", label)
    gigabytes = float(node.get("gigabytes", (int, float), "the archive's size"))
    sha256 = node.text("sha256", "")
    if sha256 and not re.fullmatch("[0-9a-f]{64}", sha256):
        node.fail("is no SHA-256", "write 64 hexadecimal digits or leave the key out", "sha256")
    return Collection(
        name, node.text("kaggle"), node.text("title"), node.text("licence"), gigabytes, places,
        wanted, node.text("fakes", ""), tuple(map(str, node.items("index", []))),
        node.relative("index_root", "."), sha256,
    )  # fmt: skip


def _place(node: _Node) -> Place:
    node.only("path", "label", "files")
    if node.text("label") not in LABELS:
        node.fail(f"is {node.text('label')!r}", "write real or fake", "label")
    return Place(node.relative("path"), node.text("label"), node.integer("files"))


def _edits(node: _Node, collections: tuple[Collection, ...]) -> Edits:
    node.only("of", "quota", "face")
    of, quota = node.text("of"), node.integer("quota")
    reals = {collection.name: collection.quota["real"] for collection in collections}
    if of not in reals:
        node.fail(f"is {of!r}", f"name a collection: {', '.join(reals)}", "of")
    if 2 * quota > reals[of]:
        node.fail(f"is {quota}", f"an edit takes an original and a donor of its own, and {of} "
                  f"gives {reals[of]} reals", "quota")  # fmt: skip
    face, points = node.child("face"), {}
    face.only(*(field.name for field in fields(Face)))
    for field in fields(Face):
        point = face.items(field.name)
        good = len(point) == 2 and all(isinstance(v, int | float) and 0 <= v <= 1 for v in point)
        if not good:
            face.fail(f"is {point}", "write [x, y] in shares of width and height", field.name)
        points[field.name] = tuple(map(float, point))
    return Edits(of, quota, Face(**points))
