"""The one door through which safetensors files are opened; a file may be damaged or a stranger's.

The format has no code and no links. What it declares is held against the file before any of it is
read.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mesocore.core.errors import UserError

MOST_HEADER = 8 << 20  # bytes of JSON; a name takes a hundred, and a history of 1,000 epochs 200 kB


@contextmanager
def open_tensors(path: Path) -> Iterator[safe_open]:
    """The tensors of `path` as safetensors' `safe_open`, to be read inside the `with`.

    Raises `UserError` if there is no such file, or its header does not fit it.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with open(path, "rb") as file:
            header, rest = int.from_bytes(file.read(8), "little"), os.fstat(file.fileno()).st_size
        if not 0 < header <= min(MOST_HEADER, rest - 8):
            raise UserError(f"{path} is damaged, or not of safetensors: it declares a header of "
                            f"{header} bytes")  # fmt: skip
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged, or not of safetensors ({error})") from error


def read_tensors(path: Path) -> dict:
    """All tensors of `path` by name. Raises `UserError` as `open_tensors` does."""
    with open_tensors(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
