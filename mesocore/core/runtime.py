"""Seeds, threads, folders and provenance: what makes two runs agree, and says what a run was.

Determinism lives here and nowhere else. The thread count is part of it: it changes the order in
which sums are taken, which shows in losses at 256 px, so it is fixed rather than taken from the
machine.
"""

import contextlib
import ctypes
import importlib.metadata
import os
import platform
import random
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import platformdirs
from tqdm import tqdm

from mesocore.core.errors import UserError
from mesocore.core.files import printable
from mesocore.core.ranges import Range

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


def setup(seed: int = 0) -> None:
    """Seeds Python, NumPy and torch, fixes the thread count, and asks torch for determinism.

    Threads are `MESO_THREADS`, or 2; runs agree only with runs of the same count. The chapters and
    experiments leave it at 2, the `mesocore` command sets it to all cores unless it is set.
    """
    import torch  # here and below, late: what needs no network should not wait for it

    torch.set_num_threads(threads())
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or its sums vary; before CUDA
    # not use_deterministic_algorithms, which imports the compiler: five seconds
    torch.set_deterministic_debug_mode("warn" if torch.cuda.is_available() else "error")
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
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def threads() -> int:
    """The thread count: `MESO_THREADS`, or 2. Raises `UserError` unless a positive integer."""
    value = os.environ.get("MESO_THREADS", str(THREADS))
    try:
        return Range(int, 1, 4096).parse("MESO_THREADS", value)
    except UserError:
        raise UserError(
            f"MESO_THREADS={value!r} is not a positive integer; unset it or write 2"
        ) from None


def project_root() -> Path:
    """Where `data/`, `figures/` and `results/` live: `MESO_HOME`, or the checkout.

    Where the package is installed by itself, the user's data folder: nothing is written beside it.
    """
    if home := os.environ.get("MESO_HOME"):
        return Path(home)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout
    return platformdirs.user_data_path("mesocore", appauthor=False)


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
    import torch

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
    """The command that is running, as a shell takes it; it begins in `project_root()`.

    One that was called elsewhere goes there first.
    """
    line = shlex.join(printable(word) for word in [*_program(), *sys.argv[1:]])
    here = Path.cwd()
    return line if here == project_root() else f"cd {shlex.quote(printable(str(here)))} && {line}"


def _program() -> list[str]:
    """What was called: a module by `python -m`, an installed command, or a script."""
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) and getattr(main, "__file__", None) == sys.argv[0]:
        return ["python", "-m", main.__spec__.name.removesuffix(".__main__")]
    called = Path(sys.argv[0])
    return ["python", sys.argv[0]] if called.suffix == ".py" else [called.name]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def progress(iterable: Iterable, desc: str, total: int | None = None) -> tqdm:
    """A tqdm bar on stderr: in a terminal, in a notebook that somebody has open, or if
    `MESO_PROGRESS=1` asks for it."""
    open_in_jupyter = "JPY_SESSION_NAME" in os.environ  # set by its server, not where chapters run
    asked = os.environ.get("MESO_PROGRESS") == "1"
    show = sys.stderr.isatty() or asked or open_in_jupyter
    return tqdm(iterable, desc=desc, total=total, disable=not show, dynamic_ncols=True,
                leave=not open_in_jupyter)  # fmt: skip
