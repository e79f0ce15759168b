"""Runs that benchmarks share: kept when finished, started from when their settings are the same."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mesocore.core import runtime
from mesocore.core.runtime import project_root
from mesocore.training.config import TrainConfig
from tests.factories import assembled_set

sys.path.append(str(project_root() / "benchmarks"))
import ablation  # noqa: E402
import keep  # noqa: E402
import resolution  # noqa: E402
import transfer  # noqa: E402


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """A small set in a project that has no runs yet; a row is trained for two epochs at 64 px."""
    folder = assembled_set(tmp_path, per_class=15)
    short = TrainConfig("meso4", str(folder), epochs=2, size=64, batch_size=8)
    monkeypatch.setattr(runtime, "project_root", lambda: tmp_path / "project")
    monkeypatch.setattr(ablation, "config", lambda row, _, seed, *__: replace(short, seed=seed))
    return folder


def test_a_kept_run_is_what_others_start_from_and_names_no_folder_of_this_machine(faces):
    name = f"{faces.name}/meso4-0"
    trained = ablation.trained("meso4", faces, 0)
    assert trained == runtime.project_root() / "runs" / "ablation" / name
    keep.keep(name)
    kept = ablation.trained("meso4", faces, 0)
    assert kept == runtime.project_root() / "results" / "runs" / name
    for file in ("model.safetensors", "history.csv"):
        assert (kept / file).read_bytes() == (trained / file).read_bytes()
    assert str(faces.parent) not in (kept / "model.json").read_text()
    reduced = ablation.trained("meso4", faces, 0, ablation.SMALL)
    assert reduced.parent.name == f"{faces.name}-128"


def test_a_kept_run_of_other_settings_or_images_is_named(faces, monkeypatch):
    ablation.trained("meso4", faces, 0)
    keep.keep(f"{faces.name}/meso4-0")
    settings = ablation.config("meso4", faces, 0)
    other = replace(settings, epochs=3, dropout=0.1)
    monkeypatch.setattr(ablation, "config", lambda *_: other)
    with pytest.raises(SystemExit, match="meso4-0 was trained with other epochs, dropout; delete"):
        ablation.trained("meso4", faces, 0)
    monkeypatch.setattr(ablation, "config", lambda *_: settings)
    manifest = faces / "manifest.csv"
    manifest.write_text(manifest.read_text().rpartition("\n")[0])
    with pytest.raises(SystemExit, match="other manifest_sha256"):
        ablation.trained("meso4", faces, 0)


def test_what_is_not_finished_is_not_kept(faces):
    with pytest.raises(SystemExit, match="holds no trained model; train it"):
        keep.keep(f"{faces.name}/meso4-1")
    run: Path = ablation.trained("meso4", faces, 1)
    about = json.loads((run / "model.json").read_text())
    about["config"]["epochs"] = 9
    (run / "model.json").write_text(json.dumps(about))
    with pytest.raises(SystemExit, match="2 of its 9 epochs; finish it first"):
        keep.keep(f"{faces.name}/meso4-1")
    assert not (runtime.project_root() / "results").exists()


def test_a_row_whose_runs_are_too_large_to_keep_comes_from_the_record(faces, monkeypatch):
    monkeypatch.setattr(ablation, "TOO_LARGE", ("meso4+eca",))
    monkeypatch.setattr(ablation, "REAL", ("meso4", "meso4+eca"))
    ablation.main(str(faces))
    path = runtime.project_root() / f"results/real/{faces.name}-ablation.json"
    record = json.loads(path.read_text())
    assert ablation.taken_over(faces, ablation.FULL) == {}  # its runs are still there
    shutil.rmtree(runtime.project_root() / "runs/ablation" / faces.name / "meso4+eca-0")
    assert ablation.taken_over(faces, ablation.FULL) == {"meso4+eca": record["rows"]["meso4+eca"]}
    record["rows"]["meso4+eca"]["model"]["epochs"] = 9
    path.write_text(json.dumps(record))
    assert ablation.taken_over(faces, ablation.FULL) == {}


def test_fine_tuning_starts_from_the_run_of_its_own_seed_and_is_compared_with_scratch(
    faces, monkeypatch
):
    monkeypatch.setattr(transfer, "MODEL", "meso4")
    monkeypatch.setattr(transfer, "ROWS", {"scratch-40": {"epochs": 1}, "tuned-40": {"epochs": 1}})
    transfer.main(str(faces), str(faces))
    record = json.loads(
        (runtime.project_root() / f"results/real/{faces.name}-transfer.json").read_text()
    )
    assert set(record["rows"]) == {"scratch-40", "tuned-40", "3*scratch-40", "3*tuned-40", "source"}
    assert record["rows"]["3*tuned-40"]["seeds"] == ["0+1+2"]
    assert record["rows"]["tuned-40"]["model"]["init"] == faces.name
    assert record["rows"]["scratch-40"]["against"]["value"] == 0
    runs = runtime.project_root() / "runs"
    config = json.loads((runs / "transfer" / faces.name / "tuned-40-1/config.json").read_text())
    source = runs / "ablation" / ablation.title(faces, transfer.SCALE) / "meso4-1"
    assert config["init"] == str(source) and config["seed"] == 1


def test_the_same_pictures_are_read_at_several_sizes(faces, monkeypatch):
    monkeypatch.setattr(resolution, "ROWS", ("meso4 64", "meso4 96"))
    monkeypatch.setattr(resolution, "BASELINE", "meso4 96")
    monkeypatch.setattr(resolution, "EPOCHS", 1)
    resolution.main(str(faces))
    path = runtime.project_root() / f"results/real/{faces.name}-resolution.json"
    record = json.loads(path.read_text())
    assert set(record["rows"]) == {"meso4 64", "meso4 96", "3*meso4 64", "3*meso4 96"}
    small, large = record["rows"]["meso4 64"], record["rows"]["meso4 96"]
    assert (small["model"]["size"], large["model"]["size"]) == (64, 96)
    assert large["multiply_adds"] > small["multiply_adds"]
    assert small["val_by_epoch"] == [[value] for value in small["val_roc_auc"]]
    assert large["against"]["value"] == 0 and small["against"]["value"] != 0


def test_an_unknown_row_ends_in_one_line_before_any_training(faces):
    with pytest.raises(SystemExit, match="no row is called '592'; choose one of: meso4"):
        resolution.main(str(faces), "592")
    with pytest.raises(SystemExit, match="no row is called 'tuned'; choose one of: scratch-40"):
        transfer.main(str(faces), str(faces), "tuned")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["set", "--epochs", "0"], "--epochs is 0; it must be"),
     (["synthfaces", "--reduced"], "synthfaces has one scale")],
)  # fmt: skip
def test_a_scale_that_makes_no_sense_is_refused(words, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["ablation.py", *words])
    with pytest.raises(SystemExit):
        ablation.arguments("About.", "row")
    assert said in capsys.readouterr().err
