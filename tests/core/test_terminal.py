"""How a command ends: status and line for each thing that may stop it."""

import errno
import os
import subprocess
import sys
import threading

import pytest

from mesocore.core import terminal
from mesocore.core.errors import UserError


def raising(error: BaseException):
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UserError("a\nb\x1b[31m\udcff"), 2, "x: a\\x0ab\\x1b[31m\\xff\n"),
        (KeyboardInterrupt("stopped"), 130, "x: stopped\n"),
        (KeyboardInterrupt(), 130, "x: interrupted; the same command goes on\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (PermissionError(errno.EACCES, "Permission denied", "f"), 2, "x: f: permission denied\n"),
        (MemoryError(), 2, "x: the memory of this machine does not suffice\n"),
    ],
)
def test_what_stops_a_command_is_a_status_and_a_line(error, status, said, capsys):
    assert terminal.run("x", raising(error)) == status
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_named(number, capsys):
    assert terminal.run("x", raising(OSError(number, "full", "/a/f"))) == 2
    assert "/a/f cannot be written: the disk is full; make room" in capsys.readouterr().err


def test_a_crash_is_none_of_the_statuses_that_mean_something(capsys):
    assert terminal.run("x", raising(ZeroDivisionError("by zero"))) == 70
    said = capsys.readouterr().err
    assert "ZeroDivisionError: by zero" in said and said.endswith("report what stands above\n")


def test_a_thread_that_meets_a_full_disk_prints_no_traceback(capsys):
    def command() -> None:
        thread = threading.Thread(target=raising(OSError(errno.ENOSPC, "full")))
        thread.start()
        thread.join()

    assert terminal.run("x", command) == 0 and capsys.readouterr().err == ""


PRINTS = (
    "import sys; from mesocore.core import terminal; sys.exit(terminal.run('x', lambda: print({})))"
)


@pytest.mark.parametrize("text", ["'short'", "'long' * 100_000"])
def test_stdout_that_cannot_be_written(text):
    command = [sys.executable, "-c", PRINTS.format(text)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "x: the output cannot be written: the disk is full" in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
