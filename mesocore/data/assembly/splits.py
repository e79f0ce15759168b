"""Which split a group goes to: stratified, by whole groups, independent of the input order."""

import hashlib

import numpy as np
import pandas as pd

from mesocore.core.errors import UserError
from mesocore.core.ranges import Range
from mesocore.data.assembled_set import SPLITS


def parse(text: str) -> tuple[float, float, float]:
    """ "0.7/0.1/0.2" -> shares of train, val and test. Raises `UserError`."""
    try:
        shares = tuple(Range(float, 0, 1).parse("share", part) for part in text.split("/"))
    except UserError:
        shares = ()
    return check(shares, text)


def check(shares: tuple, text: str | None = None) -> tuple[float, float, float]:
    """Shares as given if they are three numbers from 0 that sum to 1; else raises `UserError`."""
    good = len(shares) == 3 and all(0 <= share <= 1 for share in shares)
    if not good or shares[0] == 0 or abs(sum(shares) - 1) > 1e-6:
        shown = text if text is not None else "/".join(map(str, shares))
        raise UserError(
            f"--split {shown!r} is not three shares that sum to 1; write for example 0.7/0.1/0.2"
        )
    return tuple(shares)


def assign(group: pd.Series, stratum: pd.Series, shares: tuple, seed: int) -> pd.Series:
    """A split for every row; rows of one group get the same.

    Groups go, the largest first and otherwise in an order drawn from the seed, to where the rarest
    of their strata lacks most images: a common stratum can be evened out later, by other groups.
    With groups of one image each stratum misses its share by less than one image.
    """
    rows, names = pd.factorize(group, sort=True)
    columns, strata = pd.factorize(stratum, sort=True)
    table = np.zeros((len(names), max(1, len(strata))), int)
    np.add.at(table, (rows, columns), 1)
    total = table.sum(axis=0)
    rarest = np.where(table > 0, total, len(group) + 1).argmin(axis=1)
    order = sorted(zip(-table.sum(axis=1), (_draw(seed, name) for name in names),
                       range(len(names)), strict=True))  # fmt: skip
    missing = np.outer(shares, total).astype(float)
    chosen = np.empty(len(names), int)
    for _, _, row in order:
        lacks = np.stack([missing[:, rarest[row]], missing @ table[row]], axis=1)
        first, second, third = np.round(lacks, 6).tolist()
        best = 0 if first >= max(second, third) else 1 if second >= third else 2
        missing[best] -= table[row]
        chosen[row] = best
    return pd.Series(np.array(SPLITS, dtype=object)[chosen[rows]], index=group.index)


def _draw(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
