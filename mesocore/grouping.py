"""Pass 2's view of all images together: exact duplicates out, everything related in one group."""

from pathlib import Path

import numpy as np
import pandas as pd

from mesocore import duplicates


def exact_duplicates(table: pd.DataFrame) -> pd.Series:
    """Why a row must go, "" where it stays; `table` is sorted by origin.

    Rows are equal if their matched JPEGs are, which follows from equal files and equal pixels. Of
    equal rows of one label the first stays; equal rows of both labels all go.
    """
    reasons = pd.Series("", index=table.index, dtype=object)
    for _, rows in table[table.duplicated("sha256", keep=False)].groupby("sha256"):
        if rows["label"].nunique() > 1:
            for row in rows.itertuples():
                other = rows[rows["label"] != row.label].iloc[0]
                reasons[row.Index] = f"both labels: same image as {other['origin']}"
        else:
            first = rows.iloc[0]
            for row in rows.iloc[1:].itertuples():
                same = "file" if row.original == first["original"] else "image"
                reasons[row.Index] = f"duplicate: same {same} as {first['origin']}"
    return reasons


def group_names(table: pd.DataFrame, out: Path, workers: int = 1) -> pd.Series:
    """A group for every row: near-duplicates, equal images and sidecar groups are joined.

    The name comes from the content of the group's members, so it does not depend on what else was
    assembled. `table` has sha256, phash, image, original, key (sidecar group or None) and the index
    0..N-1.
    """
    unique = table.index[~table["sha256"].duplicated()].to_numpy()
    files = [f"{out}/{image}" for image in table["image"].iloc[unique]]  # a Path takes thrice that
    near = duplicates.near_duplicates(table["phash"].iloc[unique].tolist(), files, workers)
    keys = table["key"].dropna()
    pairs = np.concatenate([_chained(table["sha256"]), _chained(keys), unique[near]])
    component = pd.Series(duplicates.components(len(table), pairs))
    return "g" + table["original"].groupby(component).transform("min").str[:16]


def _chained(keys: pd.Series) -> np.ndarray:
    """Pairs of rows that link all rows of equal key: int64 (P, 2)."""
    codes = pd.factorize(keys)[0]
    order = np.argsort(codes, kind="stable")
    equal = codes[order[1:]] == codes[order[:-1]]
    rows = keys.index.to_numpy()[order]
    return np.stack([rows[:-1][equal], rows[1:][equal]], axis=1)
