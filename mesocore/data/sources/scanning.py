"""What is in a source folder: which files, of which label, video, split and mask.

Labels come from folders (labels.py) and tables (tables.py), videos from names (grouping.py) and
tables. Files beside frames (sidecars.py), tables that say something, and outside the label folders
params.csv, README and LICENSE are no inputs. Every other file is one, and is either a candidate or
listed with the reason why it has no label.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.core.files import printable, walk
from mesocore.data.sources import given_splits, grouping, labels, sidecars, tables
from mesocore.faces.landmarks import Face


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

    group: from groups.csv or a recipe. videos: names of the videos that it is a frame of. split: as
    the collection gives it, or "". mask: path within the source, or "". With `retouch` the input is
    not the file but an edit of it.
    """

    path: str
    label: str
    source: str
    origin: str
    group: str | None = None
    edit: str = ""
    retouch: Retouch | None = None
    videos: tuple[str, ...] = ()
    split: str = ""
    mask: str = ""


@dataclass
class Scan:
    """Everything found: candidates sorted by origin, and (origin, reason) of what has no label.

    folders: (label, folder or table) -> images that have their label from it. sidecars: kind ->
    files. videos: what named them -> how many. notes: what the user should know. tree: the folders,
    as text.
    """

    candidates: list[Candidate]
    unlabelled: list[tuple[str, str]]
    folders: Counter = field(default_factory=Counter)
    sidecars: Counter = field(default_factory=Counter)
    videos: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    tree: str = ""


def scan(
    folder: Path,
    name: str | None = None,
    given: Mapping[str, str] | None = None,
    group_by: str = "video",
) -> Scan:
    """Lists a source folder; `name` is the source's name (its folder's unless given).

    given: labels of folders or of words in tables, as `labels.parse_given` makes them. group_by:
    "video", or "image" for images that are all independent. Raises `UserError` if the folder is
    missing or a table cannot be understood.
    """
    folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give a folder that holds real/ and fake/")
    name, given = name or printable(folder.name), dict(given or {})
    found = Scan([], [])
    paths = _files(folder, name, found.unlabelled)
    beside = sidecars.kinds(paths)
    found.sidecars.update(beside.values())
    paths = [path for path in paths if path not in beside]
    folders = labels.FolderLabels({p.rpartition("/")[0] for p in paths}, folder.name, given)
    found.tree = folders.some()
    said_by = _read_tables(folder, paths, folders)
    if group_by == "image":
        said_by.said = {path: replace(one, video="") for path, one in said_by.said.items()}
    _check_given(given, folders, said_by.said.values())
    paths = [p for p in paths if p not in said_by.used and not _is_document(p, folders)]
    images, depth = {}, []
    for path in paths:
        label, where, deep, reason = _label(path, folders, said_by.said.get(path), given)
        origin = f"{name}/{printable(path)}"
        if label is None:
            found.unlabelled.append((origin, reason))
            continue
        found.folders[label, where] += 1
        images[path] = Candidate(f"{folder}/{path}", label, name, origin)
        depth.append(deep)
    grouped = grouping.Groups([()] * len(images))
    if group_by == "video":
        kinds = [image.label for image in images.values()]
        grouped = grouping.of_paths(list(images), kinds, depth, given)
        found.notes += grouped.notes
    found.candidates = _completed(images, grouped.videos, said_by, sidecars.masks(images, beside))
    found.notes += _notes(images, said_by, [origin for origin, _ in found.unlabelled])
    found.videos.update(grouped.found)
    if by_table := {one.video for one in said_by.said.values() if one.video}:
        found.videos["tables"] = len(by_table)
    if by_user := {group for group, _ in said_by.groups.values() if group}:
        found.videos[tables.GROUPS] = len(by_user)
    found.candidates.sort(key=lambda c: c.origin)
    _make_printable(found)
    return found


def _make_printable(found: Scan) -> None:
    """Of what is shown, all that folders and tables of strangers put into it."""
    found.unlabelled = sorted((origin, printable(reason)) for origin, reason in found.unlabelled)
    found.notes = [printable(note) for note in found.notes]
    found.tree = printable(found.tree)
    folders = Counter()
    for (label, where), number in found.folders.items():
        folders[label, printable(where)] += number
    found.folders = folders


def _files(folder: Path, name: str, left_out: list[tuple[str, str]]) -> list[str]:
    """Paths within the folder; those that cannot be inputs are listed in `left_out`."""
    paths = []
    for relative, reason in walk(folder):
        if not reason and _is_hidden(relative):
            reason = "in a hidden folder or one of the system's"
        if reason:
            left_out.append((f"{name}/{printable(relative)}", reason))
        else:
            paths.append(relative)
    return paths


def _completed(
    images: dict[str, Candidate],
    videos: list[tuple[str, ...]],
    said_by: "_Tables",
    masks: dict[str, str],
) -> list[Candidate]:
    """The candidates with video, group, edit, split and mask."""
    made, known = [], []
    for path, names in zip(images, videos, strict=True):
        said = said_by.said.get(path)
        known.append((said.video,) if said and said.video else names)
    grouped = [bool(said_by.groups.get(path, ("",))[0]) for path in images]
    # images without a row in groups.csv go where others of their video went
    open_videos = {name for names, has in zip(known, grouped, strict=True) if not has
                   for name in names}  # fmt: skip
    for (path, image), names in zip(images.items(), known, strict=True):
        said = said_by.said.get(path)
        group, edit = said_by.groups.get(path, ("", ""))
        if group:
            names = [name for name in names if name in open_videos]
        made.append(replace(
            image, edit=printable(edit), mask=printable(masks.get(path, "")),
            group=f"{image.source}/{printable(group)}" if group else None,
            videos=tuple(f"{image.source}/{printable(video)}" for video in names),
            split=given_splits.of_path(path) or (said.split if said else ""),
        ))  # fmt: skip
    return made


@dataclass
class _Tables:
    """What tables say of each path, what groups.csv does, and the tables that were read."""

    said: dict[str, tables.Said] = field(default_factory=dict)
    groups: dict[str, tuple[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)


def _read_tables(folder: Path, paths: list[str], folders: labels.FolderLabels) -> _Tables:
    found = _Tables()
    candidates = [path for path in paths if tables.is_table(path.rpartition("/")[2])
                  and (folder / path).is_file()]  # a pipe would be waited for  # fmt: skip
    others = sorted(set(paths) - set(candidates))
    for table in candidates:
        place, _, base = table.rpartition("/")
        if base.lower() == "params.csv":
            continue
        if base.lower() == tables.GROUPS and not folders[place].label:
            rows = tables.groups(folder, table)
            if rows and not rows.keys() & set(others):
                raise UserError(f"{folder / table} names no file of {folder}; its paths must be "
                                "relative to it")  # fmt: skip
            found.groups |= rows
            found.used.add(table)
        elif rows := tables.read(folder, table, others):
            found.said = tables.joined(found.said, rows)
            found.used.add(table)
    return found


def _label(
    path: str, folders: labels.FolderLabels, said: tables.Said | None, given: Mapping[str, str]
) -> tuple[str | None, str, int, str]:
    """Label, what gave it, the depth of that folder, and why there is no label."""
    found = folders[path.rpartition("/")[0]]
    by_table = tables.label_of(said, given) if said and said.label else None
    if found.label and by_table and found.label != by_table:
        reason = f"two labels: its folder says {found.label}, {said.table} says {by_table}"
        return None, "", 0, reason
    if found.label:
        where = "/".join(path.split("/")[: found.depth]) or "."
        return found.label, where, found.depth, ""
    if by_table:
        return by_table, said.table, 0, ""
    if said and said.label == tables.TWICE:
        return None, "", 0, f"two labels: {said.table} gives both, or fits several files"
    if said and said.label:
        word = said.label
        return None, "", 0, f"label {word!r} of {said.table} is unknown: --label {word}=fake"
    return None, "", 0, found.reason


def _check_given(
    given: Mapping[str, str], folders: labels.FolderLabels, said: Iterable[tables.Said]
) -> None:
    used = {labels.normal(one.label) for one in said}
    unknown = [name for name in folders.unknown if labels.normal(name) not in used]
    if unknown:
        raise UserError(f"--label {unknown[0]}={given[unknown[0]]}: no folder with images has that "
                        f"name; there are {folders.some()}")  # fmt: skip


def _notes(images: Mapping[str, Candidate], said_by: _Tables, left: list[str]) -> list[str]:
    """What the user should know besides: names that contradict folders, rows of no file, lists."""
    notes = []
    other = {"real": "fake", "fake": "real"}
    stems = {path: os.path.splitext(os.path.basename(path))[0] for path in images}
    against = [path for path, image in images.items()
               if labels.of_name(stems[path]) == other[image.label]]  # fmt: skip
    if against:
        notes.append(f"{len(against)} files have a name that says another label than their folder, "
                     f"the first is {printable(against[0])}")  # fmt: skip
    if missing := said_by.groups.keys() - images.keys():
        notes.append(f"groups.csv: {len(missing)} rows name no image with a label")
    lists = [name for name in left if name.lower().endswith((".txt", ".json"))
             and given_splits.of_name(Path(name).stem)]  # fmt: skip
    if lists:
        notes.append(f"lists of splits that are not read: {', '.join(lists[:4])}")
    return notes


def _is_hidden(path: str) -> bool:
    return any(name.startswith((".", "@eaDir", "__MACOSX")) for name in path.split("/")[:-1])


def _is_document(path: str, folders: labels.FolderLabels) -> bool:
    place, _, base = path.rpartition("/")
    known = base.lower() == "params.csv" or base.lower().split(".")[0] in (
        "readme", "license", "licence")  # fmt: skip
    return known and not folders[place].label


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
        names = {f: printable("-".join(f.parts[-depth:]).strip("/")) for f in folders}
        if max(Counter(names.values()).values()) == 1:
            return names
        depth += 1
