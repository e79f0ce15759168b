"""The leakage audit: does anything stand on both sides of a split?

Everything is computed again from the files; the manifest is what is under test.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mesocore.core import files, parallel, runtime
from mesocore.data.assembly import duplicates


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
    """Audits an assembled set. `manifest`: path, label, group, split, sha256."""
    report = Leakage(len(manifest))
    listed = set(manifest["path"])
    on_disk = {p.relative_to(folder).as_posix() for p in folder.glob("images/**/*") if p.is_file()}
    report.add("images that the manifest does not list", sorted(on_disk - listed))
    report.add("listed images that are missing", sorted(listed - on_disk))
    report.add("images listed twice", sorted(manifest[manifest["path"].duplicated()]["path"]))
    present = manifest[manifest["path"].isin(on_disk)].drop_duplicates("path")
    present = present.reset_index(drop=True)
    sha256, phash = [], []
    for path in runtime.progress(present["path"], "leakage"):
        digest, fingerprint = _fingerprints(folder / path)
        sha256.append(digest)
        phash.append(fingerprint)
    changed = present["sha256"] != pd.Series(sha256, dtype=object)
    report.add("images whose content is not what the manifest says", list(present["path"][changed]))
    present = present.assign(sha256=sha256, phash=phash)
    report.add("groups in more than one split", _crossing(present, "group"))
    readable = present[present["phash"] != ""].reset_index(drop=True)
    report.add("identical images in more than one split", _crossing(readable, "sha256"))
    paths, split = readable["path"], readable["split"]
    near = duplicates.near_duplicates(
        readable["phash"].tolist(),
        [folder / path for path in paths],
        parallel.workers_for(len(paths)),
    )
    crossing = [f"{paths[i]} and {paths[j]}" for i, j in near if split[i] != split[j]]
    report.add("near-duplicates in more than one split", crossing)
    return report


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
