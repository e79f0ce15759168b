"""What is in a source folder: which files, of which label, in which sidecar group.

A label is the name of the nearest ancestor folder that is in `LABELS` (any case; the source folder
itself counts last). Sidecars are not inputs: outside the label folders, `groups.csv`, `params.csv`,
README and LICENSE files, and what lies in a folder `masks`. Every other file is an input, and is
either a candidate or listed with the reason why it could not be labelled.

`groups.csv` stands beside the label folders: `path` relative to its own folder, the group in a
column `group` or `base_photo_group`, and optionally `edit`.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mesocore.core.errors import UserError
from mesocore.core.files import printable, walk
from mesocore.faces.landmarks import Face

LABELS = {
    **dict.fromkeys(
        ("real", "reals", "training_real", "original", "originals", "original_sequences",
         "authentic", "pristine"), "real"),
    **dict.fromkeys(
        ("fake", "fakes", "training_fake", "df", "deepfake", "deepfakes",
         "manipulated_sequences"), "fake"),
}  # fmt: skip
_GROUPS = "groups.csv"
_MASKS = "masks"
REPLACED_PARTS = ("left eye", "right eye", "nose", "mouth")  # in the order of ciplab's digits
_CIPLAB = re.compile(r"(easy|mid|hard)_\d+_([01]{4})\.\w+")


@dataclass(frozen=True)
class Retouch:
    """An edit that is made while the original is converted.

    `donor`: absolute path of the photograph that a splice takes from. `face`: where the parts of
    the face are, in shares of width and height.
    """

    donor: str
    face: Face


@dataclass(frozen=True, slots=True)
class Candidate:
    """One labelled input. `path` is absolute; `origin` is `source/path within the source`.

    With `retouch` the input is not the file but an edit of it.
    """

    path: str
    label: str
    source: str
    origin: str
    group: str | None = None
    edit: str = ""
    retouch: Retouch | None = None


@dataclass
class Scan:
    """Everything found: candidates sorted by origin, and (origin, reason) of what has no label."""

    candidates: list[Candidate]
    unlabelled: list[tuple[str, str]]


def scan(folder: Path, name: str | None = None) -> Scan:
    """Lists a source folder; `name` is the source's name (its folder's unless given).

    Raises `UserError` if the folder is missing or a groups.csv cannot be understood.
    """
    folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give a folder that holds real/ and fake/")
    name = name or folder.name
    candidates, unlabelled, sidecars = [], [], []
    for relative, reason in walk(folder):
        origin = f"{name}/{printable(relative)}"
        parents = relative.split("/")[:-1]
        label = _label([folder.name, *parents])
        if reason:
            unlabelled.append((origin, reason))
        elif not _label(parents) and relative.rsplit("/", 1)[-1].lower() == _GROUPS:
            sidecars.append(relative)
        elif not _label(parents) and _is_document(relative) or _is_mask(parents):
            continue
        elif label:
            candidates.append(Candidate(f"{folder}/{relative}", label, name, origin))
        else:
            unlabelled.append((origin, "no real or fake folder above it"))
    for relative in sidecars:
        candidates = _with_groups(candidates, folder, relative, name)
    return Scan(sorted(candidates, key=lambda c: c.origin), sorted(unlabelled))


def _label(parents: list[str]) -> str | None:
    for parent in reversed(parents):
        if parent.lower() in LABELS:
            return LABELS[parent.lower()]
    return None


def _is_document(relative: str) -> bool:
    base = relative.rsplit("/", 1)[-1].lower()
    return base == "params.csv" or base.split(".")[0] in ("readme", "license", "licence")


def _is_mask(parents: list[str]) -> bool:
    """True below a folder `masks` that has no label folder above it."""
    return _MASKS in parents and not _label(parents[: parents.index(_MASKS)])


def _with_groups(candidates: list, folder: Path, relative: str, name: str) -> list:
    path = folder / relative
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is no readable CSV table: {error}; correct or remove it") from None
    column = next((c for c in ("group", "base_photo_group") if c in table.columns), None)
    if "path" not in table.columns or column is None:
        raise UserError(f"{path} lacks the columns path and group; add them or remove the file")
    place = relative.rsplit("/", 1)[0] + "/" if "/" in relative else ""
    edits = table["edit"] if "edit" in table.columns else [""] * len(table)
    rows = {
        f"{name}/{place}{row}": (group, edit)
        for row, group, edit in zip(table["path"], table[column], edits, strict=True)
    }
    if len(rows) and not any(c.origin in rows for c in candidates):
        raise UserError(f"{path} names no file of {folder}; its paths must be relative to it")
    grouped = []
    for candidate in candidates:
        group, edit = rows.get(candidate.origin, ("", ""))
        group = f"{name}/{place}{group}" if group else candidate.group
        grouped.append(
            Candidate(candidate.path, candidate.label, name, candidate.origin, group,
                      edit or candidate.edit)
        )  # fmt: skip
    return grouped


def source_names(folders: list[Path]) -> dict[Path, str]:
    """A distinct name for each folder: its own, with parents put before it where names are equal.

    Independent of the order. Raises `UserError` if there is none, or one is given twice or inside
    another.
    """
    if not folders:
        raise UserError("no source folder is given; name one that holds real/ and fake/")
    folders = [Path(os.path.abspath(folder)) for folder in folders]
    for i, folder in enumerate(folders):
        for j, other in enumerate(folders):
            if i != j and folder.resolve().is_relative_to(other.resolve()):
                raise UserError(f"{folder} is given twice or inside {other}; name each folder once")
    depth = 1
    while True:
        names = {folder: "-".join(folder.parts[-depth:]).strip("/") for folder in folders}
        if max(Counter(names.values()).values()) == 1:
            return names
        depth += 1


def ciplab_name(name: str) -> tuple[str, list[str]] | None:
    """Difficulty and replaced parts in the file name of a composite, None for any other name.

    ciplab ("real and fake face detection") names a fake `easy_100_1010.jpg`: how hard its makers
    found it to tell, a number, and for the left eye, the right eye, the nose and the mouth a 1
    where the part was replaced by somebody else's.
    """
    found = _CIPLAB.fullmatch(name)
    if not found:
        return None
    digits = zip(REPLACED_PARTS, found[2], strict=True)
    return found[1], [part for part, digit in digits if digit == "1"]


def ciplab_edit(name: str) -> str:
    """The manifest's `edit` for the file name of a ciplab fake: "easy+left eye+nose".

    A name of another form is "", as for any fake of which nothing is known.
    """
    difficulty, parts = ciplab_name(name) or ("", [])
    return "+".join([difficulty, *parts])
