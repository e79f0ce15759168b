"""Unpacking archives that others made: nothing outside the target, nothing endless.

Members are written under a part folder that is renamed when all are out, so a folder that is there
is complete. What a zip says about itself is not believed: bytes are counted while they come.
"""

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from mesocore.core import files, runtime
from mesocore.core.errors import UserError

MAX_FILES = 1_000_000
MAX_FILE_BYTES = 256 * 2**20  # as pixels.MAX_BYTES: no larger file would be used
MAX_RATIO = 20  # unpacked to packed; collections of JPEGs are at 1
_SLACK = 64 * 2**20  # a small archive of text may shrink more
_BLOCK = 2**20


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
            _check_room(sum(m.file_size for m in members), target)
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


def _check_room(needed: int, target: Path) -> None:
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
