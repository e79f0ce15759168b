"""What tables beside the images say of them: label, video, split, edit.

`groups.csv` is the user's own last word on groups: `path` relative to its own folder, the group in
a column `group` or `base_photo_group`, and optionally `edit`. `metadata.json` in the form of DFDC
maps a file to its `label`, `original` and `split`; any other CSV table counts if it names files of
the source, by the columns below. A file stands for the frames that were taken from it: `abc.mp4`
for `abc/000.png` and `abc_000.png`.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mesocore.core.errors import UserError
from mesocore.data.sources import given_splits, labels

GROUPS = "groups.csv"
NAME = ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "img",
        "video_name", "videoname", "name", "video")  # fmt: skip
LABEL = ("label", "class", "target", "label_str")
VIDEO = ("original", "video_id", "video", "source_video", "original_video", "identity", "subject",
         "person", "group")  # fmt: skip
SPLIT = ("split", "set", "partition")


@dataclass(frozen=True, slots=True)
class Said:
    """What a table says of an image. `label` is as written; "" is nothing."""

    table: str
    label: str = ""
    video: str = ""
    split: str = ""


def is_table(name: str) -> bool:
    """True for the name of a file that may be one of the tables above."""
    return name.lower() == "metadata.json" or name.lower().endswith((".csv", ".tsv"))


def read(folder: Path, table: str, images: Iterable[str]) -> dict[str, Said]:
    """What the table at `folder/table` says of images (paths within `folder`); {} if nothing.

    Raises `UserError` for a metadata.json that cannot be read.
    """
    path = folder / table
    rows = _json_rows(path) if table.lower().endswith(".json") else _csv_rows(path)
    if not rows:
        return {}
    place = table.rpartition("/")[0]
    said: dict[str, Said] = {}
    for name, row in rows.items():
        video = row.pop("video", "") or (name if row.get("own") else "")
        said[_stem(name)] = Said(table, row.get("label", ""), _stem(video), row.get("split", ""))
    found = {}
    for image in images:
        if place and not image.startswith(f"{place}/"):
            continue
        inner = image[len(place) + 1 :] if place else image
        for name in _names(inner):
            if name in said:
                found[image] = said[name]
                break
    return found


def label_of(said: Said, given: Mapping[str, str]) -> str | None:
    """ "real", "fake", or None for a word that is neither; `given` as `labels.parse_given`."""
    found = labels.of_name(said.label, given)
    return found if found in ("real", "fake") else None


def split_of(said: Said) -> str | None:
    """The split that a table gives, None if none."""
    return given_splits.of_name(said.split)


def groups(folder: Path, table: str) -> dict[str, tuple[str, str]]:
    """groups.csv at `folder/table`: path within `folder` -> (group, edit). Raises `UserError`."""
    path = folder / table
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is no readable CSV table: {error}; correct or remove it") from None
    column = next((c for c in ("group", "base_photo_group") if c in rows.columns), None)
    if "path" not in rows.columns or column is None:
        raise UserError(f"{path} lacks the columns path and group; add them or remove the file")
    place = table.rpartition("/")[0] + "/" if "/" in table else ""
    edits = rows["edit"] if "edit" in rows.columns else [""] * len(rows)
    return {
        f"{place}{name}": (f"{place}{group}" if group else "", edit)
        for name, group, edit in zip(rows["path"], rows[column], edits, strict=True)
    }


def _json_rows(path: Path) -> dict[str, dict]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no readable JSON: {error}; correct or remove it") from None
    if isinstance(tree, list):
        tree = {str(next((row[k] for k in NAME if k in row), "")): row
                for row in tree if isinstance(row, dict)}  # fmt: skip
    if not isinstance(tree, dict):
        return {}
    rows = {name: row for name, row in tree.items() if name and isinstance(row, dict)}
    return _picked(rows)


def _csv_rows(path: Path) -> dict[str, dict]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, sep=None, engine="python")
    except (ValueError, OSError):  # a table of something else: listed like any other file
        return {}
    table.columns = [str(column).strip().lower() for column in table.columns]
    name = next((column for column in NAME if column in table.columns), None)
    if name is None or len(table.columns) < 2:
        return {}
    return _picked({row[name]: row for row in table.to_dict("records") if row[name]})


def _picked(rows: dict[str, dict]) -> dict[str, dict]:
    """Label, video and split of each row; a video that is made of itself is its own."""
    first = {key for row in rows.values() for key in row}
    columns = {
        part: next((key for key in known if key in first), None)
        for part, known in (("label", LABEL), ("video", VIDEO), ("split", SPLIT))
    }
    if not any(columns.values()):
        return {}
    picked = {}
    for name, row in rows.items():
        picked[name] = {part: _text(row.get(key)) for part, key in columns.items() if key}
        picked[name]["own"] = columns["video"] == "original"  # an original has none: it is its own
    return picked


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value).strip()


def _stem(name: str) -> str:
    """`a/b.mp4` -> "a/b"."""
    return re.sub(r"\.\w{2,4}$", "", name.replace("\\", "/").removeprefix("./"))


def _names(image: str) -> list[str]:
    """What a table may call the image or the video that it is a frame of."""
    stem = _stem(image)
    base = stem.rpartition("/")[2]
    found = [stem, base]
    if "/" in stem:
        folder = stem.rpartition("/")[0]
        found += [folder, folder.rpartition("/")[2]]
    while match := re.fullmatch(r"(.+?)[_\-. ]+(?:frame|f)?_?\d+", base, re.I):
        base = match[1]
        found.append(base)
    return found


def by_table(said: Iterable[Said]) -> dict[str, int]:
    """How many images each table speaks of."""
    counts: dict[str, int] = defaultdict(int)
    for one in said:
        counts[one.table] += 1
    return dict(counts)
