"""Names of strangers on a terminal: one line each, no escape sequence, in any locale."""

import io
import json
import os
import sys

import pytest

from mesocore import cli
from mesocore.core import terminal
from mesocore.core.files import printable, write_json

NAMES = {
    "Icon\r": "Icon\\x0d",
    "two\nlines": "two\\x0alines",
    "\x1b[2Jclear": "\\x1b[2Jclear",
    "\u202egpj.exe": "\\u202egpj.exe",
    os.fsdecode(b"caf\xe9"): "caf\\xe9",
    "half \ud83d": "half \\ud83d",
    "été 顔 😀": "été 顔 😀",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_has_one_printable_form(name):
    assert printable(name) == NAMES[name] == printable(printable(name))


def test_what_is_said_has_no_escapes_and_keeps_its_lines():
    out = io.StringIO()
    terminal.say("a\x1b[31m\nb\r", file=out)
    assert out.getvalue() == "a\\x1b[31m\nb\\x0d\n"


def test_a_strict_locale_ends_no_command(monkeypatch):
    err = io.TextIOWrapper(io.BytesIO(), "ascii", errors="strict")
    monkeypatch.setattr(sys, "stderr", err)
    name = os.fsdecode("/nowhere/é\n".encode() + b"\xff")
    assert cli.main(["audit", name]) == 2
    err.flush()
    said = err.buffer.getvalue().decode("ascii").splitlines()
    assert len(said) == 1 and said[0].startswith("mesocore: /nowhere/\\xe9\\x0a\\xff is not a")


def test_json_gives_back_a_path_that_is_no_text(tmp_path):
    path = os.fsdecode(b"/caf\xe9")
    write_json(tmp_path / "about.json", {"source": path, "other": "é"})
    text = (tmp_path / "about.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"source": path, "other": "é"}
