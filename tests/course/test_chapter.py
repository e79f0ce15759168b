"""A chapter takes a finished run where there is one, and trains where there is none."""

import shutil
from dataclasses import replace

import pytest

from experiments.keep import keep
from mesocore.core import runtime
from mesocore.course import Chapter
from mesocore.data import AssembledSet, tiers
from mesocore.training import TrainConfig
from tests.factories import assembled_set


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """Chapter 3 in a project without runs, whose embedded set is a small one."""
    data = AssembledSet(assembled_set(tmp_path, per_class=15))
    monkeypatch.setattr(runtime, "project_root", lambda: tmp_path / "project")
    monkeypatch.setattr(tiers, "tier", lambda data: tiers.EMBEDDED)
    monkeypatch.setattr(tiers, "resolve", lambda *_: data)
    monkeypatch.delenv("FAST", raising=False)
    return Chapter("03", "synthfaces")


@pytest.fixture
def config(chapter):
    return TrainConfig("meso4", str(chapter.folder), epochs=2, size=64, batch_size=8)


@pytest.fixture
def committed(chapter, config):
    """The run of chapter 2 as it comes with the course; the reader has none."""
    run = chapter.trained("02-meso4", config)
    keep("02-meso4")
    shutil.rmtree(run)
    return runtime.project_root() / "results/runs/synthfaces/02-meso4"


def test_the_run_that_comes_with_the_course_is_taken(chapter, config, committed, capsys):
    assert chapter.trained("02-meso4", config) == committed
    assert capsys.readouterr().out == "02-meso4: the weights that come with the course\n"
    assert not chapter.run("x").parent.joinpath("02-meso4").exists()


def test_other_pixels_are_said(chapter, config, committed, capsys, monkeypatch):
    monkeypatch.setattr(AssembledSet, "manifest_sha256", "0" * 64)
    assert chapter.trained("02-meso4", config) == committed
    assert "rounded the other way" in capsys.readouterr().out


def test_the_readers_own_run_goes_first(chapter, config, committed):
    own = chapter.trained("02-meso4", replace(config, epochs=1))
    assert chapter.trained("02-meso4", replace(config, epochs=1)) == own != committed


def test_other_settings_are_trained(chapter, config, committed):
    run = chapter.trained("02-meso4", replace(config, epochs=1))
    assert run == chapter.out / "runs" / "02-meso4"
    assert (run / "model.json").is_file()


def test_a_set_of_ones_own_is_trained_on(chapter, config, committed):
    chapter.tier = "path"
    assert chapter.trained("02-meso4", config) != committed
