"""What is said on the terminal: printable whatever names are in it, whatever the locale is."""

import io
import sys
from typing import TextIO

from mesocore.core.files import printable


def setup() -> None:
    """Lets the standard streams write \\xNN or \\uNNNN for what the locale lacks, never fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not so in a notebook
            stream.reconfigure(errors="backslashreplace")


def say(text: object, file: TextIO | None = None) -> None:
    """`print` for text with names in it: each line made `printable`."""
    print("\n".join(map(printable, str(text).split("\n"))), file=file)
