"""Equal and nearly equal images: what is left out, and what must stay in one group.

Near-duplicates are candidates by perceptual hash, confirmed on thumbnails.

The hash is `imagehash.phash`, 64 bit. On faces it is weak evidence: portraits of different people
come within 8 bits of each other. So a pair counts only if its colour thumbnails agree too, on the
60 % of cells that agree best: that forgives a replaced eye or mouth, and another face, shirt and
background do not pass. `MAX_DIFFERENCE` was set by eye on the 516 pairs within 10 bits among 11,100
real and forged faces (OpenForensics, FFHQ/StyleGAN, Photoshop): the 22 below it are all the same
photograph, the first of different people is at 0.28. Recompressed, resized, blurred, brightened and
locally edited copies are found; crops of more than 2 % a side, mirror images and grey copies of
coloured photographs are mostly not.

Candidates are found by multi-index hashing (Norouzi, Punjani and Fleet, "Fast search in Hamming
space with multi-index hashing", CVPR 2012): two hashes within `MAX_DISTANCE` = 10 bits agree to
within 2 bits in at least one of four 16-bit words, so only such words are looked up. The work for
evenly spread hashes grows as n^2 / 240 instead of n^2 / 2; up to some 65,536 of them, the part that
is linear in n is the larger.
"""

import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mesocore.core.parallel import in_parallel
from mesocore.data.assembly.fingerprints import THUMBNAIL

MAX_DISTANCE = 10
MAX_DIFFERENCE = 0.25
_AGREEING = 0.6  # share of cells that must be within it
_WORD = 16
_MASKS = [sum(1 << bit for bit in bits) for k in range(3) for bits in combinations(range(_WORD), k)]


def differences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far thumbnails are apart where they agree best: float32 (N,), from 0.

    first, second: float32 (N, 16, 16, channels), in units of their contrast (`contrasts`).
    Brightness, tint and contrast are set aside. Different photographs are mostly above 0.5.
    """
    delta = (first - second).reshape(len(first), 16 * 16, first.shape[-1])
    delta = np.ascontiguousarray(delta.transpose(0, 2, 1))  # (N, channels, cells)
    # sorted for the median: on CPUs with vectors faster than a selection
    delta -= np.sort(delta)[..., 127:129].mean(axis=-1, keepdims=True)
    return np.sort(np.abs(delta).max(axis=1))[:, int(_AGREEING * 255)]


def contrasts(thumbs: np.ndarray) -> np.ndarray:
    """Of thumbnails uint8 (N, 16, 16, 3): float32 (N, 1, 1, 1), 1 at least."""
    scale = thumbs.reshape(len(thumbs), -1).std(axis=1).clip(min=1).astype(np.float32)
    return scale[:, None, None, None]


def candidate_pairs(hashes: np.ndarray, workers: int = 1) -> np.ndarray:
    """All pairs i < j of uint64 (N,) hashes within `MAX_DISTANCE` bits: int64 (P, 2), sorted."""
    words = hashes.astype("<u8").view("<u2").reshape(-1, 4)
    task = functools.partial(_pairs_of_word, hashes=hashes, words=words)
    parts = [(place, masks) for place in range(4) for _, masks in _batches(_MASKS, 35)]
    keys = np.concatenate(list(in_parallel(task, parts, workers)))
    keys.sort()
    return np.stack(np.divmod(keys, max(1, len(hashes))), axis=1)


def _pairs_of_word(
    part: tuple[int, list[int]], hashes: np.ndarray, words: np.ndarray
) -> np.ndarray:
    """Pairs i < j, as i * N + j, whose words at one place differ by one of some masks.

    A pair is left to the first place where its words are near, so none is found twice.
    """
    found = [np.empty(0, np.int64)]
    place, masks = part
    word = words[:, place]
    order = np.argsort(word, kind="stable")
    starts = np.searchsorted(word[order], np.arange(2**_WORD + 1))
    for mask in masks:
        wanted = word ^ np.uint16(mask)
        rows = np.flatnonzero(word <= wanted)  # from one side: half of the work
        for i, j in _same_word(wanted[rows], order, starts):
            i = rows[i]
            near = np.bitwise_count(hashes[i] ^ hashes[j]) <= MAX_DISTANCE
            if mask == 0:
                near &= i < j
            i, j = i[near], j[near]
            apart = np.bitwise_count(words[i, :place] ^ words[j, :place])
            first = (apart > 2).all(axis=1)
            low, high = np.minimum(i, j)[first], np.maximum(i, j)[first]
            found.append(low * len(hashes) + high)
    return np.concatenate(found)


def _same_word(
    wanted: np.ndarray, order: np.ndarray, starts: np.ndarray, limit: int = 2**18
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Index pairs (i, j) with word[j] == wanted[i], about `limit` at a time to bound memory."""
    begin = starts[wanted]
    length = starts[wanted.astype(np.int64) + 1] - begin
    ends = np.cumsum(length)
    at = 0
    while at < len(wanted):
        done = ends[at - 1] if at else 0
        stop = max(at + 1, int(np.searchsorted(ends, done + limit, side="right")))
        part = length[at:stop]
        i = np.repeat(np.arange(at, stop), part)
        within = np.arange(len(i)) - np.repeat(np.cumsum(part) - part, part)
        yield i, order[np.repeat(begin[at:stop], part) + within]
        at = stop


def near_duplicates(
    hashes: list[str],
    thumbnails: Path,
    places: np.ndarray,
    workers: int = 1,
    distance: int = MAX_DISTANCE,
    difference: float = MAX_DIFFERENCE,
) -> np.ndarray:
    """Confirmed pairs i < j of near-duplicates: int64 (P, 2), sorted.

    hashes and thumbnails: of `fingerprints`; the thumbnail of hashes[i] is number places[i] of a
    file. distance, at most `MAX_DISTANCE`, and difference: the limits. Among aligned faces 1.5
    pairs in 10,000 are candidates, millions in a large set: `workers` share them, and thumbnails
    stay in the file, so that memory stays flat.
    """
    values = np.array([int(text, 16) for text in hashes], dtype=np.uint64)
    pairs = candidate_pairs(values, workers)
    pairs = pairs[np.bitwise_count(values[pairs[:, 0]] ^ values[pairs[:, 1]]) <= distance]
    scales = np.empty((len(values), 1, 1, 1), np.float32)
    for start, part in _batches(places, 4096):
        scales[start : start + len(part)] = contrasts(_read(thumbnails, part))
    near = np.zeros(len(pairs), dtype=bool)
    compare = functools.partial(_alike, thumbnails=thumbnails, difference=difference)
    batches = ((start, places[part], scales[part]) for start, part in _batches(pairs, 1024))
    for start, found in in_parallel(compare, batches, workers):
        near[start : start + len(found)] = found
    return pairs[near]


def _batches(items: Sequence, size: int) -> Iterator[tuple[int, Sequence]]:
    for start in range(0, len(items), size):
        yield start, items[start : start + size]


def _read(thumbnails: Path, places: np.ndarray) -> np.ndarray:
    every = np.memmap(thumbnails, np.uint8, "r").reshape(-1, *THUMBNAIL)
    return np.asarray(every[places])


def _alike(
    batch: tuple[int, np.ndarray, np.ndarray], thumbnails: Path, difference: float
) -> tuple[int, np.ndarray]:
    """Which pairs are within the difference. Green alone tells most apart, at a fifth of the work:
    no channel is further apart than all three."""
    start, places, scales = batch
    first, second = (_read(thumbnails, part) for part in places.T)
    one, other = scales[:, 0], scales[:, 1]
    green = slice(1, 2)
    near = differences(first[..., green] / one, second[..., green] / other) <= difference
    all_three = differences(first[near] / one[near], second[near] / other[near])
    near[near] = all_three <= difference
    return start, near


def components(count: int, pairs: np.ndarray) -> np.ndarray:
    """int (count,): the connected component of each index, linked by int64 (P, 2)."""
    rows, columns = pairs.T
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def exact_duplicates(table: pd.DataFrame) -> pd.Series:
    """Why a row must go, "" where it stays; `table` is sorted by origin.

    Rows are equal if their matched JPEGs are, which follows from equal files and equal pixels. Of
    equal rows of one label the first stays; equal rows of both labels all go.
    """
    equal = table[table.duplicated("sha256", keep=False)]
    alike: dict[str, list] = defaultdict(list)
    for row in equal[["sha256", "label", "origin", "original"]].itertuples():
        alike[row.sha256].append(row)
    reasons = {}
    for rows in alike.values():
        first, of_label = rows[0], {row.label: row for row in reversed(rows)}
        for row in rows:
            others = [other for label, other in of_label.items() if label != row.label]
            if others:
                reasons[row.Index] = f"both labels: same image as {others[0].origin}"
            elif row is not first:
                same = "file" if row.original == first.original else "image"
                reasons[row.Index] = f"duplicate: same {same} as {first.origin}"
    of_each = [reasons.get(index, "") for index in table.index]
    return pd.Series(of_each, index=table.index, dtype=object)


def links(table: pd.DataFrame, thumbnails: Path, workers: int = 1) -> np.ndarray:
    """Pairs of rows that belong together: int64 (P, 2).

    Near-duplicates, equal images, rows of one `key` (from groups.csv), and rows of which the same
    video is the first of `videos`. `table` has sha256, phash, place (of its thumbnail in the file
    `thumbnails`), key, videos (a tuple of names) and the index 0..N-1.
    """
    unique = table.index[~table["sha256"].duplicated()].to_numpy()
    places = table["place"].to_numpy()[unique]
    near = near_duplicates(table["phash"].iloc[unique].tolist(), thumbnails, places, workers)
    first = table["videos"].map(lambda names: names[0] if names else None)
    return np.concatenate([
        _chained(table["sha256"]), _chained(table["key"].dropna()), _chained(first.dropna()),
        unique[near],
    ])  # fmt: skip


def bridges(videos: pd.Series) -> np.ndarray:
    """The same of rows that are of more than one video, as a face swap is: int64 (P, 2).

    From each to a row of each of its further videos.
    """
    several = videos[videos.map(len) > 1]
    row_of = {name: row for row, names in reversed(list(videos.items())) for name in names[:1]}
    further = []
    for row, names in several.items():
        for name in names[1:]:
            further.append((row, row_of.setdefault(name, row)))
    return np.array([pair for pair in further if pair[0] != pair[1]], np.int64).reshape(-1, 2)


def group_names(original: pd.Series, pairs: np.ndarray) -> pd.Series:
    """A group for every row: those that `pairs` join are one.

    Its name comes from the content of its members (`original`: SHA-256 of the original file), so it
    does not depend on what else was assembled. The index is 0..N-1.
    """
    component = components(len(original), pairs).tolist()
    least: dict[int, str] = {}
    for number, sha256 in zip(component, original.tolist(), strict=True):
        least[number] = min(sha256, least.get(number, sha256))
    return pd.Series(["g" + least[number][:16] for number in component], index=original.index)


def _chained(keys: pd.Series) -> np.ndarray:
    """Pairs of rows that link all rows of equal key: int64 (P, 2)."""
    codes = pd.factorize(keys)[0]
    order = np.argsort(codes, kind="stable")
    equal = codes[order[1:]] == codes[order[:-1]]
    rows = keys.index.to_numpy()[order]
    return np.stack([rows[:-1][equal], rows[1:][equal]], axis=1)
