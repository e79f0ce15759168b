"""Pass 2 of assembly: the journal's records -> groups, splits, and a complete set with its card.

Everything is derived from the journal in the order of `origin`, so that neither the order of the
inputs nor an interruption shows in the result.
"""

import base64
import functools
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import imagehash
import numpy as np
import pandas as pd
import PIL

from mesocore.core.errors import UserError
from mesocore.data.assembled_set import (
    LABELS,
    REJECTED,
    SPLITS,
    AssembledSet,
    kinds,
    write_rejected,
)
from mesocore.data.assembly import convert, duplicates, inputs, partition
from mesocore.data.assembly.fingerprints import THUMBNAIL
from mesocore.data.assembly.plan import Plan
from mesocore.data.assembly.recipe import EDITS, Recipe
from mesocore.data.sources.scanning import Candidate

_TEXTS = (
    "stamp", "image", "sha256", "phash", "original", "reason", "format", "mode", "tables", "edit",
)  # fmt: skip
_NUMBERS = {"bytes": np.int64, "width": np.int64, "height": np.int64, "quantisation": float}
_FLAGS = ("progressive", "exif", "icc")
_FEW = {"format", "mode", "tables", "edit"}  # columns of few different words


def write_set(plan: Plan, out: Path, journals: list[Path], workers: int = 1) -> None:
    """From the journals of pass 1 to the files of a complete set in `out`.

    Raises `UserError` if a class has no usable image; rejected.csv is there all the same.
    """
    with tempfile.NamedTemporaryFile(dir=journals[0].parent, prefix="thumbnails-") as file:
        table = _table(plan.candidates, journals, file)
        inputs.remember(plan, out, table.pop("stamp"))
        usable = table[table["reason"] == ""].reset_index(names="place")
        usable["stratum"] = usable["source"].astype(object) + "/" + kinds(usable)
        usable["reason"] = _exact_duplicates(usable, plan.settings)
        links = duplicates.links(usable, Path(file.name), workers)
    parted = partition.partition(usable, links, plan.settings)
    usable["group"], usable["split"], usable["reason"] = parted
    kept = usable[usable["reason"] == ""]
    rejected = _rejected(table, usable, plan.unlabelled)
    del table, usable, parted
    for label in LABELS:
        if not (kept["label"] == label).any():
            write_rejected(out, rejected)
            raise UserError(f"no usable {label} image; {out / 'rejected.csv'} lists the reasons")
    kept = kept.assign(path=kept["image"])
    _remove_unlisted(out, set(kept["image"]))
    versions = {"pillow": PIL.__version__, "imagehash": imagehash.__version__}
    card = plan.recipe and functools.partial(_card, plan.recipe, kept, rejected)
    about = {**plan.settings, "found": plan.found, "versions": versions}
    AssembledSet.write(out, about, manifest=kept, rejected=rejected, originals=kept, card=card)


def _exact_duplicates(usable: pd.DataFrame, settings: dict) -> pd.Series:
    """`duplicates.exact_duplicates`; where splits are kept, the copy in the last of them stays."""
    if settings.get("keep_splits"):
        last = usable["given"].map({name: -place for place, name in enumerate(SPLITS)}).fillna(1)
        usable = usable.iloc[np.argsort(last, kind="stable")]
    return duplicates.exact_duplicates(usable)


def _rejected(
    table: pd.DataFrame, usable: pd.DataFrame, unlabelled: list[tuple[str, str]]
) -> pd.DataFrame:
    none = pd.DataFrame(unlabelled, columns=["origin", "reason"])
    none["label"], none["source"] = "", none["origin"].str.split("/").str[0]
    parts = [table[table["reason"] != ""], usable[usable["reason"] != ""], none]
    return pd.concat([part[REJECTED] for part in parts]).sort_values("origin")


def _table(candidates: list[Candidate], journals: list[Path], thumbnails: BinaryIO) -> pd.DataFrame:
    """The journals' last word on each candidate, sorted by origin; `reason` is "" if usable.

    Column by column, with equal words kept once, and thumbnails in a file in the order of the rows,
    so that a large set fits.
    """
    row_of = {candidate.origin: row for row, candidate in enumerate(candidates)}
    columns = {name: [None] * len(candidates) for name in (*_TEXTS, *_NUMBERS, *_FLAGS)}
    for record in convert.read_journals(journals):
        row = row_of.get(record["origin"])
        if row is not None:
            if "thumbnail" in record:
                thumbnails.seek(row * math.prod(THUMBNAIL))
                thumbnails.write(base64.b64decode(record["thumbnail"]))
            for name, column in columns.items():
                value = record.get(name)
                column[row] = sys.intern(value) if name in _FEW and value else value
    thumbnails.truncate(len(candidates) * math.prod(THUMBNAIL))
    table = pd.DataFrame({name: _column(name, values) for name, values in columns.items()})
    for name in ("label", "source", "origin"):
        table[name] = pd.Series([getattr(c, name) for c in candidates], dtype=object)
    table["key"] = pd.Series([c.group for c in candidates], dtype=object)
    table["videos"] = pd.Series([c.videos for c in candidates], dtype=object)
    table["given"] = pd.Series([c.split for c in candidates], dtype=object)
    table["mask"] = pd.Series([c.mask for c in candidates], dtype=object)
    made = zip(columns["edit"], candidates, strict=True)
    return table.assign(edit=[edit or candidate.edit for edit, candidate in made])


def _column(name: str, values: list) -> np.ndarray:
    if name in _NUMBERS:
        return np.array([0 if value is None else value for value in values], _NUMBERS[name])
    if name in _FLAGS:
        return np.array([bool(value) for value in values])
    return np.array(["" if value is None else value for value in values], dtype=object)


def _remove_unlisted(out: Path, listed: set[str]) -> None:
    """Removes the images of dropped inputs, and what a crash left half-written."""
    for half in out.glob(".*.tmp"):
        half.unlink(missing_ok=True)
    for folder in out.glob("images/*"):
        with os.scandir(folder) as entries:  # a Path takes ten times as long, and there are many
            for entry in entries:
                if f"images/{folder.name}/{entry.name}" not in listed:
                    Path(entry.path).unlink(missing_ok=True)


def _card(recipe: Recipe, kept: pd.DataFrame, rejected: pd.DataFrame, about: dict) -> str:
    """README.md of a set that a recipe made, in Markdown: what it is, where from, which terms hold.

    about: what goes into assembly.json.
    """
    return "\n".join([
        f"# {recipe.name}", "", recipe.about, "",
        *_contents(kept, rejected), "",
        *_terms(recipe), "",
        *_made(recipe, about),
    ]) + "\n"  # fmt: skip


def _contents(kept: pd.DataFrame, rejected: pd.DataFrame) -> list[str]:
    lines = [
        "## Contents",
        "",
        "| source | kind | train | val | test | rejected |",
        "|---|---|---|---|---|---|",
    ]
    number = pd.crosstab([kept["source"].astype(object), kinds(kept)], kept["split"])
    lost = rejected.groupby(["source", "label"]).size()
    for (source, kind), row in number.iterrows():
        label = "real" if kind == "real" else "fake"
        shown = [f"{row.get(name, 0):,}" for name in ("train", "val", "test")]
        lines.append(
            f"| {source} | {kind} | {' | '.join(shown)} | {lost.get((source, label), 0):,} |"
        )
    reals = int((kept["label"] == "real").sum())
    lines += ["", f"{len(kept):,} images, {reals:,} real and {len(kept) - reals:,} fake "
              f"({reals / len(kept):.1%} real), in {kept['group'].nunique():,} groups. A group "
              "(an original with its edits, near-duplicates) is whole within a split. `rejected` "
              "counts per source and label; rejected.csv has the reasons."]  # fmt: skip
    return lines


def _terms(recipe: Recipe) -> list[str]:
    lines = ["## Sources and terms", ""]
    for one in recipe.sources:
        there, drawn = sum(place.files for place in one.folders), sum(one.quota.values())
        lines.append(f'- `{one.name}`: Kaggle `{one.kaggle}`, "{one.title}"; {drawn:,} of '
                     f"{there:,} images drawn. {one.licence}")  # fmt: skip
    if recipe.edits:
        lines.append(f"- `{EDITS}`: edits of reals of `{recipe.edits.of}` by mesocore (faces/"
                     "retouching.py), under the terms of their originals.")  # fmt: skip
    lines += ["", "The strictest of these terms holds for the whole. Do not publish faces from it."]
    return lines


def _made(recipe: Recipe, about: dict) -> list[str]:
    prep, share = about["preparation"], "/".join(map(str, recipe.split))
    manifest = about["manifest_sha256"]
    return [
        "## How it was made",
        "",
        f"Recipe {recipe.name}, SHA-256 {recipe.sha256}; manifest {manifest}.",
        "",
        f"Every image: {prep['fit']} to {prep['size']} x {prep['size']} pixels "
        f"({prep['resample']}), JPEG quality {prep['quality']}, no metadata. Split {share} by "
        f"group, seed {recipe.seed}.",
        "",
        "Known limits: collections were saved with histories of their own before they came here, "
        "so compare classes within a source too (`mesocore audit`).",
    ]
