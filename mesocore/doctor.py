"""Checks a machine against what the course needs; each FAIL names its fix.

Nothing that can be broken is imported before it is checked, so `python -P mesocore/doctor.py`
(`make doctor`) gives its answer where `import mesocore` fails.
"""

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

FREE_GB = 2.0  # the embedded images, the runs of every chapter and the site, with room to spare
CHECKOUT = Path(__file__).resolve().parents[1]
COURSE = (CHECKOUT / "pyproject.toml").is_file()  # or the package is installed by itself
FOLDERS = ("data", "build", "figures", "results") if COURSE else ("data",)
INSTALL = "run `make setup`" if COURSE else "pip install mesocore"
REINSTALL = "remove .venv and run `make setup`" if COURSE else "pip install --upgrade mesocore"


@dataclass(frozen=True)
class Check:
    """One requirement: whether it holds, what was found and, where it fails, the fix."""

    name: str
    ok: bool
    found: str
    fix: str = ""

    def __str__(self) -> str:
        line = f"{'OK  ' if self.ok else 'FAIL'}  {self.name}: {self.found}"
        return line if self.ok else f"{line}\n      fix: {self.fix}"


def doctor(root: Path | None = None) -> list[Check]:
    """Every check, in the order in which a reader should fix things.

    `root` is the folder that holds data/ and results/: the project's unless given.
    """
    root = Path(root or os.environ.get("MESO_HOME") or _home())
    return [
        python(),
        *packages(),
        torch_and_torchvision(),
        threads(),
        gpu(),
        disk(root),
        *(writable(root / name) for name in FOLDERS),
    ]


def _home() -> Path:
    """As `core.runtime.project_root` has it."""
    if COURSE:
        return CHECKOUT
    try:
        import platformdirs
    except ImportError:  # the check of packages reports this
        return Path.home()
    return platformdirs.user_data_path("mesocore", appauthor=False)


def to_text(checks: list[Check]) -> str:
    """One line per check, the fix under each FAIL, and a summary."""
    failed = sum(not check.ok for check in checks)
    summary = f"{failed} of {len(checks)} checks failed" if failed else "all is well"
    return "\n".join([*map(str, checks), summary])


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Is this Python new enough?"""
    return Check(
        "Python",
        version >= (3, 11),
        f"{'.'.join(map(str, version))}, needs >= 3.11",
        "install Python 3.11 or newer, then `make PYTHON=/path/to/python3 setup`",
    )


def packages(requirements: list[str] | None = None) -> Iterator[Check]:
    """Is each package of pyproject.toml here, in a version that it allows?"""
    if requirements is None:
        try:
            requirements = importlib.metadata.requires("mesocore") or []
        except importlib.metadata.PackageNotFoundError:
            yield Check("mesocore", False, "not installed", INSTALL)
            return
    extra = "course" if COURSE else ""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield _package(requirement)


def _package(requirement: Requirement) -> Check:
    wanted = f"needs {requirement.specifier}" if requirement.specifier else "any version"
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Check(requirement.name, False, f"missing, {wanted}", INSTALL)
    ok = requirement.specifier.contains(version, prereleases=True)
    return Check(requirement.name, ok, f"{version}, {wanted}", REINSTALL)


def torch_and_torchvision() -> Check:
    """Do torch and torchvision belong together? Runs one of torchvision's compiled operators."""
    name = "torch with torchvision"
    try:
        import torch
        import torchvision

        boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.1], [4.0, 4.0, 6.0, 6.0]])
        kept = torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist()
    except Exception as error:  # a mismatch shows as ImportError, OSError, RuntimeError and more
        return Check(name, False, f"{type(error).__name__}: {error}".splitlines()[0], REINSTALL)
    versions = f"{torch.__version__} with {torchvision.__version__}"
    return Check(name, kept == [0, 2], versions, REINSTALL)


def threads() -> Check:
    """Is MESO_THREADS, where it is set, a number of threads?"""
    value = os.environ.get("MESO_THREADS", "2")
    return Check(
        "threads",
        value.isascii() and value.isdecimal() and 0 < int(value) <= 4096,
        f"{value} of {os.cpu_count()} cores",
        f"MESO_THREADS={value!r} is not a positive integer: unset it, or set it to 2",
    )


def gpu() -> Check:
    """What a GPU would add. The course does not need one, so this cannot fail."""
    try:
        import torch

        if torch.cuda.is_available():
            return Check("GPU", True, torch.cuda.get_device_name(0))
    except Exception:  # the check of torch reports this
        pass
    return Check("GPU", True, "none; not needed, every chapter runs on the CPU")


def disk(root: Path, needed: float = FREE_GB) -> Check:
    """Is there room for `needed` GB of images, runs and pages?"""
    free = shutil.disk_usage(_nearest(root)).free / 1e9
    return Check(
        "disk space",
        free >= needed,
        f"{free:.1f} GB free, needs {needed:g} GB",
        f"free some, or set MESO_HOME to a folder on another disk (now {root})",
    )


def writable(folder: Path) -> Check:
    """Can files be written into `folder`, or could it be made?"""
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        fix = f"make it a folder that {_user()} may write to, or set MESO_HOME to one"
        return Check(f"{folder.name}/ writable", False, f"{folder}: {reason}", fix)
    return Check(f"{folder.name}/ writable", True, str(folder))


def _nearest(path: Path) -> Path:
    """The path, or the nearest of its parents that exists: where it would be made."""
    return next(place for place in (path, *path.resolve().parents) if place.exists())


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("USERNAME") or "this user"


def main() -> int:
    """Prints the report; returns the exit status, 1 if anything fails."""
    report = doctor()
    print(f"{platform.system()} {platform.machine()}, {sys.executable}\n{to_text(report)}")
    return int(not all(check.ok for check in report))


if __name__ == "__main__":
    sys.exit(main())
