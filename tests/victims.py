"""Processes that are there to be killed; they fork from one that has loaded torch already."""

import multiprocessing
import os
import time
from collections.abc import Callable

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["mesocore.training.trainer", "mesocore.data.synthfaces"])


def start(task: Callable, *args: object, **options: object) -> multiprocessing.Process:
    """Runs task(*args, **options) in a process that leads a group of its own."""
    victim = _CONTEXT.Process(target=_lead, args=(task, args, options))
    victim.start()
    return victim


def _lead(task: Callable, args: tuple, options: dict) -> None:
    os.setsid()
    task(*args, **options)


def wait_until(condition: Callable[[], bool], victim: multiprocessing.Process) -> None:
    """Returns when the condition holds, or the process has ended. Fails after two minutes."""
    deadline = time.monotonic() + 120
    while victim.is_alive() and not condition():
        assert time.monotonic() < deadline, "nothing to kill after two minutes"
        time.sleep(0.002)


def kill(victim: multiprocessing.Process) -> None:
    """SIGKILL: no chance to tidy up."""
    victim.kill()
    victim.join()
