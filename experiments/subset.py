"""A set with some kinds of its fakes alone: to train on one forgery and test on another."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mesocore.core.errors import UserError
from mesocore.data.assembled_set import REJECTED, AssembledSet, kinds


def of_kinds(data: Path | AssembledSet, out: Path, wanted: Sequence[str]) -> AssembledSet:
    """An assembled set in `out`: all reals of `data` and its fakes of the `wanted` kinds.

    Kinds are those of `kinds`: "generated", "edited", "fake". Splits stay as they are and images
    are linked to, not copied; what is left out is listed as rejected. Complete already, it returns
    at once. Raises `UserError` for a kind that the set does not have.
    """
    whole, out = AssembledSet(data), Path(out)
    manifest = whole.rows()
    kind = kinds(manifest)
    missing = sorted(set(wanted) - (set(kind) - {"real"}))
    if missing:
        there = ", ".join(sorted(set(kind) - {"real"}))
        raise UserError(f"{whole.folder} has no fakes of kind {missing[0]!r}; it has: {there}")
    kept = kind.isin(["real", *wanted])
    own = {"kinds": sorted(wanted), "of": whole.manifest_sha256}
    if AssembledSet.exists(out):
        if {key: AssembledSet(out).about.get(key) for key in own} != own:
            raise UserError(f"{out} holds another set; remove it or name another folder")
        return AssembledSet(out)
    out.mkdir(parents=True, exist_ok=True)
    left_out = manifest[~kept].assign(reason="kind left out: " + kind[~kept])
    rejected = pd.concat([whole.rejected(), left_out[REJECTED]]).sort_values("origin")
    originals = whole.originals()
    if not (out / "images").exists():
        os.symlink((whole.folder / "images").resolve(), out / "images", target_is_directory=True)
    return AssembledSet.write(
        out,
        {**whole.about, **own},
        manifest=manifest[kept],
        rejected=rejected,
        originals=originals[originals["origin"].isin(manifest["origin"][kept])],
    )
