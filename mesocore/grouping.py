"""Pass 2's view of all images together: exact duplicates out, everything related in one group."""

from pathlib import Path

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


def group_names(table: pd.DataFrame, out: Path) -> pd.Series:
    """A group for every row: near-duplicates, equal images and sidecar groups are joined.

    The name comes from the content of the group's members, so it does not depend on what else was
    assembled. `table` has sha256, phash, image, original, key (sidecar group or None).
    """
    table = table.reset_index(drop=True)
    pairs = [*_chained(table["sha256"]), *_chained(table["key"].dropna())]
    unique = table.drop_duplicates("sha256")
    images = unique["image"].tolist()
    near = duplicates.near_duplicates(
        unique["phash"].tolist(), lambda i: (out / images[i]).read_bytes()
    )
    pairs += [(unique.index[i], unique.index[j]) for i, j in near]
    component = pd.Series(duplicates.components(len(table), pairs))
    return "g" + table["original"].groupby(component).transform("min").str[:16]


def _chained(keys: pd.Series) -> list[tuple[int, int]]:
    """Pairs of rows that link all rows of equal key."""
    pairs = []
    for rows in keys[keys.duplicated(keep=False)].groupby(keys).groups.values():
        pairs += zip(rows[:-1], rows[1:], strict=True)
    return pairs
