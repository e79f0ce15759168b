"""What every other module stands on: seeds, threads, errors for people, atomic files, provenance.

Determinism lives here and nowhere else. The thread count is part of it: it changes the order in
which sums are taken, which shows in losses at 256 px, so it is fixed rather than taken from the
machine.
"""

import contextlib
import ctypes
import hashlib
import importlib.metadata
import json
import os
import platform
import random
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

THREADS = 2  # the smallest machine that the course supports; more would change the sums
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "scikit-learn",
    "pandas",
    "opencv-python-headless",
)


class UserError(Exception):
    """A mistake of the user's: one line that names the file or value and the way out."""


def setup(seed: int = 0) -> None:
    """Seeds Python, NumPy and torch, fixes the thread count, and asks torch for determinism.

    `MESO_THREADS` overrides the thread count (runs then agree only with runs of the same count).
    """
    torch.set_num_threads(threads())
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or its sums vary; before CUDA
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.utils.deterministic.fill_uninitialized_memory = False  # with NaN: a debugging aid, slow
    torch.backends.cudnn.allow_tf32 = False  # fp32 is fp32, on a GPU as on a CPU
    _keep_freed_memory()
    reseed(seed)


def _keep_freed_memory() -> None:
    """Has glibc keep what is freed for the next use.

    It would hand blocks of 32 MiB and more back to the kernel at once, which zeroes every page of
    the next one; a batch of 32 images at 256 px is made of such blocks. Where there is another C
    library nothing happens.
    """
    trim_threshold, mmap_max = -1, -4  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_MAX
    with contextlib.suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)


def reseed(seed: int) -> None:
    """Seeds Python, NumPy and torch and nothing else."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def threads() -> int:
    """The thread count: `MESO_THREADS`, or 2. Raises `UserError` unless a positive integer."""
    value = os.environ.get("MESO_THREADS", str(THREADS))
    if not value.isdigit() or int(value) < 1:
        raise UserError(f"MESO_THREADS={value!r} is not a positive integer; unset it or write 2")
    return int(value)


def project_root() -> Path:
    """Where `data/`, `figures/` and `results/` live: `MESO_HOME`, or the checkout."""
    return Path(os.environ.get("MESO_HOME") or Path(__file__).resolve().parents[1])


def fast() -> bool:
    """True if the environment asks for the short version of a chapter (`FAST=1`)."""
    return os.environ.get("FAST", "").lower() in {"1", "true", "yes"}


def output_root(short: bool) -> Path:
    """Where a chapter writes figures and results: the checkout, or `build/fast` for a short run.

    The numbers of a short run are no findings, so they never replace the committed ones.
    """
    return project_root() / "build" / "fast" if short else project_root()


def environment() -> dict:
    """Versions and hardware, as they go into a results file."""
    cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": cuda,
    }


def command_line() -> str:
    """The command that is running, without the folder it was called from."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_bytes(path: Path) -> int:
    """Free bytes of the disk on which `path` lies or would lie."""
    path = Path(path).absolute()
    return shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file so that a reader, or a crash, sees the old one or the new one, never half."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        try:
            file = open(temporary, "wb", buffering=0)  # noqa: SIM115
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            file = open(temporary, "wb", buffering=0)  # noqa: SIM115
        with file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for text, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """`write_bytes` for JSON: indented, in the given key order, ending in a newline."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def progress(iterable: Iterable, desc: str, total: int | None = None) -> tqdm:
    """A tqdm bar on stderr; silent when stderr is no terminal, unless `MESO_PROGRESS=1`."""
    show = sys.stderr.isatty() or os.environ.get("MESO_PROGRESS") == "1"
    return tqdm(iterable, desc=desc, total=total, disable=not show, dynamic_ncols=True)
