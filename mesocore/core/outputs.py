"""Files that a command is asked to write: checked before its work, written where they are meant.

A regular file is replaced at once or not at all, the one that a link names too. Pipes and devices
are written to. `-` is stdout, and so is any other name of it (/dev/stdout).
"""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from mesocore.core.errors import UserError
from mesocore.core.files import temporary, to_json, write_bytes

STDOUT = Path("-")
LONGEST = 200  # bytes of a folder's name: others are made from it
# how a record and a model card may be told from a file that is only read
OWN = ('"command":', "# Model card")


def check(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path] = ()) -> None:
    """Raises `UserError` for an output that cannot be written, or would replace what is read.

    outputs: option -> its value. inputs: files and folders. In a folder that is read, a record or a
    card of an earlier call may be replaced, and nothing else.
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    places = [os.path.realpath(path) for path in given.values()]
    if len(set(places)) < len(places) or sum(map(is_stdout, given.values())) > 1:
        raise UserError(f"{' and '.join(given)} name one file; give each its own")
    read = [Path(os.path.realpath(path)) for path in inputs]
    for option, path in given.items():
        if not is_stdout(path):
            try:
                _check(option, path, read)
            except OSError as error:
                raise UserError(f"{option} {path}: {_reason(error)}; name another file") from error


def check_folder(option: str, path: Path) -> None:
    """Raises `UserError` for a folder to write into that cannot be one by its name or its place.

    What it may hold is the command's to say.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:  # TensorBoard and safetensors take none
        raise UserError(f"{option} {path} is not UTF-8; name another folder") from None
    if len(os.fsencode(path.name)) > LONGEST:
        raise UserError(f"{option}: a name of over {LONGEST} bytes; name another folder")
    try:
        if os.path.lexists(path):
            if not stat.S_ISDIR(os.stat(path).st_mode):
                raise UserError(f"{option} {path} is no folder; name another")
            return  # what is complete may be read-only
        around = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
        tempfile.TemporaryFile(dir=around).close()
    except OSError as error:
        raise UserError(f"{option} {path}: {_reason(error)}; name another folder") from None


def write_text(path: Path, text: str) -> None:
    """Writes an output that `check` has let through; in UTF-8."""
    data = text.encode("utf-8", "backslashreplace")  # names of files may be any bytes
    if is_stdout(path):
        sys.stdout.flush()
        with contextlib.suppress(AttributeError):  # a notebook's has no bytes
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
            return
        sys.stdout.write(data.decode())
    elif _is_special(path):
        with open(path, "wb") as file:
            file.write(data)
    else:
        write_bytes(Path(os.path.realpath(path)), data)


def write_json(path: Path, value: object) -> None:
    """`write_text` for JSON: indented, in the given key order, ending in a newline."""
    write_text(path, to_json(value))


def summary_stream(*outputs: Path | None) -> TextIO:
    """Where the lines for a person go: stderr if one of the outputs is stdout."""
    taken = any(path is not None and is_stdout(path) for path in outputs)
    return sys.stderr if taken else sys.stdout


def is_stdout(path: Path) -> bool:
    """True for `-` and for the file, pipe or terminal that this process's stdout is."""
    if path == STDOUT:
        return True
    try:
        return os.path.samestat(os.stat(path), os.fstat(1))
    except OSError:
        return False


def _check(option: str, path: Path, inputs: list[Path]) -> None:
    place = Path(os.path.realpath(path))
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise UserError(f"{option} {path} is a folder; name a file in it")
    if _is_special(path):
        if not os.access(path, os.W_OK):
            raise UserError(f"{option} {path} cannot be written to; name another file")
        return
    if mode is not None and not stat.S_ISREG(mode):
        raise UserError(f"{option} {path} is no file, pipe or terminal; name another")
    if not place.parent.is_dir():
        raise UserError(f"{option} {path}: there is no folder {place.parent}; make it first")
    if mode is not None and not mode & 0o222:  # which a rename would not ask, nor root
        raise UserError(f"{option} {path} is read-only; name another file")
    if mode is not None and _is_read(place, inputs):
        raise UserError(f"{option} {path} is a file that is read; name another")
    tempfile.TemporaryFile(dir=place.parent).close()
    with contextlib.suppress(FileNotFoundError):  # is the name too long, with what is put to it?
        os.stat(temporary(place))


def _is_read(place: Path, inputs: list[Path]) -> bool:
    if place in inputs:
        return True
    if not any(folder in place.parents for folder in inputs):
        return False
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return True
    return not any(word in text for word in OWN)


def _is_special(path: Path) -> bool:
    """True for a pipe or a device that takes characters."""
    with contextlib.suppress(OSError):
        mode = os.stat(path).st_mode
        return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
    return False


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
