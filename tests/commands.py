"""The `mesocore` command as a test runs it: in this process, which has loaded torch already."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mesocore import __main__ as entry_point
from mesocore.core import runtime

# as the tests themselves, whatever the machine has: bits are compared
THREADS = os.environ.get("MESO_THREADS", str(runtime.THREADS))


def mesocore(*arguments: object) -> subprocess.CompletedProcess:
    """Runs the command through its entry point: exit status, and what went to stdout and stderr."""
    command = ["mesocore", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", command)
        patch.setenv("MESO_THREADS", THREADS)
        try:
            status = entry_point.main()
        except SystemExit as end:
            status = end.code
    return subprocess.CompletedProcess(command, status or 0, out.getvalue(), err.getvalue())


def process(*arguments: object, path: Path | None = None, **options) -> subprocess.Popen:
    """Starts the command as a process of its own, its outputs in pipes; `path`: PYTHONPATH."""
    command = [sys.executable, "-m", "mesocore", *map(str, arguments)]
    variables = os.environ | {"MESO_THREADS": THREADS}
    variables |= {"PYTHONPATH": str(path)} if path else {}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=variables, **pipes, **options)
