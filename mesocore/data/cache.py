"""The packed cache of a split: one NumPy file, written once by all cores, then mapped."""

import functools
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from mesocore.core.errors import UserError
from mesocore.core.files import free_bytes
from mesocore.core.images import Preparation, resize, to_array
from mesocore.core.parallel import in_parallel, workers_for
from mesocore.core.runtime import progress

_BLOCK = 64  # images that a process packs at a time
_LOCK = "lock"


def pack(paths: Sequence[Path], cache: Path, prep: Preparation, size: int) -> None:
    """Decodes `paths` by `prep` into `cache`, uint8 `(N, 3, size, size)`, and drops stale caches.

    One process does it, others wait for it. Raises `UserError` if there is no room.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache.parent / _LOCK):
        if not cache.exists():  # another process may have packed it meanwhile
            _drop_stale(cache)
            _write(paths, cache, prep, size)


def _drop_stale(cache: Path) -> None:
    current = cache.stem.rpartition("-")[2]
    for old in cache.parent.iterdir():
        if old.name != _LOCK and not re.fullmatch(rf".*-{current}\.npy", old.name):
            old.unlink()  # of an earlier manifest, or half written


def _write(paths: Sequence[Path], cache: Path, prep: Preparation, size: int) -> None:
    # Front to back: a full disk then is an error, where a mapped file would be a crash
    half, shape = cache.with_suffix(".part"), (len(paths), 3, size, size)
    _check_room(cache, math.prod(shape))
    starts = range(0, len(paths), _BLOCK)
    task = functools.partial(_decoded, paths=paths, prep=prep, size=size)
    try:
        with half.open("wb") as file, progress(None, f"packing {cache.name}", len(paths)) as bar:
            about = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, about)
            first = file.tell()
            for start, pixels in in_parallel(task, starts, workers_for(len(paths))):
                file.seek(first + start * 3 * size * size)
                file.write(pixels)
                bar.update(len(pixels))
    except OSError as error:
        half.unlink(missing_ok=True)
        raise UserError(f"{cache} cannot be written: {error.strerror}; make room") from error
    half.replace(cache)


def _check_room(cache: Path, needed: int) -> None:
    free = free_bytes(cache)
    if needed > free:
        raise UserError(
            f"the packed cache {cache} takes {needed / 1e9:.1f} GB and its disk has "
            f"{free / 1e9:.1f} GB free; make room, or train at a smaller size"
        )


def _decoded(start: int, paths: list[Path], prep: Preparation, size: int) -> tuple[int, np.ndarray]:
    """One block: its first row and uint8 (B, 3, size, size)."""
    arrays = np.stack([to_array(path, prep) for path in paths[start : start + _BLOCK]])
    return start, resize(torch.from_numpy(arrays), size).numpy()
