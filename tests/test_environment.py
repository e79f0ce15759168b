"""The three lists of requirements agree, and nothing in them ties the course to one machine."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image
from setuptools import find_packages

from mesocore.core import runtime
from mesocore.core.runtime import project_root
from mesocore.faces import render
from tests.conftest import picture

ROOT = project_root()
PIP_ONLY = {"mini-racer", "torch-pruning"}  # not on conda-forge
CONDA_NAMES = {"torch": "pytorch", "opencv-python-headless": "py-opencv"}
UV_HEADER = (
    "uv pip compile --universal --generate-hashes --extra course --no-emit-index-url "
    "--python-version 3.11 pyproject.toml -o requirements.lock"
)


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements() -> list[Requirement]:
    listed = project()["dependencies"] + project()["optional-dependencies"]["course"]
    return [Requirement(line) for line in listed]


def locked() -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s\\;]+)", text, re.MULTILINE))


def test_environment_yml_is_in_step_with_pyproject():
    text = (ROOT / "environment.yml").read_text()
    conda = set(re.findall(r"^  - (\S+)$", text, re.MULTILINE)) - {"conda-forge", "pip", "pip:"}
    pip = set(re.findall(r"^      - (\S+)$", text, re.MULTILINE))
    wanted = {CONDA_NAMES.get(r.name, r.name) + str(r.specifier) for r in requirements()
              if r.name not in PIP_ONLY}  # fmt: skip
    assert conda == wanted | {"python" + project()["requires-python"]}
    assert pip == {str(r) for r in requirements() if r.name in PIP_ONLY}


def test_every_requirement_is_locked_within_its_bounds():
    versions = locked()
    for requirement in requirements():
        version = versions[requirement.name.lower()]
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_the_lock_is_hashed_and_names_no_host():
    text = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) >= len(requirements())
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text
    assert UV_HEADER in text


def test_make_lock_runs_the_command_in_the_header_of_the_lock():
    printed = subprocess.run(
        ["make", "--dry-run", "--always-make", "lock"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    command = " ".join(printed.replace("\\\n", " ").split()).partition("-m uv pip compile")[2]
    assert command
    assert set(UV_HEADER.split()[3:]) <= set(command.split())


def test_every_package_of_mesocore_is_installed():
    """Not only what is listed: an installed copy lacks what is found in no list."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = set(find_packages(str(ROOT), include=settings["packages"]["find"]["include"]))
    modules = (ROOT / "mesocore").rglob("*.py")
    assert found == {".".join(path.parent.relative_to(ROOT).parts) for path in modules}


def test_every_target_of_the_makefile_is_in_its_help():
    text = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert set(re.findall(r"^  make (\w+)", shown, re.MULTILINE)) == phony


@pytest.mark.parametrize("target", ["course", "test", "lab", "doctor", "lock"])
def test_every_target_sets_up_first(target):
    dry = ["make", "--dry-run", "--always-make", target]
    printed = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True).stdout
    assert "--require-hashes requirements.lock" in printed


def test_set_up_on_an_old_python_is_refused_in_one_line(tmp_path):
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    tools = tmp_path / "bin"
    tools.mkdir()
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # as a Python older than 3.11 answers the version test
    old.chmod(0o755)
    for tool in ("sh", "make"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True)
        (tools / tool).symlink_to(os.path.realpath(found.stdout.strip()))
    done = subprocess.run(
        [tools / "make", "setup"],
        cwd=tmp_path,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith("make: needs Python 3.11 or newer")
    assert not (tmp_path / ".venv").exists()


def test_ci_runs_the_whole_suite_and_needs_no_input():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "exec make test" in text
    assert {"MESO_REAL_FACES", "MESO_PUBLISHED_WEIGHTS"} <= set(re.findall(r"MESO_\w+", text))


def test_all_that_the_package_reads_is_in_its_wheel():
    """A file beside the code that no pattern of pyproject.toml names would be left out."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packed = {file for package, globs in patterns["package-data"].items() for pattern in globs
              for file in (ROOT / package.replace(".", "/")).glob(pattern)}  # fmt: skip
    found = {path for path in (ROOT / "mesocore").rglob("*") if path.is_file()}
    others = {p for p in found if p.suffix != ".py" and "__pycache__" not in p.parts}
    assert others == packed


def test_installed_from_its_wheel_the_package_judges_a_photograph(tmp_path):
    """Outside the checkout, with the detector that comes with it, in a process of its own."""
    source, target, here = (tmp_path / name for name in ("source", "target", "here"))
    here.mkdir()
    shutil.copytree(ROOT / "mesocore", source / "mesocore",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
                    "--no-build-isolation", "--target", target, source], check=True)  # fmt: skip
    (image,), _ = render([0], 256)
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(here / "face.png")
    picture(1, 300).save(here / "none.png")
    script = "import mesocore, sys; from mesocore.cli import main; print(mesocore.__file__); "
    script += "sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-P", "-c", script, "predict", "face.png", "none.png", "--json"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(target)})  # fmt: skip
    place, _, answers = done.stdout.partition("\n")
    assert Path(place).is_relative_to(target) and done.returncode == 1, done.stderr
    face, none = json.loads(answers)
    assert face["verdict"] in ("real", "fake", "unsure") and face["face"] == 1
    assert none["verdict"] is None and none["error"] == "no face was found"


def test_installed_by_itself_the_package_writes_nothing_beside_it(monkeypatch, tmp_path):
    monkeypatch.delenv("MESO_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    beside = tmp_path / "site-packages/mesocore/core/runtime.py"
    monkeypatch.setattr(runtime, "__file__", str(beside))
    assert not runtime.project_root().is_relative_to(tmp_path / "site-packages")
    assert runtime.project_root().name == "mesocore"
    monkeypatch.setenv("MESO_HOME", str(tmp_path / "home"))
    assert runtime.project_root() == tmp_path / "home"
