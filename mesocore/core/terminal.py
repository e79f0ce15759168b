"""What a command says on the terminal, and how it ends: a status, and a line for what stopped it.

Names are printable whatever is in them, whatever the locale is.

A crash has a status of its own. Python's is 1, which commands use: `predict` for an image that
could not be judged.
"""

import contextlib
import errno
import io
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import TextIO

from mesocore.core.errors import UserError
from mesocore.core.files import printable

MISTAKE = 2  # also what cannot be read or written
CRASH = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # as a shell says it: 128 + SIGINT
CLOSED_PIPE = 141  # 128 + SIGPIPE
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
STATUSES = (
    f"Exit status: 0 done, {MISTAKE} a mistake, or a file that cannot be read or written; "
    f"{INTERRUPTED} interrupted, {CLOSED_PIPE} nobody reads the output any more, {CRASH} a fault "
    "of the program."
)


def setup() -> None:
    """Lets the standard streams write \\xNN or \\uNNNN for what the locale lacks, never fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not so in a notebook
            stream.reconfigure(errors="backslashreplace")


def say(text: object, file: TextIO | None = None) -> None:
    """`print` for text with names in it: each line made `printable`."""
    print("\n".join(map(printable, str(text).split("\n"))), file=file)


def run(program: str, command: Callable[[], int | None]) -> int:
    """Runs `command` and returns its exit status; what it raises becomes a status and a line.

    `program`: the name that the line begins with.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller: >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    try:
        with _quiet_threads():
            status = command() or 0
        _flush()
        return status
    except UserError as error:
        return _end(program, str(error), MISTAKE)
    except KeyboardInterrupt as stop:
        return _end(program, str(stop) or "interrupted; the same command goes on", INTERRUPTED)
    except BrokenPipeError:
        return _end(program, "", CLOSED_PIPE)
    except OSError as error:
        if error.errno is None:
            return _crash(program)
        return _end(program, said(error), MISTAKE)
    except MemoryError:
        return _end(program, "the memory of this machine does not suffice", MISTAKE)
    except Exception:
        return _crash(program)


def said(error: OSError) -> str:
    """An error of the system as one line that names the file and the fix."""
    where = os.fsdecode(error.filename or "the output")
    if error.errno in FULL:
        fix = "make room and run the same command again (train and prune with --resume)"
        return f"{where} cannot be written: the disk is full; {fix}"
    return f"{where}: {(error.strerror or str(error)).lower()}"


def _end(program: str, line: str, status: int) -> int:
    _silence()
    if line:
        with contextlib.suppress(OSError):  # stderr may be on the full disk
            print(f"{program}: {printable(line)}", file=sys.stderr, flush=True)
    return status


def _crash(program: str) -> int:
    traceback.print_exc()
    return _end(
        program, "a fault of the program, not of yours; please report what stands above", CRASH
    )


@contextlib.contextmanager
def _quiet_threads() -> Iterator[None]:
    """TensorBoard's thread meets a full disk first; its writer raises the same error here then."""
    before = threading.excepthook

    def ended(args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, OSError):
            before(args)

    threading.excepthook = ended
    try:
        yield
    finally:
        threading.excepthook = before


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _silence() -> None:
    """Prints what can still be printed. What cannot must not be tried again when Python ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
