"""`doctor` on this machine, and the fix that it names for each kind of broken one."""

import os
import subprocess
import sys
from collections import namedtuple

import pytest

from mesocore import __main__, doctor


def test_this_machine_is_well(tmp_path):
    checks = doctor.doctor(tmp_path)
    assert [check for check in checks if not check.ok] == []
    names = {check.name for check in checks}
    assert names >= {"Python", "torch", "numpy", "papermill", "torch with torchvision", "threads"}
    assert names >= {"GPU", "disk space", "data/ writable", "results/ writable"}
    assert doctor.to_text(checks).endswith("all is well")


def test_old_python_fails_and_says_what_to_install():
    check = doctor.python((3, 10, 14))
    assert not check.ok
    assert str(check).startswith("FAIL  Python: 3.10.14, needs >= 3.11\n      fix: install")


@pytest.mark.parametrize(
    ("requirement", "found", "fix"),
    [
        ("no-such-package>=2", "missing, needs >=2", "make setup"),
        ("numpy>=999", "needs >=999", ".venv"),
        ("numpy<1", "needs <1", ".venv"),
    ],
)
def test_a_missing_or_wrong_package_fails(requirement, found, fix):
    (check,) = doctor.packages([requirement])
    assert not check.ok
    assert found in check.found
    assert fix in check.fix


def test_packages_of_another_extra_are_not_asked_for():
    assert list(doctor.packages(["no-such-package; extra == 'other'"])) == []


def test_a_torchvision_of_another_torch_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)  # makes its import raise ImportError
    check = doctor.torch_and_torchvision()
    assert not check.ok
    assert "torchvision" in check.found
    assert "make setup" in check.fix


@pytest.mark.parametrize("value", ["0", "-1", "two", ""])
def test_a_thread_count_that_is_none_fails(monkeypatch, value):
    monkeypatch.setenv("MESO_THREADS", value)
    check = doctor.threads()
    assert not check.ok
    assert f"MESO_THREADS={value!r}" in check.fix


@pytest.mark.parametrize("given, used", [(None, "3"), ("1", "1")])
def test_a_command_uses_all_its_cores_unless_told_otherwise(monkeypatch, given, used):
    monkeypatch.setenv("MESO_THREADS", given or "of before")  # so that it is restored
    if given is None:
        monkeypatch.delenv("MESO_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    monkeypatch.setattr(sys, "argv", ["mesocore", "doctor"])
    monkeypatch.setattr(doctor, "main", lambda: 0)
    with pytest.raises(SystemExit):
        __main__.main()
    assert os.environ["MESO_THREADS"] == used


def test_no_gpu_is_no_failure(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    check = doctor.gpu()
    assert check.ok
    assert "not needed" in check.found


def test_a_full_disk_fails(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(8e9, 7e9, 1e9))
    check = doctor.disk(tmp_path)
    assert not check.ok
    assert check.found == "1.0 GB free, needs 2 GB"
    assert "MESO_HOME" in check.fix


def test_a_file_in_place_of_a_folder_fails(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    checks = {check.name: check for check in doctor.doctor(tmp_path)}
    assert not checks["data/ writable"].ok
    assert checks["build/ writable"].ok
    assert "1 of" in doctor.to_text(list(checks.values()))


def test_a_home_that_is_yet_to_be_made_is_checked_where_it_would_be(tmp_path):
    checks = doctor.doctor(tmp_path / "new" / "home")
    assert [check for check in checks if not check.ok] == []
    assert list(tmp_path.iterdir()) == []


def test_checking_leaves_nothing_behind(tmp_path):
    doctor.doctor(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_answers_where_torch_and_so_mesocore_cannot_be_imported():
    program = (
        "import sys, runpy; sys.modules['torch'] = None;"
        f"runpy.run_path({doctor.__file__!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "FAIL  torch with torchvision" in done.stdout
    assert done.stderr == ""
