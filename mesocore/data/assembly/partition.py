"""From rows and what joins them to groups and splits: no group lies in two.

Groups are assigned to splits by shares, or the splits of a collection are kept. Then what lies in
two of them is left out of the smaller evidence: of train for val, of both for test.

A face swap is of two videos, and chains of them (000_001, 001_002, ...) can join a whole collection
into one group. Where that leaves nothing to split, and where splits are kept, a swap is grouped
with the video that it shows, and left out if the other video lies in another split.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import reverse_cuthill_mckee

from mesocore.core.errors import UserError
from mesocore.data.assembled_set import SPLITS
from mesocore.data.assembly import duplicates, splits

_TOO_LARGE = 0.5  # share of all images in one group: nothing can be split then


def partition(
    table: pd.DataFrame, pairs: np.ndarray, settings: dict
) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Group, split and reason of every row; a row with a reason is left out, and has no split.

    table: original, videos, reason ("" if usable), stratum, given (a split or ""); its index is
    0..N-1. pairs: `duplicates.links`. settings: split, seed, keep_splits. Raises `UserError`.
    """
    across = duplicates.bridges(table["videos"])
    group = duplicates.group_names(table["original"], np.concatenate([pairs, across]))
    keep = bool(settings.get("keep_splits"))
    cut = len(across) and (keep or group.value_counts().iloc[0] > _TOO_LARGE * len(table))
    if cut:
        group = duplicates.group_names(table["original"], pairs)
    shares, seed = tuple(settings["split"]), settings["seed"]
    reason = table["reason"]
    if keep:
        split, more = _kept(table.assign(group=group), shares, seed)
        reason = reason.where(reason != "", more)
    elif cut:
        split = _along_the_chain(group, across, shares)
    else:
        usable = reason == ""
        split = splits.assign(group[usable], table["stratum"][usable], shares, seed)
        split = split.reindex(table.index, fill_value="")
    if cut:
        reason = _without_bridges(table["videos"], across, split.where(reason == "", ""), reason)
    return group, split.where(reason == "", ""), reason


def _along_the_chain(group: pd.Series, across: np.ndarray, shares: tuple) -> pd.Series:
    """A split for every row: groups that swaps join follow one another, so that few are cut.

    The order is that of a narrow band (Cuthill and McKee, "Reducing the bandwidth of sparse
    symmetric matrices", 1969); its first `shares[0]` of all images are train, and so on.
    """
    code, names = pd.factorize(group)
    links = code[across]
    both = np.concatenate([links, links[:, ::-1]])
    graph = coo_matrix((np.ones(len(both)), tuple(both.T)), shape=(len(names), len(names)))
    order = reverse_cuthill_mckee(graph.tocsr(), symmetric_mode=True)
    before = np.cumsum(np.bincount(code)[order]) - np.bincount(code)[order] / 2
    place = np.searchsorted(np.cumsum(shares)[:-1] * len(group), before)
    of_group = np.empty(len(names), int)
    of_group[order] = place
    return pd.Series(np.array(SPLITS, dtype=object)[of_group[code]], index=group.index)


def _without_bridges(
    videos: pd.Series, across: np.ndarray, split: pd.Series, reason: pd.Series
) -> pd.Series:
    """The reasons, with those of rows whose videos lie in two splits."""
    reason = reason.copy()
    place = split.to_numpy()
    apart = (place[across] != "").all(axis=1) & (place[across[:, 0]] != place[across[:, 1]])
    for row, other in across[apart]:
        if not reason[row]:
            reason[row] = (f"between splits: it is of {' and '.join(videos[row])}, which lie in "
                           f"{place[row]} and {place[other]}")  # fmt: skip
    return reason


def _kept(table: pd.DataFrame, shares: tuple, seed: int) -> tuple[pd.Series, pd.Series]:
    """The splits as they are given, and the reasons of rows whose group lies in a later one too."""
    given = table["given"].copy()
    if (given == "").all():
        raise UserError("--keep-splits: no folder is called train, val or test, and no table says "
                        "the split; leave the option out")  # fmt: skip
    rank = given.map({name: place for place, name in enumerate(SPLITS)}).fillna(-1)
    usable = table["reason"] == ""
    last = rank.where(usable, -1).groupby(table["group"]).transform("max")
    leaks = usable & (rank < last) & (rank >= 0)
    reason = pd.Series("", index=table.index, dtype=object)
    reason[given == ""] = "no split: in no folder called train, val or test"
    names = last.map(dict(enumerate(SPLITS)))
    reason[leaks] = "leak: its group is in the " + names[leaks] + " split too"
    if not (given == "val").any():  # nobody can train without one: it is taken from train
        train = usable & (given == "train") & ~leaks
        part = shares[1] / (shares[0] + shares[1])
        given[train] = splits.assign(
            table["group"][train], table["stratum"][train], (1 - part, part, 0.0), seed
        )
    for name in ("train", "test"):
        if not (usable & ~leaks & (given == name)).any():
            raise UserError(f"--keep-splits: no image is left in {name}: none is in a folder of "
                            "that name, or all of them are in another split too; leave the option "
                            "out")  # fmt: skip
    return given, reason
