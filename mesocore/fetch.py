"""From a collection of a recipe to a folder on this machine: on disk already, unpacked, downloaded.

Everything that touches the network is in `_download`; the rest is tested without one. kagglehub
resumes an interrupted download and compares its MD5 with what the server states.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import requests

from mesocore import archive
from mesocore.core import files
from mesocore.core.errors import UserError
from mesocore.recipe import Collection


def obtain(collection: Collection, given: Mapping[str, Path], out: Path) -> Path:
    """The folder that holds `collection`, with every file that the recipe counts on.

    `given[collection.name]` is a folder that is used as it is, or a zip that is unpacked once,
    beside `out`. Otherwise kagglehub is asked, which finds an earlier download by itself. Raises
    `UserError` saying what to do where an account, room or files are missing.
    """
    place = given.get(collection.name)
    if place is None:
        folder = _download(collection)
    elif Path(place).is_dir():
        folder = Path(place)
    elif Path(place).is_file():
        _check_sum(collection, Path(place))
        folder = archive.unpack(place, out.with_name(f"{out.name}-raw") / collection.name)
    else:
        raise UserError(f"--source {collection.name}={place}: there is no such folder or zip")
    check(collection, folder)
    return Path(os.path.abspath(folder))


def parse_given(items: Iterable[str], known: Iterable[str]) -> dict[str, Path]:
    """["140k=/data/140k"] -> {"140k": Path("/data/140k")}. Raises `UserError`."""
    given, known = {}, list(known)
    for item in items:
        name, found, place = item.partition("=")
        if not found or not place or name not in known:
            raise UserError(f"--source {item!r}: write NAME=FOLDER or NAME=FILE.zip, "
                            f"with NAME one of: {', '.join(known)}")  # fmt: skip
        given[name] = Path(place)
    return given


def check(collection: Collection, folder: Path) -> None:
    """Raises `UserError` unless the files that the recipe expects are in `folder`."""
    for place in collection.folders:
        here = folder / place.path
        found = sum(1 for entry in os.scandir(here) if entry.is_file()) if here.is_dir() else 0
        if found < place.files:
            raise UserError(
                f"{collection.name}: {here} has {found} files, the recipe expects {place.files}; "
                f"give the folder that holds {place.path}, or complete the download"
            )
    for name in collection.index:
        if (folder / name).is_file():
            _check_index(collection, folder, folder / name)


def _check_index(collection: Collection, folder: Path, index: Path) -> None:
    try:
        table = pd.read_csv(index, usecols=["path", "label_str"], dtype=str)
    except (ValueError, OSError) as error:
        raise UserError(f"{index} is not the index of {collection.name}: {error}") from None
    label = {place.path: place.label for place in collection.folders}
    for path, said in zip(table["path"], table["label_str"], strict=True):
        relative = os.path.normpath(f"{collection.index_root}/{path}")
        if label.get(os.path.dirname(relative)) != said or not (folder / relative).is_file():
            raise UserError(
                f"{index} lists {path} as {said}, and {folder / relative} is no such file; "
                "complete the download, or remove the index to do without it"
            )


def _check_sum(collection: Collection, file: Path) -> None:
    if collection.sha256 and files.sha256_file(file) != collection.sha256:
        raise UserError(
            f"{file} is not the archive that the recipe knows: its SHA-256 differs from "
            f"{collection.sha256}; download it again"
        )


def _download(collection: Collection) -> Path:
    """The folder into which kagglehub has unpacked the collection. All network is in here."""
    import kagglehub  # late: it takes a second, and most sets need no network
    from kagglehub import exceptions
    from kagglehub.config import get_cache_folder

    _check_room(collection, Path(get_cache_folder()))
    by_hand = (f"or download the archive with a browser and add "
               f"--source {collection.name}=FILE.zip")  # fmt: skip
    try:
        return Path(kagglehub.dataset_download(collection.kaggle))
    except exceptions.DataCorruptionError:
        raise UserError(f"{collection.name}: the download was damaged on its way and has been "
                        "removed; run the same command again") from None  # fmt: skip
    except (exceptions.UnauthenticatedError, exceptions.CredentialError,
            exceptions.KaggleApiHTTPError) as error:  # fmt: skip
        raise UserError(
            f"{collection.name} ({collection.kaggle}) needs a Kaggle account that has accepted its "
            f"terms: data/README.md says how; {by_hand} ({_one_line(error)})"
        ) from None
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise UserError(
            f"{collection.name}: Kaggle cannot be reached; run the same command again to go on "
            f"where it stopped, {by_hand} ({_one_line(error)})"
        ) from None


def _check_room(collection: Collection, cache: Path) -> None:
    if (cache / "datasets" / collection.kaggle).exists():
        return  # downloaded already, or in part
    free, needed = files.free_bytes(cache), 2 * collection.gigabytes * 1e9
    if free < needed:
        raise UserError(
            f"{collection.name} takes {needed / 1e9:.1f} GB while it is unpacked and the disk of "
            f"{cache} has {free / 1e9:.1f} GB free; make room, or set KAGGLEHUB_CACHE to a folder "
            "on another disk"
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
