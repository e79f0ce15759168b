"""The leakage audit: does anything stand on both sides of a split?

Everything is computed again from the files; the manifest, or the folders of a collection, are what
is under test.
"""

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from PIL import Image

from mesocore.core import files, parallel, runtime
from mesocore.core.errors import BadImage
from mesocore.data.assembly import duplicates, fingerprints
from mesocore.data.assembly.fingerprints import THUMBNAIL
from mesocore.data.sources import grouping

# Assembly measured the pixels that became JPEGs, the audit those that come out of them. What lies
# at assembly's limits must not be taken for a leak because a JPEG moved it across.
_AFTER_JPEG = {"distance": duplicates.MAX_DISTANCE - 2, "difference": 0.2}


@dataclass
class Leakage:
    """Each finding with its number and a few examples; no findings means no leak."""

    images: int
    findings: dict[str, dict] = field(default_factory=dict)

    def add(self, what: str, examples: list[str]) -> None:
        """Records a finding if there are examples of it."""
        if examples:
            self.findings[what] = {"number": len(examples), "examples": examples[:3]}


def check(folder: Path, manifest: pd.DataFrame) -> Leakage:
    """Audits an assembled set. `manifest`: path, label, group, split, origin, sha256."""
    report = Leakage(len(manifest))
    listed = set(manifest["path"])
    on_disk = {p.relative_to(folder).as_posix() for p in folder.glob("images/**/*") if p.is_file()}
    report.add("images that the manifest does not list", sorted(on_disk - listed))
    report.add("listed images that are missing", sorted(listed - on_disk))
    report.add("images listed twice", sorted(manifest[manifest["path"].duplicated()]["path"]))
    present = manifest[manifest["path"].isin(on_disk)].drop_duplicates("path")
    present = present.reset_index(drop=True)
    with tempfile.NamedTemporaryFile() as thumbnails:
        found = _with_fingerprints(present, [folder / path for path in present["path"]], thumbnails)
        changed = present["sha256"] != found["sha256"]
        report.add("images whose content is not what the manifest says",
                   list(present["path"][changed]))  # fmt: skip
        report.add("groups in more than one split", _crossing(present, "group"))
        _across(report, found, Path(thumbnails.name), **_AFTER_JPEG)
    return report


def check_given(folder: Path, table: pd.DataFrame) -> Leakage:
    """Audits the splits that a raw folder comes with. `table`: path within it, label, split."""
    report = Leakage(len(table))
    table = table.assign(origin=folder.name + "/" + table["path"]).reset_index(drop=True)
    with tempfile.NamedTemporaryFile() as thumbnails:
        found = _with_fingerprints(table, [folder / path for path in table["path"]], thumbnails)
        _across(report, found, Path(thumbnails.name))
    return report


def _across(report: Leakage, found: pd.DataFrame, thumbnails: Path, **limits: float) -> None:
    """What lies in more than one split. `found`: path, label, split, origin, sha256, phash.

    thumbnails: the file of its rows' thumbnails. limits: of `duplicates.near_duplicates`.
    """
    videos = grouping.crossing(found["origin"], found["label"], found["split"])
    report.add("folders or names that look like one video in more than one split", videos)
    places = np.flatnonzero(found["phash"] != "")
    readable = found.iloc[places].reset_index(drop=True)
    report.add("identical images in more than one split", _crossing(readable, "sha256"))
    paths, split = readable["path"], readable["split"]
    near = duplicates.near_duplicates(readable["phash"].tolist(), thumbnails, places,
                                      parallel.workers_for(len(places)), **limits)  # fmt: skip
    crossing = [f"{paths[i]} and {paths[j]}" for i, j in near if split[i] != split[j]]
    report.add("near-duplicates in more than one split", crossing)


def _with_fingerprints(
    table: pd.DataFrame, images: list[Path], thumbnails: BinaryIO
) -> pd.DataFrame:
    """The table with sha256 and phash of its images, "" of none; their thumbnails go to a file."""
    found = []
    for image in runtime.progress(images, "leakage"):
        *hashes, thumbnail = _fingerprints(image)
        found.append(hashes)
        thumbnails.write(thumbnail)
    thumbnails.flush()
    sha256, phash = (pd.Series(values, dtype=object) for values in zip(*found, strict=True))
    return table.assign(sha256=sha256, phash=phash)


def _fingerprints(path: Path) -> tuple[str, str, bytes]:
    try:
        return files.sha256_file(path), *fingerprints.of_file(path)
    except (BadImage, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "", "", bytes(math.prod(THUMBNAIL))  # no image any more: its hash has changed too


def _crossing(table: pd.DataFrame, column: str) -> list[str]:
    splits = table.groupby(column)["split"].nunique()
    names = splits[splits > 1].index
    first = table.drop_duplicates(column).set_index(column)["path"]
    return [f"{name[:17]} ({first[name]} and others)" for name in names]
