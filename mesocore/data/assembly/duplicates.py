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
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image
from scipy.fftpack import dct
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from mesocore.core.errors import UserError
from mesocore.core.parallel import in_parallel

MAX_DISTANCE = 10
MAX_DIFFERENCE = 0.25
_AGREEING = 0.6  # share of cells that must be within it
_THUMB = (16, 16, 3)
_THUMB_BYTES = 16 * 16 * 3
_REDUCED = (
    (512, cv2.IMREAD_REDUCED_GRAYSCALE_8),
    (256, cv2.IMREAD_REDUCED_GRAYSCALE_4),
    (128, cv2.IMREAD_REDUCED_GRAYSCALE_2),
)  # by the short side: to 64 pixels or more
_WORD = 16
_MASKS = [sum(1 << bit for bit in bits) for k in range(3) for bits in combinations(range(_WORD), k)]


def phash(jpeg: bytes) -> str:
    """`imagehash.phash` of a JPEG as 16 hexadecimal digits, bit for bit, in half of its time.

    Read in grey at a quarter of its size or more, which JPEG decoders do cheaply. (Zauner,
    "Implementation and benchmarking of perceptual image hash functions", 2010: the low 8 x 8
    frequencies of 32 x 32 pixels against their median.)
    """
    pixels = np.asarray(_grey(jpeg).resize((32, 32), Image.Resampling.LANCZOS))
    low = dct(dct(pixels, axis=0)[:8], axis=1)[:, :8]
    middle = np.sort(low, axis=None)[31:33].mean()
    return np.packbits(low > middle).tobytes().hex()


def _grey(jpeg: bytes) -> Image.Image:
    """As `_small(jpeg, "L", 64)`; OpenCV has the same decoder and less around it."""
    side = _short_side(jpeg)
    reduced = next((flag for least, flag in _REDUCED if side >= least), None)
    if reduced is not None:
        found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), reduced | cv2.IMREAD_IGNORE_ORIENTATION)
        if found is not None:
            return Image.fromarray(found)
    return _small(jpeg, "L", 64)


def _short_side(jpeg: bytes) -> int:
    """Pixels, from the frame header of a baseline JPEG; 0 if there is none."""
    at = 2
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        if jpeg[at + 1] == 0xC0:
            return min(int.from_bytes(jpeg[at + k : at + k + 2]) for k in (5, 7))
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return 0


def thumbnail(jpeg: bytes) -> np.ndarray:
    """uint8 (16, 16, 3): the RGB image at that size."""
    small = _small(jpeg, "RGB", 32).resize((16, 16), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8)


def _small(jpeg: bytes, mode: str, side: int) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    image.draft(mode, (side, side))
    return image.convert(mode)


def differences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How far thumbnails uint8 (N, 16, 16, 3) are apart where they agree best: float32 (N,).

    In units of their contrast, from 0; brightness, tint and contrast are set aside. Different
    photographs are mostly above 0.5.
    """
    delta = _standardised(first) - _standardised(second)
    delta -= np.median(delta, axis=(1, 2), keepdims=True)
    return np.quantile(np.abs(delta).max(axis=-1).reshape(len(delta), -1), _AGREEING, axis=1)


def _standardised(thumbs: np.ndarray) -> np.ndarray:
    scale = thumbs.reshape(len(thumbs), -1).std(axis=1).clip(min=1).astype(np.float32)
    return thumbs.astype(np.float32) / scale[:, None, None, None]


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


def near_duplicates(hashes: list[str], files: Sequence[str | Path], workers: int = 1) -> np.ndarray:
    """Confirmed pairs i < j of near-duplicates: int64 (P, 2), sorted.

    hashes: of `phash`. files: the JPEGs; those are read that a hash has paired. Among aligned faces
    1.5 pairs in 10,000 are candidates, millions in a large set: `workers` share them, and
    thumbnails wait in a file, so that memory stays flat.
    """
    values = np.array([int(text, 16) for text in hashes], dtype=np.uint64)
    pairs = candidate_pairs(values, workers)
    involved = np.unique(pairs)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "thumbnails"
        looks = _batches([files[i] for i in involved], 256)
        with open(store, "wb") as file:
            for start, content in in_parallel(_look, looks, workers):
                file.seek(start * _THUMB_BYTES)
                file.write(content)
        compare = functools.partial(_alike, store=store)
        near = np.zeros(len(pairs), dtype=bool)
        rows = ((k, np.searchsorted(involved, part)) for k, part in _batches(pairs, 512))
        for start, found in in_parallel(compare, rows, workers):
            near[start : start + len(found)] = found
    return pairs[near]


def _batches(items: Sequence, size: int) -> Iterator[tuple[int, Sequence]]:
    for start in range(0, len(items), size):
        yield start, items[start : start + size]


def _look(batch: tuple[int, list[str | Path]]) -> tuple[int, bytes]:
    start, files = batch
    return start, b"".join(_look_at(Path(file)).tobytes() for file in files)


def _look_at(file: Path) -> np.ndarray:
    try:
        return thumbnail(file.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{file} is damaged ({error}); remove it, and the same command makes it "
                        "anew") from None  # fmt: skip


def _alike(batch: tuple[int, np.ndarray], store: Path) -> tuple[int, np.ndarray]:
    start, rows = batch
    with open(store, "rb", buffering=0) as file:
        content = b"".join(
            os.pread(file.fileno(), _THUMB_BYTES, row * _THUMB_BYTES) for row in rows.T.flat
        )
    first, second = np.frombuffer(content, np.uint8).reshape(2, -1, *_THUMB)
    return start, differences(first, second) <= MAX_DIFFERENCE


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


def links(table: pd.DataFrame, out: Path, workers: int = 1) -> np.ndarray:
    """Pairs of rows that belong together: int64 (P, 2).

    Near-duplicates, equal images, rows of one `key` (from groups.csv), and rows of which the same
    video is the first of `videos`. `table` has sha256, phash, image, key, videos (a tuple of names)
    and the index 0..N-1.
    """
    unique = table.index[~table["sha256"].duplicated()].to_numpy()
    files = [f"{out}/{image}" for image in table["image"].iloc[unique]]  # a Path takes thrice that
    near = near_duplicates(table["phash"].iloc[unique].tolist(), files, workers)
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
    component = pd.Series(components(len(original), pairs), index=original.index)
    return "g" + original.groupby(component).transform("min").str[:16]


def _chained(keys: pd.Series) -> np.ndarray:
    """Pairs of rows that link all rows of equal key: int64 (P, 2)."""
    codes = pd.factorize(keys)[0]
    order = np.argsort(codes, kind="stable")
    equal = codes[order[1:]] == codes[order[:-1]]
    rows = keys.index.to_numpy()[order]
    return np.stack([rows[:-1][equal], rows[1:][equal]], axis=1)
