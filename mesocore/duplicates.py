"""Near-duplicate images: candidates by perceptual hash, confirmed on thumbnails, joined to groups.

The hash is `imagehash.phash`, 64 bit. On faces it is a weak witness: portraits of different people
come within 8 bits of each other. So a pair counts only if its colour thumbnails agree too, on the
60 % of cells that agree best: that forgives a replaced eye or mouth, and another face, shirt and
background do not pass. `MAX_DIFFERENCE` was set by eye on the 516 pairs within 10 bits among 11,100
real and forged faces (OpenForensics, FFHQ/StyleGAN, Photoshop): the 22 below it are all the same
photograph, the first of different people is at 0.28. Recompressed, resized, blurred, brightened and
locally edited copies are found; crops of more than 2 % a side, mirror images and grey copies of
coloured photographs are mostly not.

Candidates are found by multi-index hashing (Norouzi, Punjani and Fleet, "Fast search in Hamming
space with multi-index hashing", CVPR 2012): two hashes within `MAX_DISTANCE` = 10 bits agree to
within 2 bits in at least one of four 16-bit words, so only such words are looked up. The work grows
as n^2 / 120, in vectorised steps, instead of n^2 / 2.
"""

import io
from collections.abc import Callable, Iterator
from itertools import combinations

import imagehash
import numpy as np
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

MAX_DISTANCE = 10
MAX_DIFFERENCE = 0.25
_AGREEING = 0.6  # share of cells that must be within it
_WORD = 16
_MASKS = [sum(1 << bit for bit in bits) for k in range(3) for bits in combinations(range(_WORD), k)]


def phash(jpeg: bytes) -> str:
    """`imagehash.phash` of a JPEG as 16 hexadecimal digits.

    Read in grey at a quarter of its size or more, which JPEG decoders do cheaply.
    """
    return str(imagehash.phash(_small(jpeg, "L", 64)))


def thumbnail(jpeg: bytes) -> np.ndarray:
    """uint8 (16, 16, 3): the RGB image at that size."""
    small = _small(jpeg, "RGB", 32).resize((16, 16), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8)


def _small(jpeg: bytes, mode: str, side: int) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    image.draft(mode, (side, side))
    return image.convert(mode)


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """How far two thumbnails are apart where they agree best, in units of their contrast.

    From 0; brightness, tint and contrast are set aside. Different photographs are mostly above 0.5.
    """
    delta = _standardised(first) - _standardised(second)
    delta -= np.median(delta, axis=(0, 1))
    return float(np.quantile(np.abs(delta).max(axis=-1), _AGREEING))


def _standardised(thumb: np.ndarray) -> np.ndarray:
    return thumb.astype(np.float32) / max(float(thumb.std()), 1.0)


def candidate_pairs(hashes: np.ndarray) -> np.ndarray:
    """All pairs i < j of uint64 (N,) hashes within `MAX_DISTANCE` bits: int64 (P, 2), sorted."""
    found = [np.empty((0, 2), np.int64)]
    words = hashes.astype("<u8").view("<u2").reshape(-1, 4)
    for word in words.T:
        order = np.argsort(word, kind="stable")
        starts = np.searchsorted(word[order], np.arange(2**_WORD + 1))
        for mask in _MASKS:
            for i, j in _same_word(word ^ np.uint16(mask), order, starts):
                near = (i < j) & (np.bitwise_count(hashes[i] ^ hashes[j]) <= MAX_DISTANCE)
                found.append(np.stack([i[near], j[near]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _same_word(
    wanted: np.ndarray, order: np.ndarray, starts: np.ndarray, limit: int = 2**20
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


def near_duplicates(hashes: list[str], jpeg: Callable[[int], bytes]) -> list[tuple[int, int]]:
    """Confirmed pairs i < j of near-duplicates.

    hashes: of `phash`. jpeg(i): the content of image i, read only where the hash has found a pair.
    """
    values = np.array([int(text, 16) for text in hashes], dtype=np.uint64)
    thumbnails: dict[int, np.ndarray] = {}

    def seen(i: int) -> np.ndarray:
        if i not in thumbnails:
            thumbnails[i] = thumbnail(jpeg(i))
        return thumbnails[i]

    return [
        (int(i), int(j))
        for i, j in candidate_pairs(values)
        if difference(seen(i), seen(j)) <= MAX_DIFFERENCE
    ]


def components(count: int, pairs: list[tuple[int, int]]) -> np.ndarray:
    """int (count,): the number of the connected component of each index."""
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    return connected_components(graph, directed=False)[1]
