"""The rooms of mesocore: who may import whom, how large they are, and how each is entered."""

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesocore import ROOMS
from mesocore.core.runtime import project_root
from mesocore.nets import load_detector
from mesocore.nets.inference import export
from tests.conftest import picture

ROOT = project_root()
PACKAGE = ROOT / "mesocore"
# Top first: a room imports from its own layer's members never, from those below freely.
LAYERS = (("cli", "course"), ("training",), ("evaluation",), ("data", "nets"), ("faces",),
          ("core",))  # fmt: skip
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
# they open the rooms and stand in none
OUTSIDE = {"__init__", "__main__", "_lazy", "doctor"}
# and who may import one of them; `_lazy` is `__init__`'s
OPENED = {("doctor", "mesocore.cli.use")}
ABOVE = ("experiments", "benchmarks", "scripts", "tests")
COMMANDS = ("assemble", "merge", "audit", "train", "prune", "ensemble", "evaluate", "predict",
            "models", "export", "demo", "doctor")  # fmt: skip
HEAVY = ("torch", "torchvision", "sklearn", "matplotlib", "pandas")
MOST_LINES, MOST_MODULES = 300, 14
each_room = pytest.mark.parametrize("room", ROOMS)


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of mesocore: dotted name and file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def imported(name: str, source: str) -> set[str]:
    """Dotted names that a module imports anywhere in it, functions included.

    What `from a import b` gives may be a module: `a.b` is among the names.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = name.split(".")[: -node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def broken(name: str, source: str) -> list[str]:
    """The imports by which a module breaks the contract, one line each."""
    own = name.split(".")[1]
    wrong = []
    for target in sorted(imported(name, source)):
        first, *rest = target.split(".")
        room = rest[0] if rest else ""
        if first in ABOVE:
            wrong.append(f"{name} imports {target}, which stands above the package")
        elif first == "mesocore" and own in LEVEL and (room, name) not in OPENED:
            if room not in LEVEL and not (room == "_lazy" and name.endswith("__init__")):
                wrong.append(f"{name} imports {target} by no room: name the room")
            elif room in LEVEL and room != own and LEVEL[room] <= LEVEL[own]:
                wrong.append(f"{name} imports {target}, which is no layer below {own}")
    return wrong


def test_every_module_is_in_a_room():
    assert {name.split(".")[1] for name, _ in modules()} - OUTSIDE <= set(LEVEL)
    assert set(LEVEL) - {"cli"} == set(ROOMS)


def test_rooms_import_from_below_and_nothing_from_above_the_package():
    assert [line for name, path in modules() for line in broken(name, path.read_text())] == []


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("mesocore.nets.models", "from mesocore.data import cache", "no layer below nets"),
        ("mesocore.core.files", "def f():\n    import mesocore.faces.scene", "no layer below core"),
        ("mesocore.data.tiers", "from mesocore import training", "no layer below data"),
        ("mesocore.data.tiers", "from ..evaluation import metrics", "no layer below data"),
        ("mesocore.course.plots", "from mesocore.cli import main", "no layer below course"),
        ("mesocore.training.loop", "from mesocore import build", "by no room"),
        ("mesocore.nets.models", "from mesocore import doctor", "by no room"),
        ("mesocore.nets.models", "from mesocore._lazy import exports", "by no room"),
        ("mesocore.training.loop", "import experiments.runner", "above the package"),
    ],
)
def test_an_import_that_breaks_the_contract_is_named(name, source, said):
    (line,) = broken(name, source)
    assert said in line


def test_imports_from_below_and_of_one_room_are_allowed():
    source = "from mesocore.nets import models\nfrom mesocore.training import loop\nimport torch"
    assert broken("mesocore.training.trainer", source) == []


@pytest.mark.parametrize("folder", ["mesocore", "experiments", "scripts", "benchmarks"])
def test_no_module_is_longer_than_300_lines(folder):
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
               for path in (ROOT / folder).rglob("*.py")}  # fmt: skip
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


@each_room
def test_no_room_has_more_than_fourteen_modules(room):
    folders = {path.parent for path in (PACKAGE / room).rglob("*.py")}
    for folder in folders:
        assert len(list(folder.glob("[!_]*.py"))) <= MOST_MODULES, folder


@each_room
def test_a_room_exports_four_to_eight_names_and_says_what_it_is_for(room):
    package = importlib.import_module(f"mesocore.{room}")
    names = package.__all__
    assert 4 <= len(names) <= 8 and len(set(names)) == len(names)
    assert all(getattr(package, name) is not None for name in names)
    assert set(names) <= set(dir(package))
    assert package.__doc__ and len(package.__doc__.strip().splitlines()) <= 8


@each_room
def test_no_module_bears_the_name_of_what_its_room_exports(room):
    exported = set(importlib.import_module(f"mesocore.{room}").__all__)
    folders = [PACKAGE / room, *(p for p in (PACKAGE / room).iterdir() if p.is_dir())]
    names = {p.stem for p in (PACKAGE / room).glob("[!_]*.py")} | {f.name for f in folders[1:]}
    assert names & exported == set()


PROBE = """
import contextlib, io, json, sys
from mesocore import {rooms}
found = {{"import": [sorted(set(sys.modules) & set({heavy})), "Usage"]}}
from mesocore.__main__ import main
for command in {commands}:
    sys.argv = ["mesocore", *command, "--help"]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main()
    found[" ".join(command)] = [sorted(set(sys.modules) & set({heavy})), shown.getvalue()]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, tuple[list[str], str]]:
    """What a new process has loaded after each step, and what that printed: one after the other."""
    commands = [[], *([name] for name in COMMANDS)]
    code = PROBE.format(rooms=", ".join(ROOMS), heavy=HEAVY, commands=commands)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("step", ["import", "", *COMMANDS])
def test_neither_import_nor_help_loads_anything_heavy(step, loaded):
    packages, shown = loaded[step]
    assert "Usage" in shown
    assert packages == []


PREDICT = """
import json, sys
from mesocore.cli import main
status = main(["predict", *sys.argv[1:]])
print(json.dumps([status, sorted(sys.modules)]))
"""


def test_predict_loads_what_it_needs(small_run, tmp_path):
    """One photograph must not wait for torchvision, the compiler, or what draws and trains."""
    picture(1, 96).save(tmp_path / "face.png")
    run = small_run("meso4", seed=0)
    done = subprocess.run([sys.executable, "-c", PREDICT, "--model", run, tmp_path / "face.png"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    status, modules = json.loads(done.stdout.splitlines()[-1])
    slow = {"torchvision", "torch._dynamo", "sklearn", "matplotlib", "pandas", "accelerate",
            "torch_pruning", "captum", "h5py"}  # fmt: skip
    assert status == 0 and slow & set(modules) == set()


def test_predict_of_an_exported_detector_does_without_pytorch(small_run, tmp_path):
    picture(1, 96).save(tmp_path / "face.png")
    export(load_detector(small_run("meso4", seed=0)), tmp_path / "detector.onnx")
    command = [sys.executable, "-c", PREDICT, "--model", tmp_path / "detector.onnx",
               tmp_path / "face.png"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == 0 and "openvino" in modules and not {"torch", "pandas", "h5py"} & set(modules)
