"""Where the packed caches of a set lie: in the set, or elsewhere if it is read-only.

A class shares one set, a competition mounts its input: neither can be written to.
"""

import functools
import hashlib
import sys
import tempfile
from pathlib import Path

import platformdirs


def cache_folder(folder: Path, name: str) -> Path:
    """The folder for the cache `name` of the set in `folder`.

    The set's own `.cache`, if the cache is there or could be written; else one in the user's cache
    folder, or where that is not to be had either, one that lasts as long as this process. Says so
    on stderr, once.
    """
    own = folder / ".cache"
    if (own / name).exists() or _writable(own):
        return own
    return _elsewhere(folder.resolve())


@functools.cache
def _elsewhere(folder: Path) -> Path:
    digest = hashlib.sha256(bytes(folder)).hexdigest()[:12]
    place = platformdirs.user_cache_path("mesocore", appauthor=False) / f"{folder.name}-{digest}"
    for_now = "" if _writable(place) else ", until this process ends"
    place = Path(_temporary_folder().name) / digest if for_now else place
    print(f"{folder} is read-only; its decoded images are kept in {place}{for_now}",
          file=sys.stderr)  # fmt: skip
    return place


@functools.cache
def _temporary_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="mesocore-")


def _writable(folder: Path) -> bool:
    """Tried, and not asked for: permissions do not tell a file system that is mounted read-only."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
