"""Pass 2 of assembly: the journal's records -> manifest, rejected, originals, assembly.json.

Everything is derived from the journal in the order of `origin`, so that neither the order of the
inputs nor an interruption shows in the result.
"""

from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import PIL

from mesocore import convert, grouping, runtime, splits
from mesocore.runtime import UserError
from mesocore.sources import Candidate, kinds

MANIFEST = [
    "path", "label", "source", "group", "split", "sha256", "phash", "width", "height", "origin",
    "edit",
]  # fmt: skip
ORIGINALS = [
    "origin", "format", "bytes", "width", "height", "mode", "progressive", "quantisation", "tables",
    "exif", "icc", "original",
]  # fmt: skip
REJECTED = ["origin", "label", "source", "reason"]


def publish(
    candidates: list[Candidate],
    unlabelled: list[tuple[str, str]],
    out: Path,
    settings: dict,
    journal: Path,
) -> None:
    """From the journal of pass 1 to the files of a complete set in `out`.

    Raises `UserError` if a class has no usable image; rejected.csv is there all the same.
    """
    table = _table(candidates, journal)
    usable = table[table["reason"] == ""].reset_index(drop=True)
    usable["group"] = grouping.group_names(usable, out)
    usable["reason"] = grouping.exact_duplicates(usable)
    kept = usable[usable["reason"] == ""].copy()
    none = pd.DataFrame(unlabelled, columns=["origin", "reason"])
    none["label"], none["source"] = "", none["origin"].str.split("/").str[0]
    rejected = pd.concat(
        [table[table["reason"] != ""], usable[usable["reason"] != ""], none]
    ).sort_values("origin")[REJECTED]
    write_csv(out / "rejected.csv", rejected)
    for label in ("real", "fake"):
        if not (kept["label"] == label).any():
            raise UserError(f"no usable {label} image; {out / 'rejected.csv'} lists the reasons")
    stratum = kept["source"] + "/" + kinds(kept)
    kept["split"] = splits.assign(
        kept["group"], stratum, tuple(settings["split"]), settings["seed"]
    )
    kept["path"] = kept["image"]
    write_csv(out / "manifest.csv", kept[MANIFEST])
    write_csv(out / "originals.csv", kept[ORIGINALS])
    _sweep(out, set(kept["image"]))
    numbers = counts(kept, rejected)
    runtime.write_json(out / "assembly.json", _description(settings, numbers, out))


def _table(candidates: list[Candidate], journal: Path) -> pd.DataFrame:
    """The journal's last word on each candidate, sorted by origin; `reason` is "" if usable."""
    latest = {record["origin"]: record for record in convert.read_journal(journal)}
    table = pd.DataFrame([latest[c.origin] for c in candidates])
    for column in (*ORIGINALS, "image", "sha256", "phash", "reason"):
        if column not in table:
            table[column] = None
    table["reason"] = table["reason"].fillna("")
    table["label"] = [c.label for c in candidates]
    table["source"] = [c.source for c in candidates]
    table["key"] = [c.group for c in candidates]
    table["edit"] = [c.edit for c in candidates]
    whole = {"bytes": np.int64, "width": np.int64, "height": np.int64}
    return table.fillna(dict.fromkeys(whole, 0)).astype(whole)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    runtime.write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _sweep(out: Path, listed: set[str]) -> None:
    """Removes the images of dropped inputs, and what a crash left half-written."""
    for path in (*out.glob("images/*/*"), *out.glob("images/*/.*"), *out.glob(".*.tmp")):
        if path.relative_to(out).as_posix() not in listed:
            path.unlink(missing_ok=True)


def counts(kept: pd.DataFrame, rejected: pd.DataFrame) -> dict:
    by_split = pd.crosstab(kept["split"], kept["label"])
    by_split = by_split.reindex(splits.SPLITS, fill_value=0)[["real", "fake"]]
    reasons = rejected["reason"].str.split(":").str[0].value_counts()
    return {
        "inputs": len(kept) + len(rejected),
        "accepted": len(kept),
        "rejected": len(rejected),
        "reasons": {text: int(number) for text, number in sorted(reasons.items())},
        "groups": int(kept["group"].nunique()),
        "splits": {name: {k: int(v) for k, v in row.items()} for name, row in by_split.iterrows()},
    }


def _description(settings: dict, counts: dict, out: Path) -> dict:
    versions = {"pillow": PIL.__version__, "imagehash": imagehash.__version__}
    return {
        **settings,
        "counts": counts,
        "manifest_sha256": runtime.sha256_file(out / "manifest.csv"),
        "versions": versions,
    }
