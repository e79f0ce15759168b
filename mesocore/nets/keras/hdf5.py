"""HDF5 files of strangers as plain groups and arrays, read by a process of its own.

The HDF5 library trusts what it reads: one byte can make it loop or take all memory. So it runs in a
process that has seconds to answer, little memory, and no right to open a file. There the
whole file is walked before an array is read, and what Keras never writes is refused: links, arrays
in other files, compressed or huge ones, text in the place of numbers.
"""

import codecs
import contextlib
import io
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field

import h5py
import numpy as np
from safetensors.numpy import load, save

from mesocore.core.errors import UserError

MOST_BYTES = 32 << 20  # of a file, of an array, and of all arrays; Meso4 takes one MB with its Adam
MOST_TEXT = 1 << 20  # bytes of an attribute; the configuration of a model takes 20 kB
MOST_OBJECTS = 4000  # groups and arrays; MesoInception4 with its optimiser has 300
DEEPEST = 16  # groups within groups; Keras needs five
SECONDS = 15  # for what takes half a second
MEMORY = 512 << 20  # bytes, beside what the process has at its start
ATTRIBUTES = ("model_config", "layer_names", "name")  # all that is read of a group's
START = "from mesocore.nets.keras import hdf5; hdf5.serve()"  # what the process runs
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_REFUSED = 3  # the exit status with a reason


@dataclass(frozen=True)
class Group:
    """A group: its `ATTRIBUTES`, texts or lists of texts, and what it holds, in order."""

    attributes: dict[str, str | list[str]] = field(default_factory=dict)
    children: dict[str, "Group | np.ndarray"] = field(default_factory=dict)


def is_hdf5(data: bytes) -> bool:
    """True if content begins as HDF5 does, at one of the places where the format allows it."""
    places = [0, *(512 << step for step in range(16))]
    return any(data[place : place + 8] == _SIGNATURE for place in places)


def read(data: bytes) -> Group:
    """The root of an HDF5 file's content; arrays are numbers in native order.

    Raises `UserError` with a reason that does not name the file.
    """
    # the path is set before anything is imported, so that the same modules are found as here
    path = f"import sys; sys.path[:] = {list(map(str, sys.path))}; "
    try:
        done = subprocess.run(
            [sys.executable, "-c", path + START], input=data, capture_output=True, timeout=SECONDS,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise UserError(f"is damaged: the HDF5 library came to no end in {SECONDS} s") from None
    if done.returncode == _REFUSED:
        raise UserError(done.stdout.decode())
    if done.returncode:
        raise UserError("is damaged, or not of Keras (it ended the HDF5 library)")
    length = int.from_bytes(done.stdout[:8], "little")
    arrays = load(done.stdout[8 + length :])
    return _group(json.loads(done.stdout[8 : 8 + length]), arrays)


def _group(tree: dict, arrays: dict[str, np.ndarray]) -> Group:
    return Group(tree["attributes"], {
        name: arrays[child] if isinstance(child, str) else _group(child, arrays)
        for name, child in tree["children"].items()
    })  # fmt: skip


def serve() -> None:
    """The process: an HDF5 file's content from stdin, its tree and arrays to stdout."""
    data = sys.stdin.buffer.read()
    _confine()
    try:
        walk = _Walk()
        with h5py.File(io.BytesIO(data)) as file:
            tree = json.dumps(walk.group(file, "", 0)).encode()
            answer = len(tree).to_bytes(8, "little") + tree + save(walk.read())
        status = 0
    except UserError as reason:
        status, answer = _REFUSED, str(reason).encode("utf-8", "backslashreplace")
    except Exception as error:  # of the library, for any damage
        said = f"is damaged, or not of Keras ({type(error).__name__}: {error})"
        status, answer = _REFUSED, said[:300].encode("utf-8", "backslashreplace")
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    os._exit(status)  # a damaged file may not close


def _confine() -> None:
    codecs.lookup("ascii")  # a file of Python's, which could not be opened later
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limits on Windows
        import resource

        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
            own = int(file.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS,) * 2)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # those that are open


class _Walk:
    """Goes through a whole file; `read` gives its arrays, once all of them are known to be fit."""

    def __init__(self) -> None:
        self.objects, self.bytes = 0, 0
        self.seen: set[int] = set()
        self.arrays: list[h5py.Dataset] = []

    def group(self, group: h5py.Group, path: str, depth: int) -> dict:
        """A group and all below it, as JSON takes it: an array is its number, as text."""
        self.objects += len(group)
        if self.objects > MOST_OBJECTS:
            raise UserError(f"holds more than {MOST_OBJECTS} groups and arrays; MesoNet has 300")
        if depth > DEEPEST:
            raise UserError(f"has groups more than {DEEPEST} deep, which Keras does not write")
        address = h5py.h5o.get_info(group.id).addr
        if address in self.seen:
            raise UserError(f"has the group {path or '/'} twice, which Keras does not write")
        self.seen.add(address)
        children = {}
        for name in group:
            child = f"{path}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UserError(f"has a link at {child} that leads elsewhere; none is followed")
            opened = h5py.h5o.open(group.id, name.encode("utf-8", "surrogateescape"))
            if isinstance(opened, h5py.h5g.GroupID):
                children[name] = self.group(h5py.Group(opened), child, depth + 1)
            elif isinstance(opened, h5py.h5d.DatasetID):
                children[name] = self._array(opened, child)
            else:
                raise UserError(f"has neither a group nor an array at {child}")
        return {"attributes": _attributes(group, path), "children": children}

    def _array(self, opened: h5py.h5d.DatasetID, path: str) -> str:
        layout = opened.get_create_plist()
        if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
            raise UserError(f"has an array {path} that lies in another file; none is followed")
        if layout.get_nfilters():
            raise UserError(f"has an array {path} that is compressed; save it without compression")
        array = h5py.Dataset(opened)
        if array.shape is None or array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            raise UserError(f"has an array {path} of {array.dtype}, not of numbers")
        need = math.prod(array.shape) * array.dtype.itemsize
        piece = math.prod(array.chunks or (0,)) * array.dtype.itemsize
        self.bytes += need
        if max(self.bytes, piece) > MOST_BYTES:
            raise UserError(f"declares more than {MOST_BYTES >> 20} MB of numbers, to {path} of "
                            f"{array.shape}; Meso4 takes one")  # fmt: skip
        if opened.get_storage_size() < need:
            raise UserError(f"has an array {path} of {array.shape} without its values")
        self.arrays.append(array)
        return str(len(self.arrays) - 1)

    def read(self) -> dict[str, np.ndarray]:
        return {
            str(number): np.asarray(array[()], array.dtype.newbyteorder("="), order="C")
            for number, array in enumerate(self.arrays)
        }


def _attributes(group: h5py.Group, path: str) -> dict[str, str | list[str]]:
    found = {}
    for name in ATTRIBUTES:
        if not h5py.h5a.exists(group.id, name.encode()):
            continue
        attribute = h5py.h5a.open(group.id, name.encode())
        if max(attribute.get_storage_size(), math.prod(attribute.shape)) > MOST_TEXT:
            raise UserError(f"has an attribute {name} of {path or '/'} beyond {MOST_TEXT} bytes")
        value = group.attrs[name]
        texts = [_text(one) for one in (value if isinstance(value, np.ndarray) else [value])]
        if None in texts or sum(map(len, texts)) > MOST_TEXT:
            raise UserError(f"has an attribute {name} of {path or '/'} that is no text")
        found[name] = texts if isinstance(value, np.ndarray) else texts[0]
    return found


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else None
