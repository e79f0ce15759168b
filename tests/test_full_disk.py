"""A disk that fills up, played by the system's limit on the size of a file: one line, no loss."""

import contextlib
import errno
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesocore.nets import detector
from tests.commands import mesocore


@contextlib.contextmanager
def room(limit: int) -> Iterator[None]:
    """No file can grow beyond `limit` bytes; writing more fails with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


NAMING = {"tensorboard", "assembly.json", ".cache"}  # folders or times


def contents(folder: Path) -> dict[str, bytes]:
    """By name; without those in which folders or times are named."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*")
            if p.is_file() and not NAMING & set(p.parts)}  # fmt: skip


def check(command: list, out: Path, limit: int, again: tuple = ()) -> None:
    """`command` fails for want of room with one line; the same then, and `again`, ends as ever."""
    whole = out.with_name("whole")
    if not whole.exists():
        assert mesocore(*command, "--out", whole).returncode == 0
    with room(limit):
        done = mesocore(*command, "--out", out)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "disk" in line and "full; make room and run the same command again" in line
    assert not list(out.rglob("*.tmp"))
    done = mesocore(*command, "--out", out, *again)
    assert done.returncode == 0, done.stderr
    assert contents(out) == contents(whole)


@pytest.mark.parametrize("limit", [100, 40_000, 120_000])  # settings, weights, the state
def test_training_goes_on_after_a_full_disk(limit, small_set, tmp_path):
    command = ["train", "meso4", "--data", small_set, "--epochs", 2, "--size", 64]
    again = ("--resume",) if limit > 10_000 else ()
    check(command, tmp_path / "run", limit, again)


def test_pruning_goes_on_after_a_full_disk(small_set, small_run, tmp_path):
    command = ["prune", small_run(), "--amount", 0.2, "--data", small_set, "--epochs", 1]
    check(command, tmp_path / "run", 120_000, ("--resume",))


def test_an_ensemble_leaves_nothing_half(small_set, small_run, tmp_path, monkeypatch):
    command = ["ensemble", small_run(seed=0), small_run(seed=1), "--data", small_set]
    check(command, tmp_path / "run", 40_000)

    def full(path: Path, value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:  # the weights had room
        patch.setattr(detector, "write_json", full)
        done = mesocore(*command, "--out", tmp_path / "later")
    assert done.returncode == 2 and "later/model.json cannot be written" in done.stderr
    assert not (tmp_path / "later").exists()


def test_synthetic_faces_go_on_after_a_full_disk(tmp_path):
    check(["assemble", "synthfaces", "--count", 4], tmp_path / "a" / "set", 3000)


@pytest.mark.parametrize("option", ["--json", "--card"])
def test_an_evaluation_is_shown_though_its_record_has_no_room(
    option, small_set, small_run, tmp_path
):
    (tmp_path / "old").write_text("old")
    mesocore("evaluate", small_run(), "--data", small_set)  # which packs the images
    with room(1000):
        done = mesocore("evaluate", small_run(), "--data", small_set, option, tmp_path / "old")
    assert done.returncode == 2 and "roc_auc" in done.stdout
    (line,) = done.stderr.splitlines()
    assert "old cannot be written: the disk is full" in line
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"old": "old"}
