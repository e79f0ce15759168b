"""Whatever is done to a file that is read back, a command ends in its answer or in one line.

hypothesis draws the damage. A command may succeed (the damage was harmless, or what it hit is made
anew), say so in one line with status 2, or, for a picture, answer that it cannot be judged; it
never shows a traceback, and it changes no other file.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesocore.cli import main
from tests.conftest import picture

EXAMPLES = settings(max_examples=12, deadline=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip


def _cut(data: bytes, at: float, _: bytes) -> bytes:
    return data[: int(at * len(data))]


def _overwrite(data: bytes, at: float, new: bytes) -> bytes:
    start = int(at * len(data))
    return data[:start] + new + data[start + len(new) :]


def _insert(data: bytes, at: float, new: bytes) -> bytes:
    start = int(at * len(data))
    return data[:start] + new + data[start:]


def _hole(data: bytes, at: float, _: bytes) -> bytes:
    start, length = int(at * len(data)), max(1, len(data) // 4)
    return data[:start] + bytes(len(data[start : start + length])) + data[start + length :]


def _twice(data: bytes, at: float, _: bytes) -> bytes:
    start = int(at * len(data))
    return data[:start] + data[start // 2 :]


DAMAGE = st.builds(
    lambda change, at, new: lambda data: change(data, at, new),
    st.sampled_from([_cut, _overwrite, _insert, _hole, _twice]),
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.binary(min_size=1, max_size=8),
              st.sampled_from([b"-1", b"1e999", b"NaN", b'"', b"{", b"\r\n", b"\xff\xfe", b"../"])),
)  # fmt: skip


def ends_well(command: list[str], capfd) -> int:
    """Runs a command; its status is 0, 1 or 2, and what it says on stderr is a line at most."""
    capfd.readouterr()
    status = main(command)
    said = capfd.readouterr().err
    lines = [line for line in said.replace("\r", "\n").split("\n") if "mesocore: " in line]
    assert status in (0, 1, 2, 4), said
    assert "Traceback" not in said
    assert len(lines) == (status == 2), said
    return status


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and ".cache" not in path.parts}  # fmt: skip


@pytest.fixture(scope="module")
def copies(small_set, small_run, tmp_path_factory) -> tuple[Path, Path]:
    """A set and a run on it, to be damaged and mended."""
    root = tmp_path_factory.mktemp("copies")
    return (Path(shutil.copytree(small_set, root / "set")),
            Path(shutil.copytree(small_run("meso4"), root / "run")))  # fmt: skip


@contextlib.contextmanager
def damaged(file: Path, damage: Callable[[bytes], bytes]) -> Iterator[None]:
    whole = file.read_bytes()
    try:
        file.write_bytes(damage(whole))
        yield
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize("name", ["manifest.csv", "assembly.json", "originals.csv"])
@EXAMPLES
@given(damage=DAMAGE)
def test_a_damaged_set_is_evaluated_or_refused(name, damage, copies, capfd):
    made, run = copies
    with damaged(made / name, damage):
        before = contents(made)
        ends_well(["evaluate", str(run), "--data", str(made)], capfd)
        assert contents(made) == before


@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "trained_on.npy"])
@EXAMPLES
@given(damage=DAMAGE)
def test_a_damaged_run_gives_a_verdict_or_a_line(name, damage, copies, capfd, tmp_path_factory):
    _, run = copies
    face = tmp_path_factory.getbasetemp() / "face.png"
    picture(1).save(face)
    with damaged(run / name, damage):
        ends_well(["predict", "--model", str(run), str(face)], capfd)


@pytest.mark.parametrize("name", ["config.json", "last.safetensors", "history.csv"])
@EXAMPLES
@given(damage=DAMAGE)
def test_a_damaged_training_goes_on_or_is_refused(name, damage, small_set, copies, capfd):
    _, run = copies
    file = run / name
    whole = contents(run)
    try:
        file.write_bytes(damage(whole[file]))
        ends_well(["train", "--model", "meso4", "--data", str(small_set), "--out", str(run),
                   "--epochs", "2", "--size", "64", "--batch-size", "8", "--resume"],
                  capfd)  # fmt: skip
    finally:
        for path, data in whole.items():
            path.write_bytes(data)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "gif", "tiff", "ppm", "jp2"])
@EXAMPLES
@given(damage=DAMAGE)
def test_a_damaged_picture_is_judged_or_named(suffix, damage, copies, capfd, tmp_path_factory):
    _, run = copies
    file = tmp_path_factory.getbasetemp() / f"face.{suffix}"
    picture(2).save(file)
    file.write_bytes(damage(file.read_bytes()))
    assert ends_well(["predict", "--model", str(run), str(file)], capfd) in (0, 1)
