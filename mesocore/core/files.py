"""Files as a whole: hashes, free space, what a folder holds, and writing that leaves no half."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from mesocore.core.errors import UserError

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_bytes(path: Path) -> int:
    """Free bytes of the disk on which `path` lies or would lie."""
    path = Path(path).absolute()
    return shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free


def walk(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Every file below a folder, and every folder below it that cannot be entered.

    Yields (path relative to the folder, with "/"; None, or the reason why it was not entered).
    Links to folders are followed, each folder once. What is no regular file counts as a file.
    """
    seen, problems = {os.path.realpath(folder)}, []
    for here, folders, files in os.walk(folder, followlinks=True, onerror=problems.append):
        folders.sort()
        prefix = "" if Path(here) == folder else Path(here).relative_to(folder).as_posix() + "/"
        for child in list(folders):
            real = os.path.realpath(os.path.join(here, child))
            if real in seen:
                folders.remove(child)
                yield prefix + child, "a link to a folder that was already visited"
            seen.add(real)
        for file in sorted(files):
            yield prefix + file, None
    for problem in problems:
        relative = Path(problem.filename or folder).relative_to(folder).as_posix()
        yield relative, f"folder cannot be read: {(problem.strerror or 'I/O error').lower()}"


def printable(name: str | os.PathLike) -> str:
    """The one form in which a name, or a line with names in it, is shown and stored: UTF-8 text.

    Written as \\xNN or \\uNNNN: bytes that are not UTF-8, line breaks and all that steers a
    terminal or turns the direction of writing. Different names may come to look alike.
    """
    name = os.fspath(name)
    if name.isascii() and name.isprintable():
        return name
    with contextlib.suppress(UnicodeEncodeError):  # half a character, from JSON or on Windows
        name = os.fsencode(name).decode("utf-8", "backslashreplace")
    return _UNPRINTABLE.sub(_escaped, name)


def _escaped(found: re.Match) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def temporary(path: Path) -> str:
    """The name beside `path` under which `write_bytes` writes before it renames."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.getpid()}.tmp")


def put_in_place(half: str | Path, path: str | Path) -> None:
    """Gives a file that is whole its name, once the disk has its content, and has the disk keep
    that name."""
    with open(half, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(half, path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_bytes(path: Path, data: bytes, durable: bool = True) -> None:
    """Writes a file so that a reader, or a crash, sees the old one or the new one, never half.

    A power cut too, if `durable`: that waits for the disk.
    """
    half = temporary(path)
    try:
        try:
            file = open(half, "wb", buffering=0)  # noqa: SIM115
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            file = open(half, "wb", buffering=0)  # noqa: SIM115
        with file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
        if durable:
            put_in_place(half, path)
        else:
            os.replace(half, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(half)
        if isinstance(error, OSError):
            error.filename, error.filename2 = os.fspath(path), None  # not the half, which is gone
        raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for text, in UTF-8."""
    write_bytes(path, text.encode())


def to_json(value: object) -> str:
    """JSON: indented, in the given key order, ending in a newline.

    Raises `ValueError` for NaN and infinity, which JSON has not; a figure that is undefined is
    None.
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: object) -> None:
    """`write_bytes` for `to_json`. A path that is not UTF-8 is read back as it was."""
    write_bytes(path, to_json(value).encode(errors="backslashreplace"))  # \\udcNN, as JSON has it


def check_free(out: Path, option: str = "--out") -> None:
    """Raises `UserError` unless `out` is an empty folder or does not exist."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty; choose another {option}")


def remove_folder(folder: Path, seconds: float = 5) -> None:
    """Removes a folder with all in it, though a process that a killed one left behind, and that
    ends within moments, may still put a file there."""
    end = time.monotonic() + seconds
    while True:
        try:
            return shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
