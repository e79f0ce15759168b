"""A set with some kinds of its fakes alone: to train on one forgery and test on another."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mesocore import assemble, dataset, publish
from mesocore.core import files
from mesocore.core.errors import UserError
from mesocore.sources import kinds


def of_kinds(folder: Path, out: Path, wanted: Sequence[str]) -> Path:
    """An assembled set in `out`: all reals of `folder` and its fakes of the `wanted` kinds.

    Kinds are those of `sources.kinds`: "generated", "edited", "fake". Splits stay as they are and
    images are linked to, not copied; what is left out is listed as rejected. Complete already, it
    returns at once. Raises `UserError` for a kind that the set does not have.
    """
    folder, out = Path(folder), Path(out)
    whole = assemble.load(folder)
    manifest = whole.manifest
    kind = kinds(manifest)
    missing = sorted(set(wanted) - (set(kind) - {"real"}))
    if missing:
        there = ", ".join(sorted(set(kind) - {"real"}))
        raise UserError(f"{folder} has no fakes of kind {missing[0]!r}; it has: {there}")
    kept = kind.isin(["real", *wanted])
    about = {**_read(folder), "kinds": sorted(wanted), "of": dataset.manifest_hash(folder)}
    if dataset.is_assembled(out):
        if {key: _read(out).get(key) for key in ("kinds", "of")} != {
            k: about[k] for k in ("kinds", "of")
        }:
            raise UserError(f"{out} holds another set; remove it or name another folder")
        return out
    out.mkdir(parents=True, exist_ok=True)
    left_out = manifest[~kept].assign(reason="kind left out: " + kind[~kept])
    rejected = pd.concat([whole.rejected, left_out[publish.REJECTED]]).sort_values("origin")
    originals = pd.read_csv(folder / "originals.csv", keep_default_na=False, dtype=str)
    publish.write_csv(out / "manifest.csv", manifest[kept])
    publish.write_csv(out / "rejected.csv", rejected)
    publish.write_csv(
        out / "originals.csv", originals[originals["origin"].isin(manifest["origin"][kept])]
    )
    if not (out / "images").exists():
        os.symlink((folder / "images").resolve(), out / "images", target_is_directory=True)
    about |= {"counts": publish.counts(manifest[kept], rejected),
              "manifest_sha256": files.sha256_file(out / "manifest.csv")}  # fmt: skip
    files.write_json(out / "assembly.json", about)
    return out


def _read(folder: Path) -> dict:
    return json.loads((folder / "assembly.json").read_text())
