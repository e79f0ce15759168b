"""Tensors in safetensors files: the door that all are opened through, and the states of training.

The format has no code and no links; a file may still be damaged, or a stranger's: what it declares
is held against the file before any of it is read. A state is what outlives a step of training as
named tensors: a part's are `PART.NAME`, an optimiser's moments `PART.INDEX.NAME`; its settings are
the caller's to restore.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from mesocore.core.errors import UserError
from mesocore.core.schemas import parse_json

MOST_HEADER = 8 << 20  # bytes of JSON; a name takes a hundred, and a history of 1,000 epochs 200 kB
_ABOUT, _HASH = "about", "tensors_sha256"


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


def collect(parts: Mapping[str, nn.Module | Optimizer]) -> dict[str, Tensor]:
    """All tensors of the parts, contiguous, by name."""
    tensors = {}
    for part, holder in parts.items():
        if isinstance(holder, Optimizer):
            for index, moments in holder.state_dict()["state"].items():
                tensors |= {f"{part}.{index}.{name}": value for name, value in moments.items()}
        else:
            tensors |= {f"{part}.{name}": value for name, value in holder.state_dict().items()}
    return {name: value.contiguous() for name, value in tensors.items()}


def to_bytes(tensors: Mapping[str, Tensor], about: Mapping[str, object] | None = None) -> bytes:
    """A state as a file, with a hash of its tensors; `about`: further plain values."""
    digest = hashlib.sha256(save(dict(tensors))).hexdigest()
    text = json.dumps({**(about or {}), _HASH: digest})
    return save(dict(tensors), metadata={_ABOUT: text})  # one key: several come in any order


def read(path: Path, schema: object, fix: str) -> tuple[dict[str, Tensor], dict]:
    """Tensors of a state, and `about`, which has to fit `schema`.

    `fix` ends the line of the `UserError` if the file is damaged.
    """
    try:
        with open_tensors(path) as file:
            about = _about(file.metadata(), schema)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (UserError, ValueError) as error:
        raise damaged(path, error, fix) from None
    known = about.get(_HASH)  # states of older versions have none
    if known is not None and known != hashlib.sha256(save(tensors)).hexdigest():
        raise damaged(path, "its tensors are not those that were written", fix)
    return tensors, about


def read_about(path: Path, schema: object, fix: str) -> dict:
    """`read` without the tensors: quick, whatever their size."""
    try:
        with open_tensors(path) as file:
            return _about(file.metadata(), schema)
    except (UserError, ValueError) as error:
        raise damaged(path, error, fix) from None


def _about(metadata: Mapping[str, str] | None, schema: object) -> dict:
    metadata = metadata or {}
    by_key = ", ".join(f"{json.dumps(key)}: {value}" for key, value in metadata.items())
    return parse_json(metadata.get(_ABOUT, f"{{{by_key}}}"), schema)  # older ones: a text a key


def damaged(path: Path, why: object, fix: str) -> UserError:
    """The error of a state that cannot be used."""
    return UserError(f"{path} is damaged ({' '.join(str(why).split())[:160]}); {fix}")


def put_back(parts: Mapping[str, nn.Module | Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `collect`, into parts of the same shapes. Raises `ValueError` for others."""
    for part, holder in parts.items():
        prefix = f"{part}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if isinstance(holder, Optimizer):
            groups = holder.state_dict()["param_groups"]
            holder.load_state_dict({"state": _moments(holder, own), "param_groups": groups})
            continue
        try:
            holder.load_state_dict(own)
        except RuntimeError as error:
            raise ValueError(f"not the tensors of this {part}: {error}") from None


def _moments(optimiser: Optimizer, own: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in own.items():
        index, _, name = key.partition(".")
        fits = index.isdecimal() and int(index) < len(weights)
        if not fits or value.dim() and value.shape != weights[int(index)].shape:
            raise ValueError(f"the optimiser has no weight for {key}")
        moments.setdefault(int(index), {})[name] = value
    return moments
