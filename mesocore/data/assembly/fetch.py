"""From a collection of a recipe to a folder on this machine: on disk already, unpacked, downloaded.

Everything that touches the network is in `_download`; the rest is tested without one. kagglehub
resumes an interrupted download and compares its MD5 with what the server states.

Archives that others made are unpacked with care: nothing outside the target, nothing endless.
Members are written under a part folder that is renamed when all are out, so a folder that is there
is complete. What a zip says about itself is not believed: bytes are counted while they come.
"""

import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import requests

from mesocore.core import files, runtime, schemas
from mesocore.core.errors import UserError
from mesocore.data.assembly.recipe import Collection

MAX_FILES = 1_000_000
MAX_FILE_BYTES = 256 * 2**20  # as images.MAX_BYTES: no larger file would be used
MAX_RATIO = 20  # unpacked to packed; collections of JPEGs are at 1
_SLACK = 64 * 2**20  # a small archive of text may shrink more
_BLOCK = 2**20


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
        folder = unpack(place, out.with_name(f"{out.name}-raw") / collection.name)
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
    columns = {"path": schemas.PLACE, "label_str": schemas.NAME}
    fix = f"complete the download of {collection.name}, or remove the index to do without it"
    table = schemas.read_table(index, columns, fix)
    label = {place.path: place.label for place in collection.folders}
    for path, said in zip(table["path"], table["label_str"], strict=True):
        relative = os.path.normpath(f"{collection.index_root}/{path}")
        if label.get(os.path.dirname(relative)) != said or not (folder / relative).is_file():
            raise UserError(
                f"{index} lists {path} as {said}, and {folder / relative} is no such file; {fix}"
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


def unpack(archive: Path, target: Path) -> Path:
    """Unpacks a zip into `target`, or finds that done; returns `target`.

    Raises `UserError` for what is no zip, is damaged, leaves the target, is a link, or is larger
    than the limits above or the disk.
    """
    archive, target = Path(archive), Path(target)
    if target.is_dir():
        return target
    half = target.with_name(f".{target.name}.part")
    shutil.rmtree(half, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as source:
            members = _checked(source, archive)
            _check_unpacked_room(sum(m.file_size for m in members), target)
            allowed = MAX_RATIO * archive.stat().st_size + _SLACK
            for member in runtime.progress(members, f"unpacking {archive.name}"):
                allowed -= _write(source, member, half, min(allowed, MAX_FILE_BYTES), archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(f"{archive} is no whole zip archive ({error}); download it again") from None
    except RuntimeError as error:  # zipfile's word for an encrypted member
        raise UserError(f"{archive} cannot be unpacked: {error}") from None
    half.mkdir(parents=True, exist_ok=True)
    half.replace(target)
    return target


def _checked(source: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    members = [member for member in source.infolist() if not member.is_dir()]
    if len(members) > MAX_FILES:
        raise UserError(f"{archive} has {len(members)} files, more than {MAX_FILES}; not unpacked")
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        kind = stat.S_IFMT(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise UserError(f"{archive}: {member.filename!r} leaves the folder; not unpacked")
        if kind not in (0, stat.S_IFREG):
            raise UserError(f"{archive}: {member.filename!r} is a link or device; not unpacked")
    return members


def _check_unpacked_room(needed: int, target: Path) -> None:
    free = files.free_bytes(target)
    if needed > free:
        raise UserError(
            f"unpacking into {target} takes {needed / 1e9:.1f} GB and its disk has "
            f"{free / 1e9:.1f} GB free; make room and run the same command again"
        )


def _write(
    source: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, allowed: int, archive: Path
) -> int:
    path = folder / member.filename.replace("\\", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with source.open(member) as packed, path.open("xb") as file:
        while block := packed.read(_BLOCK):
            written += len(block)
            if written > allowed:
                raise UserError(f"{archive}: {member.filename!r} grows beyond {allowed} bytes; "
                                "not unpacked")  # fmt: skip
            file.write(block)
    return written
