"""Rows are trained once, kept when finished, measured and recorded; mistakes are one line."""

import json
import shutil
from dataclasses import replace

import pytest

from experiments import ablation, cli, combination, comparisons, pruning
from experiments.keep import keep
from experiments.runner import Job
from experiments.scale import REDUCED
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.data import AssembledSet
from mesocore.training import TrainConfig
from tests.factories import assembled_set


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A small set in a project that has no runs yet; a row is trained for two epochs at 64 px."""
    data = AssembledSet(assembled_set(tmp_path, per_class=15))
    short = TrainConfig("meso4", str(data.folder), epochs=2, size=64, batch_size=8)
    monkeypatch.setattr(runtime, "project_root", lambda: tmp_path / "project")
    monkeypatch.setattr(ablation, "config", lambda row, job, seed: replace(short, seed=seed))
    return Job((data,))


def record(name: str) -> dict:
    return json.loads((runtime.project_root() / "results" / name).read_text())


def test_a_kept_run_is_what_others_start_from_and_names_no_folder_of_this_machine(job):
    name = f"{job.data.name}/meso4-0"
    trained = ablation.trained("meso4", job, 0)
    assert trained == runtime.project_root() / "runs" / "ablation" / name
    keep(name)
    kept = ablation.trained("meso4", job, 0)
    assert kept == runtime.project_root() / "results" / "runs" / name
    for file in ("model.safetensors", "history.csv"):
        assert (kept / file).read_bytes() == (trained / file).read_bytes()
    assert str(job.data.folder.parent) not in (kept / "model.json").read_text()
    reduced = ablation.trained("meso4", replace(job, scale=REDUCED), 0)
    assert reduced.parent.name == f"{job.data.name}-128"


def test_a_kept_run_may_be_older_than_a_setting(job):
    ablation.trained("meso4", job, 0)
    keep(f"{job.data.name}/meso4-0")
    path = runtime.project_root() / f"results/runs/{job.data.name}/meso4-0/model.json"
    about = json.loads(path.read_text())
    assert about["config"].pop("crop") == 0
    path.write_text(json.dumps(about))
    assert ablation.trained("meso4", job, 0) == path.parent


def test_the_published_combination_is_read_beside_its_control_and_meso4(job, tmp_path, monkeypatch):
    monkeypatch.setattr(combination, "ATTENTION", "meso4+se")
    monkeypatch.setattr(pruning, "EPOCHS", 1)
    elsewhere = assembled_set(tmp_path / "elsewhere", per_class=8, seed=5)
    combination.COMBINATION.run([job.folder], outside=[str(elsewhere)])
    found = record(f"real/{job.data.name}-combination.json")
    rows = found["rows"]
    assert list(rows) == ["meso4", "attention", "dense", "pruned"] and found["baseline"] == "meso4"
    assert all(row["outside"]["metrics"]["all"]["images"] == 16 for row in rows.values())
    assert rows["pruned"]["model"]["prune"] == 0.2 and rows["dense"]["model"]["prune"] == 0
    for row, zeros in (("pruned", 0.2), ("dense", 0.0), ("meso4", 0.0)):
        assert rows[row]["sparsity"] == pytest.approx([zeros] * 3, abs=0.01), row
    assert rows["pruned"]["model"]["init"] == "meso4+se-0"  # the run's name, and no folder
    pruned = runtime.project_root() / f"runs/combination/{job.data.name}/pruned-1"
    assert json.loads((pruned / "config.json").read_text())["seed"] == 1
    keep(f"combination/{job.data.name}/pruned-1")
    kept = runtime.project_root() / f"results/runs/{job.data.name}/combination-pruned-1"
    assert combination.trained("pruned", job, 1) == kept


def test_a_kept_run_of_other_settings_or_images_is_named(job, monkeypatch):
    ablation.trained("meso4", job, 0)
    keep(f"{job.data.name}/meso4-0")
    settings = ablation.config("meso4", job, 0)
    other = replace(settings, epochs=3, dropout=0.1)
    monkeypatch.setattr(ablation, "config", lambda *_: other)
    with pytest.raises(UserError, match="meso4-0 was trained with other epochs, dropout; delete"):
        ablation.trained("meso4", job, 0)
    monkeypatch.setattr(ablation, "config", lambda *_: settings)
    manifest = job.data.folder / "manifest.csv"
    manifest.write_text(manifest.read_text().rpartition("\n")[0])
    with pytest.raises(UserError, match="other manifest_sha256"):
        ablation.trained("meso4", job, 0)


def test_what_is_not_finished_is_not_kept(job):
    with pytest.raises(UserError, match="holds no trained model; train it"):
        keep(f"{job.data.name}/meso4-1")
    run = ablation.trained("meso4", job, 1)
    about = json.loads((run / "model.json").read_text())
    about["config"]["epochs"] = 9
    (run / "model.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match="2 of its 9 epochs; finish it first"):
        keep(f"{job.data.name}/meso4-1")
    assert not (runtime.project_root() / "results").exists()


def test_a_row_whose_runs_are_too_large_to_keep_comes_from_the_record(job, monkeypatch):
    monkeypatch.setattr(ablation, "TOO_LARGE", ("meso4+eca",))
    monkeypatch.setattr(ablation, "REAL", ("meso4", "meso4+eca"))
    ablation.ABLATION.run([job.folder])
    found = record(f"real/{job.data.name}-ablation.json")
    assert found["command"] == f"python -m experiments ablation data/{job.data.name}"
    assert ablation.missing(job) == ["meso4", "meso4+eca"]  # its runs are still there
    shutil.rmtree(runtime.project_root() / "runs/ablation" / job.data.name / "meso4+eca-0")
    assert ablation.missing(job) == ["meso4"]
    assert ablation.taken_over(job) == {"meso4+eca": found["rows"]["meso4+eca"]}
    monkeypatch.setattr(ablation, "times", lambda *_: None)  # they are in the record already
    ablation.ABLATION.run([job.folder])
    again = record(f"real/{job.data.name}-ablation.json")
    for key in ("model", "metrics", "against"):
        assert {row: part[key] for row, part in again["rows"].items()} == {
            row: part[key] for row, part in found["rows"].items()
        }
    again["rows"]["meso4+eca"]["model"]["epochs"] = 9
    path = runtime.project_root() / f"results/real/{job.data.name}-ablation.json"
    path.write_text(json.dumps(again))
    assert ablation.taken_over(job) == {}


def test_outside_figures_come_with_the_times_that_the_record_has(job, tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "REAL", ("meso4",))
    ablation.ABLATION.run([job.folder])
    name = f"real/{job.data.name}-ablation.json"
    before = record(name)
    elsewhere = assembled_set(tmp_path / "elsewhere", per_class=8, seed=5)
    monkeypatch.setattr(ablation, "times", lambda *_: pytest.fail("timed anew"))
    ablation.ABLATION.run([job.folder], outside=[str(elsewhere)])
    after = record(name)
    assert after["command"] == "python -m experiments ablation data/set --outside data/set"
    found = after["rows"]["meso4"].pop("outside")
    assert found["metrics"]["all"]["images"] == 16 and after["outside"]["data"]["split"] == "all"
    assert after["rows"] == before["rows"]


def test_fine_tuning_starts_from_the_run_of_its_own_seed_and_is_compared_with_scratch(
    job, monkeypatch
):
    rows = {"scratch-40": {"epochs": 1}, "tuned-40": {"epochs": 1}}
    monkeypatch.setattr(comparisons, "MODEL", "meso4")
    monkeypatch.setattr(comparisons, "TRANSFER_ROWS", rows)
    comparisons.TRANSFER.run([job.folder, job.folder])
    found = record(f"real/{job.data.name}-transfer.json")
    assert set(found["rows"]) == {"scratch-40", "tuned-40", "3*scratch-40", "3*tuned-40", "source"}
    assert found["rows"]["3*tuned-40"]["seeds"] == ["0+1+2"]
    assert found["rows"]["tuned-40"]["model"]["init"] == job.data.name
    assert found["rows"]["scratch-40"]["against"]["value"] == 0
    runs = runtime.project_root() / "runs"
    config = json.loads((runs / "transfer" / job.data.name / "tuned-40-1/config.json").read_text())
    source = runs / "ablation" / replace(job, scale=comparisons.LONG).title / "meso4-1"
    assert config["init"] == str(source) and config["seed"] == 1


def test_the_same_pictures_are_read_at_several_sizes(job, monkeypatch):
    monkeypatch.setattr(comparisons, "RESOLUTION_ROWS", ("meso4 64", "meso4 96"))
    monkeypatch.setattr(comparisons, "RESOLUTION_BASELINE", "meso4 96")
    monkeypatch.setattr(comparisons, "RESOLUTION_EPOCHS", 1)
    comparisons.RESOLUTION.run([job.folder])
    found = record(f"real/{job.data.name}-resolution.json")
    assert set(found["rows"]) == {"meso4 64", "meso4 96", "3*meso4 64", "3*meso4 96"}
    small, large = found["rows"]["meso4 64"], found["rows"]["meso4 96"]
    assert (small["model"]["size"], large["model"]["size"]) == (64, 96)
    assert large["multiply_adds"] > small["multiply_adds"]
    assert small["val_by_epoch"] == [[value] for value in small["val_roc_auc"]]
    assert large["against"]["value"] == 0 and small["against"]["value"] != 0


def test_named_rows_are_trained_and_nothing_is_measured(job):
    ablation.ABLATION.run([job.folder, "meso4"])
    folder = runtime.project_root() / "runs/ablation" / job.data.name
    assert {run.name for run in folder.iterdir()} == {"meso4-0", "meso4-1", "meso4-2"}
    assert not (runtime.project_root() / "results").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [("resolution SET 592", "no row is called '592'; choose one of: meso4"),
     ("transfer SET SET tuned", "no row is called 'tuned'; choose one of: scratch-40"),
     ("ablation SET meso5", "no row is called 'meso5'; choose one of: meso4"),
     ("learning-curve SET 5000", "no row is called '5000'; choose one of: 1, 2, 4, 9, 18"),
     ("generalisation SET --train mine", "no row is called 'mine'; choose one of: set"),
     ("ablation NOWHERE", "NOWHERE is no assembled set"),
     ("ablations SET", "no experiment is called 'ablations'; choose one of: ablation, "),
     ("transfer SET", "usage: python -m experiments transfer DATA SOURCE"),
     ("errors RUN", "usage: python -m experiments errors RUN DATA..."),
     ("generator-distance SET", "usage: python -m experiments generator-distance"),
     ("dropout SET", "dropout is made of synthfaces alone"),
     ("ablation SET --epochs 0", "--epochs is 0; write a whole number"),
     ("ablation SET --epochs ten", "--epochs is 'ten'; write a whole number"),
     ("ablation SET --reduced --epochs 3", "leave --epochs out"),
     ("ablation synthfaces --reduced", "synthfaces has one scale; leave --reduced out"),
     ("augmentation SET --outside SET", "usage: python -m experiments augmentation DATA [ROW...]"),
     ("ablation SET --outside SET SET", "usage: python -m experiments ablation DATA [ROW...]"),
     ("robustness RUN SET --outside SET", "usage: python -m experiments robustness RUN... DATA"),
     ("gap RUN SET --outside SET", "usage: python -m experiments gap RUN... DATA --outside MORE"),
     ("augmentation SET --epochs 3", "augmentation has one scale; leave --epochs out"),
     ("augmentation SET --train none", "augmentation takes its rows without --train")],
)  # fmt: skip
def test_a_mistake_ends_in_one_line_before_any_training(job, words, said, capsys):
    assert cli.main([job.folder if word == "SET" else word for word in words.split()]) == 2
    printed = capsys.readouterr()
    assert said in printed.err and printed.err.count("\n") == 1 and not printed.out
    assert not (runtime.project_root() / "runs").exists()
