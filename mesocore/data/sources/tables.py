"""What tables beside the images say of them: label, video, split, edit.

`groups.csv` is the user's own last word on groups: `path` relative to its own folder, the group in
a column `group` or `base_photo_group`, and optionally `edit`. `metadata.json` in the form of DFDC
maps a file to its `label`, `original` and `split`; `metadata.jsonl` and any other CSV table count
if they name files of the source, by the columns below. A video stands for the frames that were
taken from it: `abc.mp4` for `abc/000.png` and `abc_000.png`. What tables say twice and differently
of one image is no label.
"""

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mesocore.core.errors import UserError
from mesocore.data.sources import given_splits, labels

GROUPS = "groups.csv"
NAME = ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "image_id",
        "img", "video_name", "videoname", "name", "video")  # fmt: skip
LABEL = ("is_fake", "label", "class", "target", "label_str")
VIDEO = ("original", "video_id", "video", "source_video", "original_video", "clip", "clip_id",
         "identity", "identity_id", "subject", "subject_id", "person", "person_id",
         "group")  # fmt: skip
SPLIT = ("split", "set", "partition")
TWICE = "two rows that differ"  # the label of an image of which tables say two things
_IS_FAKE = {"1": "fake", "true": "fake", "yes": "fake", "0": "real", "false": "real", "no": "real"}
_FRAME = re.compile(r"(.+?)[_\-. ]+(?:frame|face|f)?[_\-]?\d+", re.I)


@dataclass(frozen=True, slots=True)
class Said:
    """What a table says of an image. `label` is as written; "" is nothing."""

    table: str
    label: str = ""
    video: str = ""
    split: str = ""


def is_table(name: str) -> bool:
    """True for the name of a file that may be one of the tables above."""
    return name.lower().endswith((".csv", ".tsv", "metadata.json", "metadata.jsonl"))


def read(folder: Path, table: str, images: Iterable[str]) -> dict[str, Said]:
    """What the table at `folder/table` says of images (paths within `folder`); {} if nothing.

    Raises `UserError` for a metadata.json that cannot be read.
    """
    rows = _rows(folder / table)
    place = table.rpartition("/")[0]
    inner = {image[len(place) + 1 :] if place else image: image for image in images
             if not place or image.startswith(f"{place}/")}  # fmt: skip
    said: dict[str, Said] = {}
    whole = given_splits.of_name(Path(table).stem) or ""  # train.csv
    for name, row in rows:
        video = row.get("video") or (name if row.get("own") else "")
        one = Said(table, row.get("label", ""), _stem(video), row.get("split") or whole)
        key = _clean(name)
        before = said.setdefault(key, one)
        if before.label.casefold() != one.label.casefold():
            said[key] = replace(before, label=TWICE)
    found = _matched(said, inner)
    return {inner[path]: one for path, one in found.items()}


def _matched(said: Mapping[str, Said], images: Iterable[str]) -> dict[str, Said]:
    """path -> what is said of it: by its path, its name, or the video that it is a frame of."""
    images = list(images)
    bases = Counter(image.rpartition("/")[2] for image in images)
    stems = Counter(_stem(base) for base in bases.elements())
    files = {*images, *bases}
    others: dict[str, list[str]] = defaultdict(list)  # rows that are not of a file that is there
    for name in said:
        if name not in files:
            others[_stem(name)].append(name)
    found = {}
    for image in images:
        base = image.rpartition("/")[2]
        if image in said:
            found[image] = said[image]
        elif base in said:
            found[image] = replace(said[base], label=TWICE) if bases[base] > 1 else said[base]
        else:
            names = [_stem(image), _stem(base), *_videos(image)]
            name = next((name for name in names if len(others[name]) == 1), None)
            if name is not None:
                one = said[others[name][0]]
                twice = name == _stem(base) and stems[name] > 1
                found[image] = replace(one, label=TWICE) if twice and one.label else one
    return found


def joined(first: dict[str, Said], second: dict[str, Said]) -> dict[str, Said]:
    """What two tables say together; a label that they do not share is `TWICE`."""
    both = first | second
    for path in first.keys() & second.keys():
        one, other = first[path], second[path]
        label = one.label or other.label
        if one.label and other.label and labels.normal(one.label) != labels.normal(other.label):
            label = TWICE
        both[path] = Said(f"{one.table} and {other.table}", label, one.video or other.video,
                          one.split or other.split)  # fmt: skip
    return both


def label_of(said: Said, given: Mapping[str, str]) -> str | None:
    """ "real", "fake", or None for a word that is neither; `given` as `labels.parse_given`."""
    if labels.normal(said.label) in labels.CODES and said.label.casefold() not in given:
        return None  # a category called nature is no label
    found = labels.of_name(said.label, given)
    return found if found in ("real", "fake") else None


def groups(folder: Path, table: str) -> dict[str, tuple[str, str]]:
    """groups.csv at `folder/table`: path within `folder` -> (group, edit). Raises `UserError`."""
    path = folder / table
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is no readable CSV table: {error}; correct or remove it") from None
    rows.columns = [str(column).strip().lower() for column in rows.columns]
    column = next((c for c in ("group", "base_photo_group") if c in rows.columns), None)
    if "path" not in rows.columns or column is None:
        raise UserError(f"{path} lacks the columns path and group; add them or remove the file")
    place = table.rpartition("/")[0] + "/" if "/" in table else ""
    edits = rows["edit"] if "edit" in rows.columns else [""] * len(rows)
    return {
        f"{place}{_clean(name)}": (f"{place}{group}" if group else "", edit)
        for name, group, edit in zip(rows["path"], rows[column], edits, strict=True)
    }


def _rows(path: Path) -> list[tuple[str, dict]]:
    """Name and label, video, split of each row."""
    if path.suffix.lower() in (".json", ".jsonl"):
        return _picked(_json_rows(path))
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, sep=None, engine="python")
    except (ValueError, OSError, csv.Error):  # a table of something else: listed like any file
        return []
    table.columns = [str(column).strip().lower() for column in table.columns]
    table = table.loc[:, ~table.columns.duplicated()].fillna("")
    name = next((column for column in NAME if column in table.columns), None)
    if name is None or len(table.columns) < 2:
        return []
    return _picked([(row[name], row) for row in table.to_dict("records") if row[name]])


def _json_rows(path: Path) -> list[tuple[str, dict]]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".jsonl":
            tree = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            tree = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is no readable JSON: {error}; correct or remove it") from None
    if isinstance(tree, list):
        rows = [(next((row[k] for k in NAME if k in row), ""), row)
                for row in tree if isinstance(row, dict)]  # fmt: skip
    else:
        rows = list(tree.items()) if isinstance(tree, dict) else []
    return [(str(name), row) for name, row in rows if name and isinstance(row, dict)]


def _picked(rows: list[tuple[str, dict]]) -> list[tuple[str, dict]]:
    """Label, video and split of each row; a video that is made of none is its own."""
    keys = {key for _, row in rows for key in row}
    columns = {
        part: next((key for key in known if key in keys), None)
        for part, known in (("label", LABEL), ("video", VIDEO), ("split", SPLIT))
    }
    if not any(columns.values()):
        return []
    picked = []
    for name, row in rows:
        one = {part: _text(row.get(key)) for part, key in columns.items() if key}
        if columns["label"] == "is_fake":
            one["label"] = _IS_FAKE.get(one["label"].lower(), one["label"])
        one["split"] = given_splits.of_name(one.get("split", "")) or ""
        one["own"] = columns["video"] == "original"  # an original has none: it is its own
        picked.append((name, one))
    return picked


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value).strip()


def _clean(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def _stem(name: str) -> str:
    """`a/b.mp4` -> "a/b"."""
    return re.sub(r"\.\w{2,4}$", "", _clean(name))


def _videos(image: str) -> list[str]:
    """What the video may be called that the image is a frame of."""
    folder, _, base = _stem(image).rpartition("/")
    found = [folder, folder.rpartition("/")[2]] if folder else []
    while match := _FRAME.fullmatch(base):
        base = match[1]
        found += [f"{folder}/{base}" if folder else base, base]
    return found
