"""Damaged files of a run are named or made anew, and what is refused leaves no run behind."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mesocore.core.errors import UserError
from mesocore.data.assembled_set import AssembledSet
from mesocore.nets.detector import load_detector
from mesocore.training import loop, run_folder, trainer
from mesocore.training.config import TrainConfig
from tests.factories import assembled_set

FILES = ("model.safetensors", "model.json", "last.safetensors", "history.csv")
LOST = ("model.safetensors", "model.json")


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    return assembled_set(tmp_path_factory.mktemp("faces"), per_class=15)


def settings(faces: Path, **changes) -> TrainConfig:
    return TrainConfig("meso4", str(faces), **{"epochs": 2, "size": 64, "batch_size": 8} | changes)


@pytest.fixture(scope="module")
def finished(faces, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "finished"
    trainer.train(settings(faces), out)
    return out


@pytest.fixture
def run(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def damage(path: Path, kind: str) -> None:
    data = path.read_bytes()
    if kind == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "junk": b"\x01junk" * 40,
                          "folder of text": b"[]"}[kind])  # fmt: skip


@pytest.mark.parametrize("kind", ["empty", "cut", "junk", "folder of text"])
@pytest.mark.parametrize("name", ["config.json", "last.safetensors"])
def test_what_a_run_cannot_do_without_is_named(name, kind, run, faces):
    damage(run / name, kind)
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(UserError, match=f"^[^\n]*{name}[^\n]*; restore the file[^\n]*$"):
        trainer.train(settings(faces), run, resume=True)
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("kind", ["gone", "empty", "cut", "junk"])
def test_a_damaged_history_is_written_anew_from_the_state(kind, run, finished, faces):
    damage(run / "history.csv", kind)
    assert len(trainer.train(settings(faces), run, resume=True)) == 2
    assert (run / "history.csv").read_bytes() == (finished / "history.csv").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("epoch,", "epochs,", "column epoch is missing"), ("\n2,", "\n3,", "epoch does not count"),
     ("\n2,", "\nnan,", "row 2: epoch is 'nan'")],
)  # fmt: skip
def test_a_history_alone_has_to_fit(old, new, said, run, faces):
    (run / "last.safetensors").unlink()
    text = (run / "history.csv").read_text(encoding="utf-8")
    (run / "history.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=f"history.csv.*{said}"):
        trainer.train(settings(faces), run, resume=True)


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("kind", ["gone", "cut"])
@pytest.mark.parametrize("best", ["first", "last"])
def test_a_finished_run_that_lost_its_weights_mends_itself(
    best, kind, name, faces, tmp_path, monkeypatch, capsys
):
    genuine = trainer._validate

    def scored(*args):
        row, fitted = genuine(*args)
        score = next(scores)
        return row | {"val_roc_auc": score}, fitted

    values = [0.8, 0.7] if best == "first" else [0.7, 0.8]
    monkeypatch.setattr(trainer, "_validate", scored)
    scores = iter(values * 3)
    out = tmp_path / "run"
    trainer.train(settings(faces), out)
    whole = {file: (out / file).read_bytes() for file in FILES}
    damage(out / name, kind)
    with pytest.raises(UserError, match="restore|--resume|no trained model"):
        load_detector(out)
    scores = iter(values * 3)
    assert len(trainer.train(settings(faces), out, resume=True)) == 2
    assert "weights of its best epoch are gone or damaged" in capsys.readouterr().err
    assert {file: (out / file).read_bytes() for file in FILES} == whole


def test_a_state_that_was_changed_is_not_gone_on_with(run, faces):
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    (run / "config.json").write_text(json.dumps(config | {"epochs": 3}), encoding="utf-8")
    state = run / "last.safetensors"
    with safe_open(state, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(state)
    for changed in (
        {name: value for name, value in tensors.items() if not name.endswith("0.exp_avg")},
        tensors | {"optimiser.99.step": torch.zeros(())},
        tensors | {name: value + 1 for name, value in tensors.items() if name.endswith("fc2.bias")}
        | {"more": torch.zeros(3)},
    ):  # fmt: skip
        save_file(changed, state, metadata)
        with pytest.raises(UserError, match="last.safetensors is damaged .*not those that were"):
            trainer.train(settings(faces, epochs=3), run, resume=True)
    for moment in ({"optimiser.99.step": torch.zeros(())}, {"optimiser.0.exp_avg": torch.ones(2)}):
        about = json.loads(metadata["about"])
        del about["tensors_sha256"]  # as of an older version
        save_file(tensors | moment, state, {"about": json.dumps(about)})
        (name,) = moment
        with pytest.raises(UserError, match=f"last.safetensors .*no weight for {name[10:]}"):
            trainer.train(settings(faces, epochs=3), run, resume=True)


def test_a_state_of_an_older_version_is_gone_on_with(run, faces):
    state = run / "last.safetensors"
    rows = run_folder.history(run)
    save_file(load_file(state), state, {"history": json.dumps(rows)})
    assert run_folder.history(run) == rows
    assert len(trainer.train(settings(faces), run, resume=True)) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"size": 64', '"size": "64"', "config.size is '64'"),
        ('"seed": 0', '"seed": null', "config.seed is "),
        ('"model": "meso4"', '"model": 4', "config.model is 4"),
        ('"threshold": ', '"threshold": NaN, "was": ', "NaN, which is no finite number"),
        ('"temperature": ', '"temperature": -', "temperature is -"),
        ('"quality"', '"qualities"', "preparation.quality is missing"),
        ('"val_roc_auc": ', '"val_roc_auc": 7e77, "was": ', "best.val_roc_auc is 7e"),
        ('"gpu"', '"gpus"', "environment.gpu is missing"),
        ('"weights_sha256": "', '"weights_sha256": "x', "weights_sha256 is 'x"),
        ('"learning_rate": ', '"learning_rate": "fast", "was": ', "config.learning_rate is 'fast'"),
        ('"epochs": ', '"epochs": 1e3, "was": ', "config.epochs is 1000.0"),
    ],
)
def test_a_description_that_does_not_fit_is_named(old, new, said, run, faces):
    text = (run / "model.json").read_text(encoding="utf-8")
    assert old in text
    (run / "model.json").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=f"^[^\n]*model.json: [^\n]*{said}[^\n]*train again$"):
        trainer.fine_tuning_config(run, str(faces))


@pytest.mark.parametrize("kind", ["empty", "cut", "junk", "folder of text"])
def test_what_a_run_has_seen_is_named_and_written_again(kind, run, faces):
    damage(run / "trained_on.npy", kind)
    with pytest.raises(UserError, match="trained_on.npy cannot be used: .*; resume the run"):
        load_detector(run)
    trainer.train(settings(faces), run, resume=True)
    assert len(load_detector(run).trained_on) > 0


def test_a_refused_command_leaves_no_run(faces, tmp_path, monkeypatch):
    copy = Path(shutil.copytree(faces, tmp_path / "set"))
    image = copy / AssembledSet(copy).rows("val")["path"][0]
    whole = image.read_bytes()
    shutil.rmtree(copy / ".cache")
    image.write_bytes(b"broken")
    with pytest.raises(UserError, match=f"{image.name}, an image of an assembled set"):
        trainer.train(settings(copy), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    image.write_bytes(whole)
    monkeypatch.setattr(loop, "prepare", lambda *_: (_ for _ in ()).throw(UserError("no memory")))
    with pytest.raises(UserError, match="no memory"):
        trainer.train(settings(copy), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    monkeypatch.undo()
    assert len(trainer.train(settings(copy, epochs=1), tmp_path / "run")) == 1
