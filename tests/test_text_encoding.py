"""No text file depends on the locale: every reader and writer names its encoding."""

import ast

import pytest

from mesocore.core.runtime import project_root

ROOT = project_root()
TEXT = {"read_text", "write_text", "open"}
OTHERS = {"Image", "files", "os", "source", "h5a", "h5d", "h5f", "h5g", "h5o"}


def without_encoding(source: str) -> list[int]:
    """The lines on which a text file is opened without one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        # zip archives and images; functions of ours, which are UTF-8
        other = getattr(owner, "id", getattr(owner, "attr", "")) in OTHERS
        ours = name != "open" and (owner is None or len(node.args) > 1)
        place = 0 if owner is not None else 1
        mode = node.args[place] if name == "open" and len(node.args) > place else None
        binary = isinstance(mode, ast.Constant) and "b" in str(mode.value)
        named = any(keyword.arg == "encoding" for keyword in node.keywords)
        if name in TEXT and not (other or ours or binary or named):
            found.append(node.lineno)
    return found


def test_what_is_looked_for_is_found():
    assert without_encoding('open("a")\nPath("a").read_text()\nopen("a", "rb")') == [1, 2]
    assert without_encoding('open("a", "w", encoding="utf-8")\nImage.open(a)') == []


@pytest.mark.parametrize("folder", ["mesocore", "experiments", "scripts", "benchmarks"])
def test_every_text_file_has_an_encoding(folder):
    found = {path.relative_to(ROOT).as_posix(): without_encoding(path.read_text(encoding="utf-8"))
             for path in (ROOT / folder).rglob("*.py")}  # fmt: skip
    assert {path: lines for path, lines in found.items() if lines} == {}
