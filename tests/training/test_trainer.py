"""Training learns, keeps the right epoch, and resumes to the same bits after kill -9."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mesocore.core.errors import UserError
from mesocore.data import dataset
from mesocore.data.augmentation import augment
from mesocore.evaluation.metrics import point_metrics
from mesocore.nets.detector import load_detector, save_model
from mesocore.nets.inference.calibration import Examined
from mesocore.nets.mesonet_plus import KINDS
from mesocore.nets.models import CHOSEN, build
from mesocore.training import distributed, loop, schedule, trainer
from mesocore.training.config import TrainConfig
from tests import victims
from tests.factories import assembled_set, check_resume

EPOCH_SECONDS = 0.5  # of a run here, roughly
FILES = ["config.json", "history.csv", "last.safetensors", "model.safetensors", "model.json"]


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    return assembled_set(tmp_path_factory.mktemp("faces"))


def settings(faces: Path, **changes) -> TrainConfig:
    values = {"model": "meso4", "epochs": 4, "size": 64, "batch_size": 8} | changes
    return TrainConfig(data=str(faces), **values)


@pytest.fixture(scope="module")
def run(faces, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    trainer.train(settings(faces), out)
    return out


@pytest.fixture(scope="module")
def one_epoch(faces, tmp_path_factory) -> Path:
    """The run of one epoch with nothing else changed, that others are compared with."""
    out = tmp_path_factory.mktemp("runs") / "one-epoch"
    trainer.train(settings(faces, epochs=1), out)
    return out


def history_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "history.csv", float_precision="round_trip")


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
    trainer.train(settings(faces), tmp_path / "again")
    same_files(run, tmp_path / "again")
    other = trainer.train(settings(faces, seed=1, epochs=1), tmp_path / "seed1")
    first = pd.read_csv(run / "history.csv")
    assert other["train_loss"][0] != first["train_loss"][0]


def test_dropout_is_the_published_share_unless_the_run_says_otherwise(one_epoch, faces, tmp_path):
    losses = {None: history_of(one_epoch)["train_loss"][0]}
    for share in (0.5, 0.0):
        history = trainer.train(settings(faces, dropout=share, epochs=1), tmp_path / str(share))
        losses[share] = history["train_loss"][0]
    assert losses[None] == losses[0.5] > losses[0.0]


def test_training_starts_from_another_run_and_says_from_which(run, faces, tmp_path):
    out = tmp_path / "tuned"
    config = settings(faces, init=str(run), epochs=1, learning_rate=1e-9)
    history = trainer.train(config, out)
    before, after = load_detector(run), load_detector(out)
    weights = zip(before.model.parameters(), after.model.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in weights)
    assert history["val_roc_auc"][0] == pytest.approx(
        before.description["best"]["val_roc_auc"], abs=0.05
    )
    about = json.loads((out / "config.json").read_text())
    assert about["init_sha256"] == before.description["weights_sha256"]
    with pytest.raises(UserError, match="holds a meso4 for 64 px; .* meso4 for 128 px"):
        trainer.train(settings(faces, init=str(run), size=128), tmp_path / "larger")
    assert not (tmp_path / "larger").exists()


def test_a_teacher_is_followed_and_named(run, faces, tmp_path):
    """Two teachers that know one answer each: labels and images are the same for both students."""
    means = {}
    for answer in (-6.0, 6.0):
        teacher, out = tmp_path / f"teacher{answer}", tmp_path / f"student{answer}"
        shutil.copytree(run, teacher)
        model = load_detector(run).model
        with torch.no_grad():
            model.classifier[-1].weight.zero_()
            model.classifier[-1].bias.fill_(answer)
        save_model(teacher, model, json.loads((run / "model.json").read_text()))
        trainer.train(settings(faces, teacher=str(teacher), learning_rate=0.02), out)
        student = load_detector(out)
        means[answer] = student.logits(dataset.load(faces, "train").images).mean()
        sha256 = load_detector(teacher).description["weights_sha256"]
        assert student.description["config"]["teacher_sha256"] == sha256
        assert np.isin(load_detector(run).trained_on, student.trained_on).all()
    assert means[-6.0] < means[6.0] - 1
    with pytest.raises(UserError, match="takes images of 64 px; training was asked for 128 px"):
        trainer.train(settings(faces, teacher=str(run), size=128), tmp_path / "larger")
    assert not (tmp_path / "larger").exists()


def test_the_loss_with_a_teacher_and_two_views_is_as_written():
    """By hand, for three logits; the second half of a batch are the other views."""
    answers = torch.tensor([0.5, -1.0, 2.0])
    labels = torch.tensor([1.0, 0.0, 1.0])
    images, kinds = torch.arange(3.0), torch.zeros(3, dtype=torch.int64)

    def model(rows):
        return answers[rows.long() % 3] + (rows >= 3) * 0.4

    def teacher(rows):
        return 2 * answers[rows.long() % 3]

    cross = torch.nn.functional.binary_cross_entropy_with_logits
    hard, soft = cross(answers, labels), cross(answers / 2, torch.sigmoid(answers))
    objective = loop.Objective(_Called(model), teacher=_Called(teacher))
    assert objective(images, labels, kinds) == pytest.approx((hard + 4 * soft) / 2)
    assert [*objective.parameters()] == []  # the teacher's are not among those that learn
    twice, both = torch.arange(6.0), labels.repeat(2)
    apart = (torch.sigmoid(answers) - torch.sigmoid(answers + 0.4)).square().mean()
    plain = loop.Objective(_Called(model))(twice, both, kinds.repeat(2))
    consistent = loop.Objective(_Called(model), consistency=3.0)(twice, both, kinds.repeat(2))
    assert consistent - plain == pytest.approx(3 * apart)


def test_a_network_of_kinds_learns_which_is_which(faces, tmp_path):
    """The loss is the cross-entropy of all classes; the verdict is that of both groups of them."""
    name = f"{CHOSEN}+pooled+kinds"
    model = build(name, 64).eval()
    images = dataset.load(faces, "train").images[:4]
    answers = model.answers(images).detach()  # (4, 2 * KINDS)
    labels, kinds = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([0, 1, 0, 2])
    wanted = answers.log_softmax(1)[torch.arange(4), torch.tensor([0, 1, KINDS, KINDS + 2])]
    loss = loop.Objective(model)(images, labels, kinds).item()
    assert loss == pytest.approx(-wanted.mean().item())
    shares = answers.softmax(1)[:, KINDS:].sum(1)
    assert torch.allclose(torch.sigmoid(model(images)).detach(), shares, atol=1e-6)
    trainer.train(settings(faces, model=name, epochs=8), tmp_path / "run")
    assert history_of(tmp_path / "run")["val_roc_auc"].max() > 0.8


def test_rare_kinds_count_more_as_the_balance_says(faces):
    """By hand: 30 and 10 images of two kinds of fakes, 40 photographs of one."""
    data = dataset.load(faces, "train")
    rows = [*range(80)] if len(data) >= 80 else (torch.arange(80) % len(data)).tolist()
    table = data.table.iloc[rows].assign(source=["a"] * 30 + ["b"] * 10 + ["a"] * 40, edit="")
    table["label"] = ["fake"] * 40 + ["real"] * 40
    labels = torch.tensor([1] * 40 + [0] * 40)
    mixed = dataset.FaceSet(data.images[rows], labels, table)
    assert mixed.kind_counts() == (1, 2)
    ones = torch.ones(2, 3)
    assert torch.allclose(dataset.kind_weights(mixed, 0.0), ones)
    full = dataset.kind_weights(mixed, 1.0)
    shares = torch.tensor([[40 * full[0, 0], 0], [30 * full[1, 0], 10 * full[1, 1]]]) / 80
    assert torch.allclose(shares, torch.tensor([[1 / 3, 0], [1 / 3, 1 / 3]]))
    assert full[:, 2].tolist() == [1, 1]  # self-blends
    half = dataset.kind_weights(mixed, 0.5)
    assert half[1, 1] / half[1, 0] == pytest.approx(3**0.5)
    loss = {}
    for weights in (None, full):
        objective = loop.Objective(_Called(lambda x: x), weights=weights)
        answers, kinds = torch.tensor([0.5, -1.0]), torch.tensor([0, 1])
        loss[weights is None] = objective(answers, torch.tensor([0.0, 1.0]), kinds)
    cross = torch.nn.functional.softplus(torch.tensor([0.5, 1.0]))
    assert loss[True] == pytest.approx(cross.mean().item())
    expected = (cross * torch.stack([full[0, 0], full[1, 1]])).mean().item()
    assert loss[False] == pytest.approx(expected)


def test_rare_kinds_are_not_weighed_twice(faces):
    assert settings(faces, kind_balance=1.0).kind_balance == 1  # all of the way is allowed
    with pytest.raises(UserError, match="would weigh rare kinds twice; choose one"):
        settings(faces, balanced_sampling=True, kind_balance=0.5)


def test_more_kinds_than_a_network_tells_apart_are_refused_before_a_run(faces, tmp_path):
    crowd = shutil.copytree(faces, tmp_path / "crowd")
    table = pd.read_csv(crowd / "manifest.csv")
    table["source"] = [f"s{number % 9}" for number in range(len(table))]
    table.to_csv(crowd / "manifest.csv", index=False)
    with pytest.raises(UserError, match="has 9 kinds .* tells 8 apart; leave kinds out"):
        trainer.train(settings(crowd, model=f"{CHOSEN}+pooled+kinds"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    trainer.train(settings(crowd, model=f"{CHOSEN}+pooled", epochs=1), tmp_path / "run")


class _Called(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_consistency_brings_two_views_of_an_image_together(faces, tmp_path):
    gaps = []
    for weight in (1e-6, 20.0):
        out = tmp_path / str(weight)
        config = settings(faces, consistency=weight, augment="flip+noise", epochs=3, dropout=0.0)
        trainer.train(config, out)
        images = dataset.load(faces, "train").images
        views = [augment(images, "flip+noise", torch.Generator().manual_seed(k)) for k in range(2)]
        one, other = (load_detector(out).probabilities(view) for view in views)
        gaps.append(np.abs(one - other).mean())
    assert gaps[1] < gaps[0]


def test_a_network_that_pools_learns_from_crops_and_judges_whole_images(faces, tmp_path):
    config = settings(faces, model="meso4+inverted+pooled", size=128, crop=64, epochs=2)
    trainer.train(config, tmp_path / "run")
    found = load_detector(tmp_path / "run")
    assert found.size == 128 and found.description["config"]["crop"] == 64
    assert found.probabilities(dataset.load(faces, "val", 128).images).shape == (16,)
    check_resume(config, tmp_path / "run", tmp_path / "parts", 1)
    for wrong, message in (
        ({"model": "meso4"}, "meso4 takes images of one size; add pooled or patches"),
        ({"crop": 128}, "crop: 128 px are no part of images of 128 px"),
        ({"crop": 70}, "size 70 does not work"),
    ):
        with pytest.raises(UserError, match=message):
            replace(config, **wrong)


def test_a_run_records_its_parts_and_not_a_name_that_may_change(faces):
    named = TrainConfig("mesonetplus", str(faces))
    assert named.model == CHOSEN and build(named.model, 64)


EVERYTHING = {
    "ema": 0.9, "clip_norm": 1.0, "label_smoothing": 0.1, "precision": "bf16",
    "augment": "flip+jpeg+noise", "schedule": "one-cycle", "accumulate": 2, "images": 30,
    "balanced_sampling": True, "channels_last": True, "dropout": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def run_with_everything(faces, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "everything"
    trainer.train(settings(faces, epochs=3, **EVERYTHING), out)
    return out


@pytest.mark.parametrize("ended", [0, 1, 2])
def test_interrupted_with_every_option_equals_uninterrupted(
    ended, run_with_everything, faces, tmp_path, monkeypatch
):
    config = settings(faces, epochs=3, **EVERYTHING)
    run_epoch = loop.run_epoch

    def interrupted(*args):
        if args[-1] == ended:
            raise KeyboardInterrupt
        return run_epoch(*args)

    monkeypatch.setattr(loop, "run_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt, match=f"in epoch {ended + 1} of 3; .* with --resume"):
        trainer.train(config, tmp_path / "broken")
    monkeypatch.undo()
    trainer.train(config, tmp_path / "broken", resume=True)
    same_files(run_with_everything, tmp_path / "broken")


def test_the_ema_is_what_is_kept_and_evaluated(one_epoch, faces, tmp_path):
    plain = history_of(one_epoch)
    averaged = trainer.train(settings(faces, epochs=1, ema=0.9), tmp_path / "averaged")
    assert plain["train_loss"][0] == averaged["train_loss"][0]
    assert plain["val_loss"][0] != averaged["val_loss"][0]
    a, b = (load_detector(out).model for out in (one_epoch, tmp_path / "averaged"))
    assert any(not torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    barely = trainer.train(settings(faces, epochs=1, ema=1e-9), tmp_path / "barely")
    assert barely["val_roc_auc"][0] == pytest.approx(plain["val_roc_auc"][0])


def test_smoothed_labels_keep_the_loss_above_their_entropy(run, faces):
    images, labels = dataset.load(faces, "train").images[:32], torch.ones(32)
    kinds = torch.zeros(32, dtype=torch.int64)
    model = load_detector(run).model
    losses = [loop.Objective(model, share)(images, labels, kinds).item() for share in (0.0, 0.2)]
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert losses[1] >= entropy and losses[0] != losses[1]


def test_patience_ends_a_run_that_no_longer_improves(faces, tmp_path, monkeypatch):
    scores = [0.6, 0.7, 0.65, 0.8, 0.8, 0.7, 0.9]

    def scripted(*_):
        row = {"val_loss": 0.5, "val_roc_auc": scores[next(calls)], "val_balanced_accuracy": 0.5}
        return row, {"threshold": 0.5, "temperature": 1.0, "threshold_from": "nowhere"}

    monkeypatch.setattr(trainer, "_validate", scripted)
    monkeypatch.setattr(loop, "run_epoch", lambda *_: 0.5)
    calls = iter(range(7))
    config = settings(faces, epochs=7, patience=2)
    history = trainer.train(config, tmp_path / "run")
    assert history["val_roc_auc"].tolist() == scores[:6]  # two epochs after the fourth, the best
    assert len(trainer.train(config, tmp_path / "run", resume=True)) == 6
    calls = iter(range(7))
    assert len(trainer.train(settings(faces, epochs=7), tmp_path / "patient")) == 7


def test_a_clipped_gradient_is_as_long_as_allowed(faces, tmp_path, monkeypatch):
    norms = []
    clip = torch.nn.utils.clip_grad_norm_

    def spy(parameters, limit, **options):
        parameters = list(parameters)
        found = clip(parameters, limit, **options)
        norms.append(torch.cat([p.grad.flatten() for p in parameters]).norm().item())
        return found

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", spy)
    trainer.train(settings(faces, epochs=1, clip_norm=0.01), tmp_path / "run")
    assert norms and max(norms) <= 0.0101


def test_low_precision_learns_as_well_and_keeps_full_weights(faces, tmp_path):
    history = trainer.train(settings(faces, precision="bf16"), tmp_path / "low")
    assert history["val_roc_auc"].max() > 0.9
    weights = load_detector(tmp_path / "low").model.parameters()
    assert all(w.dtype == torch.float32 for w in weights)


@pytest.mark.parametrize("time_of_three", range(3))
def test_killed_at_a_random_moment_and_resumed_equals_uninterrupted(
    time_of_three, run, faces, tmp_path, moments
):
    moment = moments.uniform(0, 4)  # 1.5: in the middle of the second epoch
    print(f"killed at {moment}")
    out = tmp_path / "killed"
    victim = victims.start(trainer.train, settings(faces), out)
    victims.wait_until(lambda: _epochs(out) >= int(moment), victim)
    time.sleep(EPOCH_SECONDS * (moment % 1))
    victims.kill(victim)
    trainer.train(settings(faces), out, resume=(out / "config.json").exists())
    same_files(run, out)


def _epochs(out: Path) -> int:
    """Epochs that a run has ended; -1 before it has begun."""
    history = out / "history.csv"
    if history.exists():
        return len(pd.read_csv(history))
    return 0 if (out / "config.json").exists() else -1


def test_the_logs_have_every_epoch_once_wherever_it_was_killed(run, faces, tmp_path):
    out = tmp_path / "killed"
    shutil.copytree(run, out)
    (out / "history.csv").unlink()  # killed between the state and its logs
    for events in (out / "tensorboard").iterdir():
        events.write_bytes(events.read_bytes()[:-100])
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | {"epochs": 5}))
    history = trainer.train(settings(faces, epochs=5), out, resume=True)
    log = EventAccumulator(str(out / "tensorboard")).Reload()
    scores = log.Scalars("val_roc_auc")
    assert [event.step for event in scores] == [1, 2, 3, 4, 5]
    assert [event.value for event in scores] == pytest.approx(history["val_roc_auc"].tolist())
    assert len(pd.read_csv(out / "history.csv")) == 5


def test_accumulated_gradients_are_those_of_the_whole_batch(faces, tmp_path):
    """With BatchNorm's own statistics fixed: they are those of a batch, not of a step."""
    data = dataset.load(faces, "train")
    gradients = []
    for size, accumulate in ((7, 1), (3, 3)):
        config = settings(faces, batch_size=size, accumulate=accumulate, dropout=0.0)
        ready = prepared(config)
        ready.objective.eval()
        seven = data.images[:7], data.labels[:7].float(), data.kinds[:7]
        parts = list(zip(*(part.split(size) for part in seven), strict=True))
        loop.update(ready, parts, 1e-3, 7)
        gradients.append(torch.cat([p.grad.flatten() for p in ready.model.parameters()]))
    assert torch.allclose(*gradients, atol=1e-6, rtol=1e-4) and gradients[0].norm() > 0.01
    assert loop.steps_per_epoch(48, settings(faces, batch_size=7, accumulate=3)) == 3


def prepared(config: TrainConfig) -> loop.Trainer:
    trainer.setup(config.seed)
    return loop.prepare(trainer.initial_model(config)[0], config, distributed.accelerator())


def test_the_memory_layout_does_not_change_what_is_learnt(one_epoch, faces, tmp_path):
    history = trainer.train(settings(faces, epochs=1, channels_last=True), tmp_path / "last")
    expected = history_of(one_epoch)
    assert history["train_loss"][0] == pytest.approx(expected["train_loss"][0], rel=1e-3)


def test_resuming_a_finished_run_changes_nothing(run, faces):
    before = {name: (run / name).stat().st_mtime_ns for name in ("model.json", "last.safetensors")}
    history = trainer.train(settings(faces), run, resume=True)
    assert len(history) == 4
    assert before == {name: (run / name).stat().st_mtime_ns for name in before}


def test_a_finished_run_needs_no_state_to_be_known_as_finished(run, faces, tmp_path):
    shutil.copytree(run, tmp_path / "moved")
    (tmp_path / "moved" / "last.safetensors").unlink()  # as when only the results were kept
    history = trainer.train(settings(faces), tmp_path / "moved", resume=True)
    pd.testing.assert_frame_equal(history, pd.read_csv(run / "history.csv"))
    assert not (tmp_path / "moved" / "last.safetensors").exists()


def test_a_run_older_than_a_setting_goes_on_with_its_default(run, faces, tmp_path):
    shutil.copytree(run, tmp_path / "old")
    config = json.loads((run / "config.json").read_text())
    del config["precision"]
    (tmp_path / "old" / "config.json").write_text(json.dumps(config))
    assert len(trainer.train(settings(faces), tmp_path / "old", resume=True)) == 4
    with pytest.raises(UserError, match="precision 'fp32' -> 'bf16'"):
        trainer.train(settings(faces, precision="bf16"), tmp_path / "old", resume=True)


def test_mistakes_are_named(run, faces, tmp_path):
    with pytest.raises(UserError, match="add --resume"):
        trainer.train(settings(faces), run)
    with pytest.raises(UserError, match="epochs 4 -> 5"):
        trainer.train(settings(faces, epochs=5), run, resume=True)
    with pytest.raises(UserError, match="no run to resume"):
        trainer.train(settings(faces), tmp_path / "none", resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        trainer.train(settings(faces), tmp_path / "full")
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
    with pytest.raises(UserError, match="no schedule is called 'step'"):
        settings(faces, schedule="step")
    with pytest.raises(UserError, match="accumulate is 0"):
        settings(faces, accumulate=0)
    with pytest.raises(UserError, match="1000 training images were asked for; the set has 48"):
        trainer.train(settings(faces, images=1000), tmp_path / "few")
    with pytest.raises(UserError, match="no assembled set|is no assembled set"):
        trainer.train(settings(tmp_path / "nowhere"), tmp_path / "new")


def test_a_loss_that_is_not_finite_stops_and_says_what_is_kept(faces, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="loss became .* no model is kept; .* rate below 1e"):
        trainer.train(settings(faces, learning_rate=1e30), tmp_path / "hot")
    rate = schedule.learning_rate
    monkeypatch.setattr(
        loop, "learning_rate", lambda step, *a: 1e30 if step >= 12 else rate(step, *a)
    )
    with pytest.raises(UserError, match="in epoch 3; .* keeps the best .* of epoch [12] "):
        trainer.train(settings(faces), tmp_path / "later")
    assert load_detector(tmp_path / "later").description["best"]["epoch"] <= 2


def test_logits_that_are_not_finite_stop_it_too(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "examine", lambda _, x: Examined(np.full(len(x), np.nan)))
    with pytest.raises(UserError, match="the validation logits .* in epoch 1; no epoch had ended"):
        trainer.train(settings(faces), tmp_path / "run")


def test_mirroring_is_for_training_batches_only_and_keeps_the_set(faces):
    data = dataset.load(faces, "train")
    before = data.images.clone()
    batches = list(dataset.batches(data, 8, torch.Generator().manual_seed(0), "flip"))
    assert torch.equal(data.images, before)
    assert sum(len(labels) for _, labels, _ in batches) == len(data)
    plain = list(dataset.batches(data, 8, torch.Generator().manual_seed(0), "none"))
    mirrored = same = 0
    for (a, *_), (b, *_) in zip(batches, plain, strict=True):
        for x, y in zip(a, b, strict=True):
            same += torch.equal(x, y)
            mirrored += torch.equal(x, y.flip(-1))
    assert same + mirrored == len(data) and mirrored > 0 and same > 0


def test_balanced_batches_hold_both_classes_equally_often(faces):
    data = dataset.load(faces, "train")
    rows = np.r_[np.flatnonzero(data.labels == 0), np.flatnonzero(data.labels == 1)[:4]]
    rare = dataset.FaceSet(data.images[rows], data.labels[rows], data.table.iloc[rows])
    drawn = [
        torch.cat([labels for _ in range(20) for _, labels, *_ in dataset.batches(
            rare, 8, torch.Generator().manual_seed(_), "none", balanced)])
        for balanced in (False, True)
    ]  # fmt: skip
    assert drawn[0].mean() == pytest.approx(4 / len(rare)) and len(drawn[1]) == 20 * len(rare)
    assert 0.42 < drawn[1].mean() < 0.58


def test_subsets_are_nested_and_keep_groups_whole(faces):
    data = dataset.load(faces, "train")
    table = data.table.assign(group=[f"g{row // 3}" for row in range(len(data))])
    grouped = dataset.FaceSet(data.images, data.labels, table)
    parts = [dataset.subset(grouped, images) for images in (5, 20, 48)]
    assert [len(part) for part in parts] == [6, 21, 48]
    for small, large in zip(parts, parts[1:], strict=False):
        assert set(small.table["path"]) < set(large.table["path"])
    assert (parts[1].table.groupby("group").size() == 3).all()
    first = parts[0]
    position = grouped.table["path"].tolist().index(first.table["path"].iloc[0])
    assert torch.equal(first.images[0], grouped.images[position])


@pytest.mark.parametrize(("split", "label"), [("val", "real"), ("train", "fake")])
def test_a_split_that_lacks_a_class_is_refused_before_anything_is_written(
    split, label, faces, tmp_path
):
    copy = tmp_path / "set"
    shutil.copytree(faces, copy)
    table = pd.read_csv(copy / "manifest.csv", dtype=str, keep_default_na=False)
    table = table[(table["split"] != split) | (table["label"] != label)]
    table.to_csv(copy / "manifest.csv", index=False)
    with pytest.raises(UserError, match=rf"{copy}: the {split} split has .*\b0 {label}.*--split"):
        trainer.train(settings(copy), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_subset_that_lacks_a_class_is_refused(faces, tmp_path):
    with pytest.raises(UserError, match="train split has .* images.*; raise images, now 1"):
        trainer.train(settings(faces, images=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


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
