"""Where outputs go: through links, into pipes, devices, stdout; and over nothing that is read."""

import json
import os
import threading
from pathlib import Path

import pytest

from mesocore.core import outputs
from mesocore.core.errors import UserError


def write(path: Path, text: str = "new") -> None:
    outputs.check({"--json": path})
    outputs.write_text(path, text)


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    target, link, chain = tmp_path / "target", tmp_path / "link", tmp_path / "chain"
    target.write_text("old")
    link.symlink_to("target")
    chain.symlink_to("link")
    write(chain)
    assert link.is_symlink() and chain.is_symlink()
    assert target.read_text() == "new" and len(list(tmp_path.iterdir())) == 3


def test_a_link_to_nothing_makes_its_target(tmp_path):
    (tmp_path / "link").symlink_to("made")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "made").read_text() == "new"


def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join(timeout=20)
    assert got == ["new"] and pipe.is_fifo()


def test_a_device_is_written_to(tmp_path):
    # by a link: should it be replaced after all, then not the machine's own
    (tmp_path / "null").symlink_to(os.devnull)
    write(tmp_path / "null")
    assert (tmp_path / "null").is_symlink() and Path(os.devnull).is_char_device()


@pytest.mark.parametrize("name", ["-", "{tmp}/out", "/proc/self/fd/1"])
def test_every_name_of_stdout_is_stdout(name, tmp_path, capfd):
    (tmp_path / "out").symlink_to("/proc/self/fd/1")
    path = Path(name.format(tmp=tmp_path))
    print("before")
    write(path, "é\udcff\n")
    assert capfd.readouterr().out == "before\né\\udcff\n"
    assert outputs.summary_stream(path, None) is outputs.sys.stderr
    assert outputs.summary_stream(tmp_path / "x", None) is outputs.sys.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "is a folder"),
        ("linked", "is a folder"),
        ("", "is a folder"),
        ("none/x", "there is no folder"),
        ("astray", "there is no folder"),
        ("file/x", "not a directory"),
        ("loop", "too many levels"),
        ("n" * 300, "too long"),
        ("n" * 252, "too long"),
    ],
)
def test_what_cannot_be_written_is_said_before(name, said, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    for link, target in (("linked", "folder"), ("loop", "loop"), ("astray", "none/x")):
        (tmp_path / link).symlink_to(target)
    with pytest.raises(UserError, match=said):
        outputs.check({"--json": tmp_path / name})
    assert len(list(tmp_path.iterdir())) == 5 and (tmp_path / "file").read_text() == "old"


def test_what_is_read_is_not_replaced(tmp_path):
    run, data = tmp_path / "run", tmp_path / "data"
    run.mkdir(), data.mkdir()
    (run / "model.json").write_text("{}")
    (data / "a.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "link").symlink_to(run / "model.json")
    for path in (run / "model.json", data / "a.jpg", tmp_path / "link"):
        with pytest.raises(UserError, match="is a file that is read"):
            outputs.check({"--card": path}, [run, data])
    with pytest.raises(UserError, match="is a file that is read"):
        outputs.check({"--json": data / "a.jpg"}, [data / "a.jpg"])


def test_a_file_marked_read_only_is_not_replaced(tmp_path):
    (tmp_path / "x").write_text("old")
    (tmp_path / "x").chmod(0o444)
    with pytest.raises(UserError, match="x is read-only"):
        outputs.check({"--json": tmp_path / "x"})


def test_a_record_may_lie_in_a_run_and_be_made_anew(tmp_path):
    path = tmp_path / "test.json"
    for number in range(2):
        outputs.check({"--json": path}, [tmp_path])
        outputs.write_json(path, {"n": number, "command": "mesocore evaluate"})
    assert json.loads(path.read_text())["n"] == 1


def test_two_outputs_are_two_files(tmp_path):
    (tmp_path / "link").symlink_to("x")
    for other in ("x", "link"):
        with pytest.raises(UserError, match="name one file"):
            outputs.check({"--json": tmp_path / "x", "--card": tmp_path / other})


@pytest.mark.parametrize(
    ("name", "said"),
    [("n" * 201, "200 bytes"), ("é" * 101, "200 bytes"), ("\udcff", "not UTF-8"),
     ("file", "no folder"), ("file/x", "not a directory"), ("loop", "too many levels"),
     ("astray", "no such file")],
)  # fmt: skip
def test_a_folder_that_cannot_be_made_is_said_before(name, said, tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "astray").symlink_to("none")
    with pytest.raises(UserError, match=said):
        outputs.check_folder("--out", tmp_path / name)


def test_folders_new_and_old_and_linked_are_fine(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "link").symlink_to("old")
    for name in ("old", "link", "new", "new/deep"):
        outputs.check_folder("--out", tmp_path / name)
