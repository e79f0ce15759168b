"""The packed cache of a split: one NumPy file, written once by all cores, then mapped.

Beside it `NAME.json` says which file that was, by size and time, and what is in it, by a hash. A
cache that is another file is read once and compared, one with other content is packed anew.
"""

import contextlib
import functools
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from typing_extensions import TypedDict

from mesocore.core.errors import BadImage, UserError
from mesocore.core.files import free_bytes, put_in_place, sha256_file, write_json
from mesocore.core.images import Preparation, resize, to_array
from mesocore.core.parallel import in_parallel, workers_for
from mesocore.core.runtime import progress
from mesocore.core.schemas import Count, Sha256, parse_json, read_array
from mesocore.data.assembled_set import INPUTS

_BLOCK = 64  # images that a process packs at a time
_LOCK = "lock"


class Note(TypedDict):
    """What is beside a cache. `sha256`: of the SHA-256 of each block of images, in order."""

    bytes: Count
    mtime_ns: Count
    sha256: Sha256


def mapped(cache: Path, count: int, size: int) -> np.ndarray | None:
    """A cache as uint8 `(count, 3, size, size)`, copy on write: the file itself never changes.

    None if there is none, or another than was written.
    """
    try:
        pixels = read_array(cache, "uint8", (count, 3, size, size), "pack anew", mapped=True)
        known = parse_json(_note(cache).read_text(encoding="utf-8"), Note)
        status = cache.stat()
    except (UserError, OSError, ValueError):
        return None
    if (status.st_size, status.st_mtime_ns) == (known["bytes"], known["mtime_ns"]):
        return pixels
    digests = [_digest(pixels[start : start + _BLOCK]) for start in range(0, count, _BLOCK)]
    if _joined(digests) != known["sha256"]:
        return None
    with contextlib.suppress(OSError):  # a copy of the set; one that can only be read stays so
        _write_note(cache, digests)
    return pixels


def pack(files: Mapping[Path, str], cache: Path, prep: Preparation, size: int) -> None:
    """Decodes `files` by `prep` into `cache`, uint8 `(N, 3, size, size)`, and drops stale caches.

    `files`: path -> SHA-256 that it has to have. One process does it, others wait for it. Raises
    `UserError` if there is no room, or naming the image that cannot be read or is another.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache.parent / _LOCK):
        if mapped(cache, len(files), size) is None:  # another process may have packed it meanwhile
            _drop_stale(cache)
            _write(list(files.items()), cache, prep, size)


def _drop_stale(cache: Path) -> None:
    current = cache.stem.rpartition("-")[2]
    for old in cache.parent.iterdir():
        kept = old.name in (_LOCK, INPUTS) or re.fullmatch(rf".*-{current}\.(npy|json)", old.name)
        if not kept:
            old.unlink()  # of an earlier manifest, or half written


def _write(files: Sequence[tuple[Path, str]], cache: Path, prep: Preparation, size: int) -> None:
    # Front to back: a full disk then is an error, where a mapped file would be a crash
    half, shape = cache.with_suffix(".part"), (len(files), 3, size, size)
    _check_room(cache, math.prod(shape))
    starts = range(0, len(files), _BLOCK)
    task = functools.partial(_decoded, files=files, prep=prep, size=size)
    digests = [b""] * len(starts)
    try:
        with half.open("wb") as file, progress(None, f"packing {cache.name}", len(files)) as bar:
            about = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, about)
            first = file.tell()
            for start, pixels, digest in in_parallel(task, starts, workers_for(len(files))):
                file.seek(first + start * 3 * size * size)
                file.write(pixels)
                digests[start // _BLOCK] = digest
                bar.update(len(pixels))
        put_in_place(half, cache)
        _write_note(cache, digests)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise UserError(f"{cache} cannot be written: {error.strerror}; make room") from error


def _note(cache: Path) -> Path:
    return cache.with_suffix(".json")


def _write_note(cache: Path, digests: Sequence[bytes]) -> None:
    status = cache.stat()
    write_json(_note(cache), {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns,
                              "sha256": _joined(digests)})  # fmt: skip


def _digest(pixels: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(pixels)).digest()


def _joined(digests: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _check_room(cache: Path, needed: int) -> None:
    free = free_bytes(cache)
    if needed > free:
        raise UserError(
            f"the packed cache {cache} takes {needed / 1e9:.1f} GB and its disk has "
            f"{free / 1e9:.1f} GB free; make room, or train at a smaller size"
        )


def _decoded(
    start: int, files: list[tuple[Path, str]], prep: Preparation, size: int
) -> tuple[int, np.ndarray, bytes]:
    """One block: its first row, uint8 (B, 3, size, size), and their digest."""
    arrays = np.stack([_array(*file, prep) for file in files[start : start + _BLOCK]])
    pixels = resize(torch.from_numpy(arrays), size).numpy()
    return start, pixels, _digest(pixels)


def _array(path: Path, sha256: str, prep: Preparation) -> np.ndarray:
    fix = "restore it, or assemble the set anew"
    try:
        pixels = to_array(path, prep)
        if sha256_file(path) != sha256:
            raise BadImage("not the image of the manifest")
    except BadImage as error:
        raise UserError(f"{path}, an image of an assembled set: {error}; {fix}") from None
    return pixels
