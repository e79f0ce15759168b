"""A set that cannot be written to, as a class shares it: its caches lie elsewhere, and it is said.

Root may write anywhere, so a test that runs as root becomes nobody while it reads.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mesocore.data import cache_folder, dataset
from mesocore.data.assembled_set import AssembledSet

NOBODY = 65534


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def shared(small_set: Path) -> Iterator[Path]:
    """A copy of a set without caches, read-only, in a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shared = shutil.copytree(small_set, Path(folder) / "set",
                                 ignore=shutil.ignore_patterns(".cache"))  # fmt: skip
        places = [shared, *(p for p in shared.rglob("*") if p.is_dir())]
        for place in places:
            place.chmod(0o555)
        yield shared
        for place in places:
            place.chmod(0o755)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's cache folder, which nobody may write to as well."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        monkeypatch.setenv("XDG_CACHE_HOME", folder)
        monkeypatch.setattr(cache_folder.platformdirs, "user_cache_path",
                            lambda name, appauthor: Path(folder) / name)  # fmt: skip
        cache_folder._elsewhere.cache_clear()
        yield Path(folder)
        cache_folder._elsewhere.cache_clear()


def test_a_read_only_set_is_packed_in_the_users_cache_folder(shared, small_set, home, capsys):
    expected = dataset.load(small_set, "val").images
    with unprivileged():
        for _ in range(2):
            assert torch.equal(dataset.load(shared, "val").images, expected)
    assert not (shared / ".cache").exists()
    (packed,) = home.rglob("*.npy")
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{shared} is read-only; its decoded images are kept in {packed.parent}"]


def test_without_a_cache_folder_they_last_as_long_as_the_process(shared, small_set, home, capsys):
    expected = dataset.load(small_set, "val").images
    home.chmod(0o555)
    with unprivileged():
        assert torch.equal(dataset.load(shared, "val").images, expected)
    assert list(home.iterdir()) == [] and not (shared / ".cache").exists()
    assert capsys.readouterr().err.endswith(", until this process ends\n")


def test_a_cache_that_is_there_is_read_where_it_is(shared, home):
    shared.chmod(0o755)
    dataset.load(shared, "val")
    (shared / ".cache").chmod(0o555)
    shared.chmod(0o555)
    with unprivileged():
        dataset.load(shared, "val")
    assert list(home.iterdir()) == []
    (shared / ".cache").chmod(0o755)


def test_a_set_that_can_be_written_keeps_its_caches(small_set, home):
    made = AssembledSet(small_set)
    assert made.cache_file("val", 64).parent == small_set / ".cache"
    assert list(home.iterdir()) == []
