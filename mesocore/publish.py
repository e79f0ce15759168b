"""Pass 2 of assembly: the journal's records -> manifest, rejected, originals, assembly.json.

Everything is derived from the journal in the order of `origin`, so that neither the order of the
inputs nor an interruption shows in the result.
"""

import os
import sys
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import PIL

from mesocore import convert, dataset_card, grouping, splits
from mesocore.core import files
from mesocore.core.errors import UserError
from mesocore.plan import Plan
from mesocore.sources import Candidate, kinds

MANIFEST = [
    "path", "label", "source", "group", "split", "sha256", "phash", "width", "height", "origin",
    "edit",
]  # fmt: skip
ORIGINALS = [
    "origin", "format", "bytes", "width", "height", "mode", "progressive", "quantisation", "tables",
    "exif", "icc", "original",
]  # fmt: skip
_NUMBERS = {"bytes": np.int64, "width": np.int64, "height": np.int64, "quantisation": float}
_FLAGS = ("progressive", "exif", "icc")
_FEW = {"format", "mode", "tables", "edit"}  # columns of few different words
REJECTED = ["origin", "label", "source", "reason"]


def publish(plan: Plan, out: Path, journals: list[Path], workers: int = 1) -> None:
    """From the journals of pass 1 to the files of a complete set in `out`.

    Raises `UserError` if a class has no usable image; rejected.csv is there all the same.
    """
    table = _table(plan.candidates, journals)
    usable = table[table["reason"] == ""].reset_index(drop=True)
    usable["group"] = grouping.group_names(usable, out, workers)
    usable["reason"] = grouping.exact_duplicates(usable)
    kept = usable[usable["reason"] == ""]
    rejected = _rejected(table, usable, plan.unlabelled)
    del table, usable
    write_csv(out / "rejected.csv", rejected)
    for label in ("real", "fake"):
        if not (kept["label"] == label).any():
            raise UserError(f"no usable {label} image; {out / 'rejected.csv'} lists the reasons")
    settings = plan.settings
    stratum = kept["source"].astype(object) + "/" + kinds(kept)
    split = splits.assign(kept["group"], stratum, tuple(settings["split"]), settings["seed"])
    kept = kept.assign(split=split, path=kept["image"])
    write_csv(out / "manifest.csv", kept[MANIFEST])
    write_csv(out / "originals.csv", kept[ORIGINALS])
    _sweep(out, set(kept["image"]))
    numbers = counts(kept, rejected)
    description = _description(settings, numbers, out)
    if plan.recipe:
        files.write_text(
            out / "README.md", dataset_card.text(plan.recipe, description, kept, rejected)
        )
    files.write_json(out / "assembly.json", description)


def _rejected(
    table: pd.DataFrame, usable: pd.DataFrame, unlabelled: list[tuple[str, str]]
) -> pd.DataFrame:
    none = pd.DataFrame(unlabelled, columns=["origin", "reason"])
    none["label"], none["source"] = "", none["origin"].str.split("/").str[0]
    parts = [table[table["reason"] != ""], usable[usable["reason"] != ""], none]
    return pd.concat([part[REJECTED] for part in parts]).sort_values("origin")


def _table(candidates: list[Candidate], journals: list[Path]) -> pd.DataFrame:
    """The journals' last word on each candidate, sorted by origin; `reason` is "" if usable.

    Column by column, with equal words kept once, so that a large set fits.
    """
    row_of = {candidate.origin: row for row, candidate in enumerate(candidates)}
    texts = ("image", "sha256", "phash", "original", "reason", "format", "mode", "tables", "edit")
    columns = {name: [None] * len(candidates) for name in (*texts, *_NUMBERS, *_FLAGS)}
    for record in convert.read_journals(journals):
        row = row_of.get(record["origin"])
        if row is not None:
            for name, column in columns.items():
                value = record.get(name)
                column[row] = sys.intern(value) if name in _FEW and value else value
    table = pd.DataFrame({name: _column(name, values) for name, values in columns.items()})
    for name in ("label", "source", "origin"):
        table[name] = pd.Series([getattr(c, name) for c in candidates], dtype=object)
    table["key"] = pd.Series([c.group for c in candidates], dtype=object)
    made = zip(columns["edit"], candidates, strict=True)
    return table.assign(edit=[edit or candidate.edit for edit, candidate in made])


def _column(name: str, values: list) -> np.ndarray:
    if name in _NUMBERS:
        return np.array([0 if value is None else value for value in values], _NUMBERS[name])
    if name in _FLAGS:
        return np.array([bool(value) for value in values])
    return np.array(["" if value is None else value for value in values], dtype=object)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    half = path.with_name(f".{path.name}.tmp")
    table.to_csv(half, index=False, lineterminator="\n")  # a part at a time: memory stays flat
    os.replace(half, path)


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
        "manifest_sha256": files.sha256_file(out / "manifest.csv"),
        "versions": versions,
    }
