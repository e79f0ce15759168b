"""What a folder holds, each file and locked folder once; and how a folder goes."""

import errno
import os
import shutil

import pytest

from mesocore.core import files
from mesocore.core.files import printable, walk


def test_a_walk_follows_links_and_lists_each_folder_once(tmp_path):
    inside, beside = tmp_path / "faces", tmp_path / "beside"
    for file in (inside / "b.jpg", inside / "deep/er/a.jpg", inside / ".hidden", beside / "c.jpg"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (inside / "linked").symlink_to(beside)
    (inside / "linked twice").symlink_to(beside)
    (inside / "deep/loop").symlink_to(inside)
    (inside / "broken").symlink_to("nowhere")
    os.mkfifo(inside / "pipe")
    found = dict(walk(inside))
    again = "a link to a folder that was already visited"
    assert {path for path, reason in found.items() if reason is None} == {
        "b.jpg", ".hidden", "broken", "pipe", "deep/er/a.jpg", "linked/c.jpg"}  # fmt: skip
    assert {path: reason for path, reason in found.items() if reason} == {
        "deep/loop": again, "linked twice": again}  # fmt: skip


def test_a_folder_that_cannot_be_read_is_listed(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.jpg").touch()
    scandir = os.scandir

    def guarded(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    expected = {"a.jpg": None, "locked": "folder cannot be read: permission denied"}
    assert dict(walk(tmp_path)) == expected


def test_a_name_that_is_not_utf8_becomes_text():
    assert printable(os.fsdecode("é/caf\xe9.jpg".encode("latin-1"))) == "\\xe9/caf\\xe9.jpg"
    assert printable("été 顔.jpg") == "été 顔.jpg"


def test_a_folder_goes_though_an_orphan_still_writes_into_it(tmp_path, monkeypatch):
    folder, real, calls = tmp_path / "parts", shutil.rmtree, []

    def interrupted(path):
        calls.append(path)
        if len(calls) < 3:
            raise OSError(errno.ENOTEMPTY, "Directory not empty")
        real(path)

    folder.mkdir()
    monkeypatch.setattr(shutil, "rmtree", interrupted)
    files.remove_folder(folder)
    assert not folder.exists() and len(calls) == 3
    with pytest.raises(FileNotFoundError):
        files.remove_folder(folder, seconds=0)
