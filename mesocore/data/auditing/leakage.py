"""The leakage audit: does anything stand on both sides of a split?

Everything is computed again from the files; the manifest, or the folders of a collection, are what
is under test.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mesocore.core import files, parallel, runtime
from mesocore.data.assembly import duplicates
from mesocore.data.sources import grouping


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
    found = _with_fingerprints(present, [folder / path for path in present["path"]])
    changed = present["sha256"] != found["sha256"]
    report.add("images whose content is not what the manifest says", list(present["path"][changed]))
    report.add("groups in more than one split", _crossing(present, "group"))
    _across(report, found, [folder / path for path in found["path"]])
    return report


def check_given(folder: Path, table: pd.DataFrame) -> Leakage:
    """Audits the splits that a raw folder comes with. `table`: path within it, label, split."""
    report = Leakage(len(table))
    table = table.assign(origin=folder.name + "/" + table["path"]).reset_index(drop=True)
    images = [folder / path for path in table["path"]]
    _across(report, _with_fingerprints(table, images), images)
    return report


def _across(report: Leakage, found: pd.DataFrame, images: list[Path]) -> None:
    """What lies in more than one split. `found`: path, label, split, origin, sha256, phash."""
    videos = grouping.crossing(found["origin"], found["label"], found["split"])
    report.add("folders or names that look like one video in more than one split", videos)
    good = (found["phash"] != "").to_numpy()
    readable = found[good].reset_index(drop=True)
    images = [image for image, is_good in zip(images, good, strict=True) if is_good]
    report.add("identical images in more than one split", _crossing(readable, "sha256"))
    paths, split = readable["path"], readable["split"]
    near = duplicates.near_duplicates(
        readable["phash"].tolist(), images, parallel.workers_for(len(images))
    )
    crossing = [f"{paths[i]} and {paths[j]}" for i, j in near if split[i] != split[j]]
    report.add("near-duplicates in more than one split", crossing)


def _with_fingerprints(table: pd.DataFrame, images: list[Path]) -> pd.DataFrame:
    pairs = [_fingerprints(image) for image in runtime.progress(images, "leakage")]
    sha256, phash = (pd.Series(values, dtype=object) for values in zip(*pairs, strict=True))
    return table.assign(sha256=sha256, phash=phash)


def _fingerprints(path: Path) -> tuple[str, str]:
    try:
        return files.sha256_file(path), duplicates.phash(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # not an image any more: its hash has changed too
        return "", ""


def _crossing(table: pd.DataFrame, column: str) -> list[str]:
    splits = table.groupby(column)["split"].nunique()
    names = splits[splits > 1].index
    first = table.drop_duplicates(column).set_index(column)["path"]
    return [f"{name[:17]} ({first[name]} and others)" for name in names]
