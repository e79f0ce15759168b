"""A small run of each table and measurement gives a record of the committed one's shape."""

import json
import shutil

import pytest

from experiments import ablation, augmentation, cli, comparisons, learning_curve, pruning
from experiments.records import path as record_path
from experiments.runner import Job
from mesocore.core import runtime
from mesocore.data import AssembledSet
from mesocore.data.assembly.assemble import assemble
from mesocore.training import TrainConfig
from tests.factories import write_images

COMMITTED = runtime.project_root() / "results"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project without results; the embedded set in it has 30 images, with nothing to learn (an
    error of 0 has no power law)."""
    folder = tmp_path_factory.mktemp("tables")
    raw = folder / "synthfaces"
    for seed, label in enumerate(("real", "fake")):
        shutil.copytree(write_images(folder / label, 15, seed=seed) / "real", raw / label)
    assemble([raw], folder / "set", size=64, split=(0.6, 0.2, 0.2), progress=False)
    return folder


@pytest.fixture(autouse=True)
def small(project, monkeypatch):
    """Every run is trained for one epoch, and tables have the rows that their records need."""

    def course_config(model, data, seed=0, epochs=24):
        return TrainConfig(model, data, 1, 64, batch_size=8, dropout=0.0, seed=seed)

    monkeypatch.setattr(runtime, "project_root", lambda: project)
    for module in (ablation, comparisons, augmentation, learning_curve):
        monkeypatch.setattr(module, "course_config", course_config)
    monkeypatch.setattr(augmentation, "ROWS", ("none", "flip+jpeg"))
    monkeypatch.setattr(learning_curve, "HALVINGS", 1)
    some = {name: comparisons.SCHEDULE_ROWS[name] for name in ("cosine, no warm-up", "one-cycle")}
    monkeypatch.setattr(comparisons, "SCHEDULE_ROWS", some)
    monkeypatch.setattr(pruning, "MODELS", ("meso4",))
    monkeypatch.setattr(pruning, "METHODS", {"dense": (0.0,), "iterative": (0.98,)})
    monkeypatch.setattr(pruning, "TIMED", ("dense",))
    monkeypatch.setattr(pruning.profile, "latency", lambda nets, *_, **__: dict.fromkeys(nets, 1))


def keys(record: dict, committed: dict) -> None:
    newer = ["seen_in_training", "verdicts"]  # than some of those that are committed
    assert [key for key in record if key not in newer] == [k for k in committed if k not in newer]
    if "data" in committed:
        assert list(record["data"]) == list(committed["data"])


@pytest.mark.parametrize(
    ("name", "made", "committed"),
    [("dropout", "synthfaces/dropout.json", "synthfaces/dropout.json"),
     ("schedules", "synthfaces/schedules.json", "synthfaces/schedules.json"),
     ("meso4-seeds", "synthfaces/meso4-seeds.json", "synthfaces/meso4-seeds.json"),
     ("augmentation", "synthfaces/augmentation.json", "real/openforensics-augmentation.json"),
     ("learning-curve", "synthfaces/learning-curve.json", "real/openforensics-learning-curve.json"),
     ("generalisation", "synthfaces/generalisation.json", "real/generalisation.json"),
     ("pruning", "synthfaces/pruning-meso4.json", "real/openforensics-128-pruning-meso4.json")],
)  # fmt: skip
def test_a_table_gives_a_record_like_the_committed_one(project, name, made, committed, capsys):
    assert cli.main([name, str(project / "set")]) == 0, capsys.readouterr().err
    record = json.loads(record_path(made).read_text())
    keys(record, json.loads((COMMITTED / committed).read_text()))
    assert record["command"] == f"python -m experiments {name} synthfaces"


def test_rows_hold_what_they_were_trained_with(project):
    assert cli.main(["dropout", str(project / "set")]) == 0
    record = json.loads(record_path("synthfaces/dropout.json").read_text())
    assert record["model"]["dropout"] == [0.0, 0.5] and record["model"]["seed"] == [0, 1, 2]
    assert {row: list(seeds) for row, seeds in record["val_roc_auc"].items()} == {
        "0.0": ["0", "1", "2"],
        "0.5": ["0", "1", "2"],
    }
    for run, dropout in (("meso4-seed-1", 0.0), ("meso4-dropout-seed-1", 0.5)):
        config = json.loads((project / "runs" / run / "config.json").read_text())
        assert (config["dropout"], config["seed"]) == (dropout, 1)


def test_measurements_of_a_run_give_records_like_the_committed_ones(project):
    data = str(project / "set")
    run = ablation.trained("meso4", Job((AssembledSet(data),)), 0)
    assert cli.main(["robustness", str(run), data]) == 0
    record = json.loads(record_path("synthfaces/robustness.json").read_text())
    keys(record, json.loads((COMMITTED / "synthfaces/robustness.json").read_text()))
    assert record["command"] == f"python -m experiments robustness {run} synthfaces"
    assert cli.main(["errors", str(run), data]) == 0
    record = json.loads(record_path("real/meso4-0-errors.json").read_text())
    keys(record, json.loads((COMMITTED / "real/openforensics-meso4-errors.json").read_text()))
    assert record["sets"]["set"]["data"]["split"] == "test"
