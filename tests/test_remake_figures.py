"""`make figures` says what changed, drops what no chapter makes, and what is committed repeats."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import remake_figures as figures
from course import ChapterError
from matplotlib.testing.compare import compare_images

from mesocore.core.runtime import project_root
from mesocore.course import plots
from mesocore.evaluation import robustness

RECORD = {"chapter": "06", "tier": "synthfaces", "seed": 0, "manifest_hash": "ab" * 32}


pytestmark = pytest.mark.usefixtures("house_style")


def chapter(folder: Path, *names: str, value: float = 1.0):
    """A chapter that saves figures of these names."""

    def run(source: Path, out: Path) -> None:
        for name in names:
            figure, ax = plt.subplots(figsize=(2, 1))
            ax.plot([0, value])
            plots.save_figure(figure, name, folder=folder, **RECORD)

    return run


def test_a_second_run_changes_nothing(tmp_path):
    source = [Path("06_errors.ipynb")]
    first = figures.remake(source, tmp_path, chapter(tmp_path, "06-a"))
    assert first == {"new": ["06-a.pdf", "06-a.png", "manifest.json"], "changed": [], "gone": []}
    again = figures.remake(source, tmp_path, chapter(tmp_path, "06-a"))
    assert again == {"new": [], "changed": [], "gone": []}
    other = figures.remake(source, tmp_path, chapter(tmp_path, "06-a", value=2.0))
    assert other["changed"] == ["06-a.pdf", "06-a.png"]


def test_what_no_chapter_makes_any_more_goes_and_other_chapters_stay(tmp_path):
    chapter(tmp_path, "06-old")(None, None)
    (tmp_path / "02-kept.png").touch()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["02-kept"] = manifest["06-old"] | {"chapter": "02"}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "stray.png").touch()
    found = figures.remake([Path("06_errors.ipynb")], tmp_path, chapter(tmp_path, "06-new"))
    assert found["gone"] == ["06-old.pdf", "06-old.png", "stray.png"]
    assert sorted(figures.read_manifest(tmp_path)) == ["02-kept", "06-new"]


def test_a_figure_without_its_pdf_is_named(tmp_path):
    def run(source, out):
        plt.subplots()[0].savefig(tmp_path / "06-bare.png")

    with pytest.raises(ChapterError, match="06-bare has no PNG or no PDF"):
        figures.remake([Path("06_errors.ipynb")], tmp_path, run)


def test_committed_figures_are_those_of_the_manifest():
    folder = project_root() / "figures"
    named = {name + ending for name in figures.read_manifest(folder) for ending in figures.ENDINGS}
    assert named == {path.name for path in folder.glob("*")} - {"manifest.json"}


def test_a_committed_figure_is_what_its_record_gives(tmp_path):
    """The robustness sweep, drawn again from results/, is the picture in figures/."""
    root = project_root()
    record = json.loads((root / "results/synthfaces/robustness.json").read_text())
    fig = plots.sweeps(record)
    made = plots.save_figure(fig, "06-robustness", folder=tmp_path, **RECORD)
    committed = root / "figures" / "06-robustness.png"
    assert compare_images(str(committed), str(made), tol=5) is None


def test_a_sweep_figure_has_one_panel_per_sweep(tmp_path):
    level = {"level": 0, **{m: {"value": 0.9, "low": 0.8, "high": 1.0} for m in robustness.METRICS}}
    record = {"sweeps": {name: {"unit": "x", "levels": [level, level | {"level": 2}]}
                         for name in ("blur", "noise")}}  # fmt: skip
    fig = plots.sweeps(record)
    assert [ax.get_xlabel() for ax in fig.axes if ax.lines] == ["blur: x", "noise: x"]
    assert len(fig.legends) == 1
    assert isinstance(robustness.frame(record["sweeps"]["blur"]), pd.DataFrame)
