"""Training learns, keeps the right epoch, and resumes to the same bits after kill -9."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mesocore import dataset, train
from mesocore.checkpoint import load_detector
from mesocore.evaluate import point_metrics
from mesocore.models import CHOSEN, build
from mesocore.runtime import UserError
from tests.factories import assembled_set

FILES = ["config.json", "history.csv", "last.safetensors", "model.safetensors", "model.json"]


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    return assembled_set(tmp_path_factory.mktemp("faces"))


def settings(faces: Path, **changes) -> train.TrainConfig:
    values = {"epochs": 4, "size": 64, "batch_size": 8} | changes
    return train.TrainConfig("meso4", str(faces), **values)


@pytest.fixture(scope="module")
def run(faces, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    train.train(settings(faces), out)
    return out


def same_files(a: Path, b: Path) -> None:
    for name in FILES:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def test_it_learns(run, faces):
    detector = load_detector(run)
    test = dataset.load(faces, "test")
    found = point_metrics(test.labels.numpy(), detector.probabilities(test.images), 0.5)
    assert found["roc_auc"] > 0.9


def test_the_kept_model_is_the_best_epoch_and_a_true_copy(run, faces):
    history = pd.read_csv(run / "history.csv")
    assert len(history) == 4
    about = json.loads((run / "model.json").read_text())
    best = history.loc[history["val_roc_auc"].idxmax()]
    assert about["best"]["epoch"] == best["epoch"]
    detector, validation = load_detector(run), dataset.load(faces, "val")
    again = point_metrics(
        validation.labels.numpy(), detector.probabilities(validation.images), detector.threshold
    )
    assert again["roc_auc"] == pytest.approx(best["val_roc_auc"], abs=1e-9)
    assert again["balanced_accuracy"] == pytest.approx(best["val_balanced_accuracy"], abs=1e-9)


def test_two_runs_agree_bit_for_bit_and_two_seeds_do_not(run, faces, tmp_path):
    train.train(settings(faces), tmp_path / "again")
    same_files(run, tmp_path / "again")
    other = train.train(settings(faces, seed=1, epochs=1), tmp_path / "seed1")
    first = pd.read_csv(run / "history.csv")
    assert other["train_loss"][0] != first["train_loss"][0]


def test_dropout_is_the_published_share_unless_the_run_says_otherwise(faces, tmp_path):
    losses = {}
    for share in (None, 0.5, 0.0):
        history = train.train(settings(faces, dropout=share, epochs=1), tmp_path / str(share))
        losses[share] = history["train_loss"][0]
    assert losses[None] == losses[0.5] > losses[0.0]


def test_training_starts_from_another_run_and_says_from_which(run, faces, tmp_path):
    out = tmp_path / "tuned"
    config = settings(faces, init=str(run), epochs=1, learning_rate=1e-9)
    history = train.train(config, out)
    before, after = load_detector(run), load_detector(out)
    weights = zip(before.model.parameters(), after.model.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in weights)
    assert history["val_roc_auc"][0] == pytest.approx(
        before.description["best"]["val_roc_auc"], abs=0.05
    )
    about = json.loads((out / "config.json").read_text())
    assert about["init_sha256"] == before.description["weights_sha256"]
    with pytest.raises(UserError, match="holds a meso4 for 64 px; .* meso4 for 128 px"):
        train.train(settings(faces, init=str(run), size=128), tmp_path / "larger")
    assert not (tmp_path / "larger").exists()


def test_a_run_records_its_parts_and_not_a_name_that_may_change(faces):
    named = train.TrainConfig("mesonetplus", str(faces))
    assert named.model == CHOSEN and build(named.model, 64)


EVERYTHING = {
    "ema": 0.9, "clip_norm": 1.0, "label_smoothing": 0.1, "precision": "bf16",
    "augment": "flip+jpeg+noise",
}  # fmt: skip


@pytest.mark.parametrize("ended", [0, 1, 2])
def test_interrupted_with_every_option_equals_uninterrupted(ended, faces, tmp_path, monkeypatch):
    config = settings(faces, epochs=3, **EVERYTHING)
    train.train(config, tmp_path / "whole")
    run_epoch = train._run_epoch

    def interrupted(*args):
        if args[-1] == ended:
            raise KeyboardInterrupt
        return run_epoch(*args)

    monkeypatch.setattr(train, "_run_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.train(config, tmp_path / "broken")
    monkeypatch.undo()
    train.train(config, tmp_path / "broken", resume=True)
    same_files(tmp_path / "whole", tmp_path / "broken")


def test_the_ema_is_what_is_kept_and_judged(faces, tmp_path):
    plain = train.train(settings(faces, epochs=1), tmp_path / "plain")
    averaged = train.train(settings(faces, epochs=1, ema=0.9), tmp_path / "averaged")
    assert plain["train_loss"][0] == averaged["train_loss"][0]
    assert plain["val_loss"][0] != averaged["val_loss"][0]
    a, b = (load_detector(tmp_path / name).model for name in ("plain", "averaged"))
    assert any(not torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    barely = train.train(settings(faces, epochs=1, ema=1e-9), tmp_path / "barely")
    assert barely["val_roc_auc"][0] == pytest.approx(plain["val_roc_auc"][0])


def test_smoothed_labels_keep_the_loss_above_their_entropy(run, faces):
    images, labels = dataset.load(faces, "train").images[:32], torch.ones(32)
    model = load_detector(run).model
    losses = [
        train._loss(model, images, labels, settings(faces, label_smoothing=share)).item()
        for share in (0.0, 0.2)
    ]
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert losses[1] >= entropy and losses[0] != losses[1]


def test_patience_ends_a_run_that_no_longer_improves(faces, tmp_path, monkeypatch):
    scores = [0.6, 0.7, 0.65, 0.8, 0.8, 0.7, 0.9]

    def scripted(*_):
        row = {"val_loss": 0.5, "val_roc_auc": scores[next(calls)], "val_balanced_accuracy": 0.5}
        return row, {"threshold": 0.5, "temperature": 1.0, "threshold_from": "nowhere"}

    monkeypatch.setattr(train, "_validate", scripted)
    calls = iter(range(7))
    config = settings(faces, epochs=7, patience=2)
    history = train.train(config, tmp_path / "run")
    assert history["val_roc_auc"].tolist() == scores[:6]  # two epochs after the fourth, the best
    assert len(train.train(config, tmp_path / "run", resume=True)) == 6
    calls = iter(range(7))
    assert len(train.train(settings(faces, epochs=7), tmp_path / "patient")) == 7


def test_a_clipped_gradient_is_as_long_as_allowed(faces, tmp_path, monkeypatch):
    norms = []
    clip = torch.nn.utils.clip_grad_norm_

    def spy(parameters, limit):
        parameters = list(parameters)
        found = clip(parameters, limit)
        norms.append(torch.cat([p.grad.flatten() for p in parameters]).norm().item())
        return found

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", spy)
    train.train(settings(faces, epochs=1, clip_norm=0.01), tmp_path / "run")
    assert norms and max(norms) <= 0.0101


def test_low_precision_learns_as_well_and_keeps_full_weights(faces, tmp_path):
    history = train.train(settings(faces, precision="bf16"), tmp_path / "low")
    assert history["val_roc_auc"].max() > 0.9
    weights = load_detector(tmp_path / "low").model.parameters()
    assert all(w.dtype == torch.float32 for w in weights)


@pytest.mark.parametrize("finished_epochs", [0, 1, 3])
def test_killed_and_resumed_equals_uninterrupted(finished_epochs, run, faces, tmp_path):
    out = tmp_path / "killed"
    script = (
        "from tests.test_train import Path, settings, train\n"
        f"train.train(settings(Path({str(faces)!r})), Path({str(out)!r}))"
    )
    root = Path(__file__).parents[1]
    process = subprocess.Popen([sys.executable, "-c", script], cwd=root)
    _wait_for(out, finished_epochs, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if (out / "config.json").exists():
        train.train(settings(faces), out, resume=True)
    else:
        train.train(settings(faces), out)
    same_files(run, out)


def _wait_for(out: Path, epochs: int, process: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        history = out / "history.csv"
        done = len(pd.read_csv(history)) if history.exists() else 0
        if done >= epochs and (out / "config.json").exists():
            return
        time.sleep(0.002)


def test_resuming_a_finished_run_changes_nothing(run, faces):
    before = {name: (run / name).stat().st_mtime_ns for name in ("model.json", "last.safetensors")}
    history = train.train(settings(faces), run, resume=True)
    assert len(history) == 4
    assert before == {name: (run / name).stat().st_mtime_ns for name in before}


def test_a_run_older_than_a_setting_goes_on_with_its_default(run, faces, tmp_path):
    shutil.copytree(run, tmp_path / "old")
    config = json.loads((run / "config.json").read_text())
    del config["precision"]
    (tmp_path / "old" / "config.json").write_text(json.dumps(config))
    assert len(train.train(settings(faces), tmp_path / "old", resume=True)) == 4
    with pytest.raises(UserError, match="precision 'fp32' -> 'bf16'"):
        train.train(settings(faces, precision="bf16"), tmp_path / "old", resume=True)


def test_mistakes_are_named(run, faces, tmp_path):
    with pytest.raises(UserError, match="add --resume"):
        train.train(settings(faces), run)
    with pytest.raises(UserError, match="epochs 4 -> 5"):
        train.train(settings(faces, epochs=5), run, resume=True)
    with pytest.raises(UserError, match="no run to resume"):
        train.train(settings(faces), tmp_path / "none", resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        train.train(settings(faces), tmp_path / "full")
    with pytest.raises(UserError, match="epochs is 0"):
        settings(faces, epochs=0)
    with pytest.raises(UserError, match="dropout is 1"):
        settings(faces, dropout=1)
    with pytest.raises(UserError, match="clip_norm is -1"):
        settings(faces, clip_norm=-1)
    with pytest.raises(UserError, match="'blurr'; join some of"):
        settings(faces, augment="blurr")
    with pytest.raises(UserError, match="'half'.*fp32, bf16"):
        settings(faces, precision="half")
    with pytest.raises(UserError, match="no assembled set|is no assembled set"):
        train.train(settings(tmp_path / "nowhere"), tmp_path / "new")


def test_a_loss_that_is_not_finite_stops_and_says_so(faces, tmp_path):
    with pytest.raises(UserError, match="loss became .* learning rate below"):
        train.train(settings(faces, learning_rate=1e30), tmp_path / "hot")


def test_the_schedule_rises_then_falls_to_nothing():
    rates = [train.learning_rate(step, 100, peak=1.0) for step in range(100)]
    assert np.argmax(rates) in (9, 10)
    assert rates[0] == pytest.approx(0.1) and rates[-1] < 0.001
    assert np.all(np.diff(rates[10:]) < 0)


def test_mirroring_is_for_training_batches_only_and_keeps_the_set(faces):
    data = dataset.load(faces, "train")
    before = data.images.clone()
    batches = list(dataset.batches(data, 8, torch.Generator().manual_seed(0), "flip"))
    assert torch.equal(data.images, before)
    assert sum(len(labels) for _, labels in batches) == len(data)
    plain = list(dataset.batches(data, 8, torch.Generator().manual_seed(0), "none"))
    mirrored = same = 0
    for (a, _), (b, _) in zip(batches, plain, strict=True):
        for x, y in zip(a, b, strict=True):
            same += torch.equal(x, y)
            mirrored += torch.equal(x, y.flip(-1))
    assert same + mirrored == len(data) and mirrored > 0 and same > 0


def test_a_damaged_checkpoint_is_refused(run, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("model.safetensors", "model.json"):
        (copy / name).write_bytes((run / name).read_bytes())
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    with pytest.raises(UserError, match="interrupted while saving"):
        load_detector(copy)
    with pytest.raises(UserError, match="no trained model"):
        load_detector(tmp_path)
    with pytest.raises(UserError, match="no such run"):
        load_detector(tmp_path / "nowhere")
