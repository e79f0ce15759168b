"""The commands from end to end on a small set, and one line for every mistake."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mesocore.nets import detector
from mesocore.nets.keras_weights import save_keras
from mesocore.nets.models import build
from mesocore.training import trainer
from tests.commands import mesocore, process
from tests.factories import write_images


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A raw folder, assembled and trained on through the commands themselves."""
    folder = tmp_path_factory.mktemp("cli")
    write_images(folder / "raw", per_class=40)
    done = mesocore("assemble", folder / "raw", "--out", folder / "set", "--size", 64)
    assert done.returncode == 0, done.stderr
    assert "80 = accepted 80 + rejected 0" in done.stdout
    done = mesocore(
        "train", "meso4", "--data", folder / "set", "--out", folder / "run",
        "--epochs", 2, "--size", 64,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "validation ROC AUC" in done.stdout
    return folder


def test_the_embedded_set_is_assembled_at_its_own_size(tmp_path):
    done = mesocore("assemble", "synthfaces", "--count", 12, "--out", tmp_path / "set")
    assert done.returncode == 0, done.stderr
    assert "inputs 12 = accepted 12 + rejected 0; 9 groups" in done.stdout
    about = json.loads((tmp_path / "set/assembly.json").read_text())
    assert about["preparation"]["size"] == 128


def test_evaluate_writes_a_results_file(work):
    file = work / "results.json"
    done = mesocore("evaluate", work / "run", "--data", work / "set", "--json", file)
    assert done.returncode == 0, done.stderr
    record = json.loads(file.read_text())
    auc = record["metrics"]["all"]["roc_auc"]
    assert auc["low"] <= auc["value"] <= auc["high"]
    assert f"{auc['value']:.3f}" in done.stdout
    for key in (
        "model",
        "data",
        "seeds",
        "threshold",
        "trivial_baseline",
        "environment",
        "command",
    ):
        assert record[key], key
    assert record["data"]["split"] == "test"
    assert str(work) not in json.dumps(record["data"])


def test_evaluate_averages_over_seeds_and_refuses_other_differences(work):
    def run(name, *options):
        done = mesocore("train", "meso4", "--data", work / "set", "--out", work / name,
                        "--size", 64, *options)  # fmt: skip
        assert done.returncode == 0, done.stderr

    def evaluate(*runs):
        file = work / "mean.json"
        done = mesocore("evaluate", *runs, "--data", work / "set", "--json", file)
        return json.loads(file.read_text()) if done.returncode == 0 else done.stderr

    run("second", "--epochs", 2, "--seed", 1)
    run("longer", "--epochs", 3, "--seed", 2)
    both = evaluate(work / "run", work / "second")
    one = [evaluate(work / name)["metrics"]["all"]["roc_auc"] for name in ("run", "second")]
    auc = both["metrics"]["all"]["roc_auc"]
    assert both["seeds"] == [0, 1] and len(both["threshold"]["value"]) == 2
    assert auc["value"] == pytest.approx((one[0]["value"] + one[1]["value"]) / 2)
    assert "sd" in auc and "sd" not in one[0]
    assert "differ in more than their seed" in evaluate(work / "run", work / "longer")
    assert "same seed" in evaluate(work / "run", work / "run")


def test_evaluate_says_when_images_were_trained_on(work):
    done = mesocore("evaluate", work / "run", "--data", work / "set", "--split", "train")
    assert "warning: the train split took part" in done.stdout


def test_evaluate_takes_a_raw_folder(work):
    (work / "raw" / "real" / "bad.png").write_text("no image")
    done = mesocore("evaluate", work / "run", "--data", work / "raw")
    (work / "raw" / "real" / "bad.png").unlink()
    assert done.returncode == 0, done.stderr
    assert "all: 80 images, 40 fake" in done.stdout
    assert "rejected: 1 " in done.stdout


def test_keras_weights_of_either_direction(work, tmp_path):
    model = build("meso4")
    save_keras(model, tmp_path / "a.h5")
    image = work / "raw" / "fake" / "000.png"

    def fake(*options: object) -> float:
        done = mesocore("predict", image, "--model", tmp_path / "a.h5", "--json", *options)
        return json.loads(done.stdout)[0]["probability_fake"]

    assert fake() == fake("--fake-class", 0) == pytest.approx(1 - fake("--fake-class", 1))
    for command in (
        ["predict", image, "--model", work / "run"],
        ["evaluate", work / "run", "--data", "x"],
    ):
        done = mesocore(*command, "--fake-class", 1)
        assert done.returncode == 2 and "is for Keras files" in done.stderr


def test_predict_as_text_json_and_csv(work):
    image, folder = work / "raw" / "fake" / "000.png", work / "raw" / "real"
    text = mesocore("predict", "--model", work / "run", image)
    assert text.returncode == 0 and "probability of fake" in text.stdout
    answers = json.loads(mesocore("predict", "--model", work / "run", folder, "--json").stdout)
    assert len(answers) == 40
    rows = list(csv.DictReader(io.StringIO(
        mesocore("predict", "--model", work / "run", folder, "nothing.jpg", "--csv").stdout
    )))  # fmt: skip
    assert len(rows) == 41 and rows[-1]["error"] == "no such file"
    assert float(rows[0]["probability_fake"]) == pytest.approx(answers[0]["probability_fake"])


def test_many_pictures_are_answered_in_a_file_that_can_go_on(work, tmp_path):
    out, folder = tmp_path / "verdicts.csv", work / "raw" / "real"
    ask = ["predict", folder, "nothing.jpg", "--model", work / "run", "--out", out]
    done = mesocore(*ask)
    assert done.returncode == 1 and f"{out}: 1 error, " in done.stdout, done.stderr
    whole = out.read_bytes()
    assert len(list(csv.DictReader(io.StringIO(whole.decode())))) == 41
    out.write_bytes(whole[: len(whole) // 2])
    assert "add --resume" in mesocore(*ask).stderr
    assert mesocore(*ask, "--resume").returncode == 1
    assert out.read_bytes() == whole


def test_explain_draws_a_picture_a_face(work, tmp_path):
    image = work / "raw" / "fake" / "000.png"
    ask = ["predict", image, "nothing.jpg", "--model", work / "run", "--explain", tmp_path / "new"]
    assert mesocore(*ask).returncode == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["00001-000.png"]
    assert "new is not empty; choose another --explain" in mesocore(*ask).stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--json", "--out", "a.csv"], "--json and --out exclude each other"),
        (["--resume"], "--resume goes on with a file; name it with --out"),
        (["--out", "a.csv", "--explain", "b"], "leave out --out, or explain fewer"),
        (["--out", "{work}/raw/verdicts.csv"], "lies among the pictures"),
    ],
)
def test_options_of_predict_that_do_not_go_together(work, options, said):
    given = [option.replace("{work}", str(work)) for option in options]
    done = mesocore("predict", work / "raw", "--model", work / "run", *given)
    assert done.returncode == 2 and said in done.stderr


def test_an_exported_detector_answers_as_its_run(work, tmp_path):
    file, folder = tmp_path / "detector.onnx", work / "raw" / "real"
    done = mesocore("export", work / "run", "--onnx", file)
    assert done.returncode == 0 and "logits differ from PyTorch's by" in done.stdout, done.stderr
    ours, theirs = (
        json.loads(mesocore("predict", folder, "--model", detector, "--json").stdout)
        for detector in (work / "run", file)
    )
    assert len(ours) == len(theirs) > 1
    for one, other in zip(ours, theirs, strict=True):
        for name in ("probability_fake", "probability_at_prior"):
            assert other.pop(name) == pytest.approx(one.pop(name), abs=1e-5)
        assert one == other
    for arguments, said in (
        (["export", work / "run", "--onnx", tmp_path / "detector.bin"], "ends in .onnx"),
        (["export", work / "run", "--onnx", "/proc/none/detector.onnx"], "--onnx"),
        (["export", file, "--onnx", tmp_path / "other.onnx"], "is not a model"),
        (["predict", folder, "--model", file, "--fake-class", "1"], "leave out --fake-class"),
        (["predict", folder, "--model", tmp_path / "none.onnx"], "none.onnx: no such run"),
        (["predict", work / "run", folder], "is a detector, not a picture; write --model"),
        (["predict", file], "is a detector, not a picture; write --model"),
        (["predict", folder, "--model", file, "--explain", tmp_path / "new"], "gives no evidence"),
    ):
        refused = mesocore(*arguments)
        assert refused.returncode == 2 and said in refused.stderr, refused.stderr


def test_predict_reports_a_bad_image_by_its_exit_status(work):
    done = mesocore(
        "predict", "--model", work / "run", "nothing.jpg", work / "raw" / "fake" / "000.png"
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "nothing.jpg: error: no such file"
    assert len(done.stdout.splitlines()) == 2 and "Traceback" not in done.stderr


def test_the_doctor_speaks_where_torch_is_broken(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('broken on purpose')")
    doctor = process("doctor", path=tmp_path)
    said, complaint = doctor.communicate(timeout=300)
    assert doctor.returncode == 1 and "Traceback" not in complaint
    assert "FAIL" in said and "OK" in said


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["assemble", "nowhere", "--out", "x"], "nowhere"),
        (["audit", "nowhere"], "nowhere"),
        (["train", "meso4", "--data", "nowhere", "--out", "x"], "nowhere"),
        (["train", "meso9", "--data", "{work}/set", "--out", "{work}/x"], "meso9"),
        (["train", "meso4", "--data", "{work}/set", "--out", "{work}/y", "--size", "100"], "100"),
        (["train", "meso4", "--data", "{work}/set", "--out", "{work}/run"], "--resume"),
        (["evaluate", "nowhere", "--data", "{work}/set"], "nowhere"),
        (["evaluate", "{work}/run", "--data", "nowhere"], "nowhere"),
        (["evaluate", "{work}/run", "--data", "{work}/set", "--split", "dev"], "dev"),
        (["predict", "a.jpg", "--model", "nowhere"], "nowhere"),
        (["predict", "a.jpg", "--model", "{work}/raw/real/000.png"], "000.png"),
        (["predict", "a.jpg", "--json", "--csv"], "--csv"),
    ],
)
def test_a_mistake_is_one_line(arguments, word, work):
    done = mesocore(*[a.format(work=work) for a in arguments])
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and word in done.stderr
    assert not (work / "x").exists() and not (work / "y").exists()


def test_prune_says_what_is_left_and_names_mistakes(work):
    def prune(run, *options):
        return mesocore("prune", run, "--data", work / "set", "--epochs", 1, *options)

    done = prune(work / "run", "--amount", 0.2, "--out", work / "pruned")
    assert done.returncode == 0, done.stderr
    assert "weights are zero (20.0%, global)" in done.stdout
    assert "validation ROC AUC" in done.stdout and "bytes, sparse: " in done.stdout
    for run, options, said in (
        (
            "run",
            ("--amount", 1, "--out", work / "a"),
            "--amount is 1.0; write a number",
        ),
        ("run", ("--amount", -0.5, "--out", work / "b"), "--amount is -0.5"),
        ("run", ("--amount", 0.2, "--out", work / "pruned"), "add --resume"),
        ("pruned", ("--amount", 0.1, "--out", work / "c"), "pruned already, by 20%"),
        ("nowhere", ("--amount", 0.5, "--out", work / "d"), "no such run"),
    ):
        done = prune(work / run, *options)
        assert done.returncode == 2 and said in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_an_interruption_is_one_line_that_says_how_to_go_on(monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt("interrupted in epoch 3 of 9; --resume goes on")

    monkeypatch.setattr(trainer, "train", interrupted)
    done = mesocore("train", "meso4", "--data", "set", "--out", tmp_path / "run")
    assert done.returncode == 130
    assert done.stderr == "mesocore: interrupted in epoch 3 of 9; --resume goes on\n"


def test_ctrl_c_ends_a_training_process_with_one_line_and_130(work):
    training = process(
        "train", "meso4", "--data", work / "set", "--out", work / "stopped",
        "--epochs", 2000, "--size", 64, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (work / "stopped/tensorboard").exists() and training.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)  # into the first epoch
    training.send_signal(signal.SIGINT)
    _, said = training.communicate(timeout=120)
    assert training.returncode == 130
    assert said.startswith("mesocore: interrupted in epoch ") and "--resume" in said
    assert len(said.splitlines()) == 1


def test_a_pipe_that_nobody_reads_any_more_is_no_traceback(work):
    """As in `mesocore predict FOLDER --csv | head -1`."""
    predicting = process("predict", "--model", work / "run", work / "raw" / "real", "--csv")
    predicting.stdout.close()
    said = predicting.stderr.read()
    predicting.wait(timeout=120)
    assert predicting.returncode == 141 and said == ""


def test_a_record_on_stdout_is_the_record_alone(work):
    done = mesocore("evaluate", work / "run", "--data", work / "set", "--json", "-")
    assert done.returncode == 0 and "roc_auc" in done.stderr
    assert json.loads(done.stdout)["data"]["split"] == "test"


def test_an_output_is_refused_before_the_work(work, monkeypatch):
    monkeypatch.setattr(detector, "load_detector", None)  # is not reached
    refused = (("--json", work / "set/manifest.csv"), ("--card", work / "run/model.json"),
               ("--json", work / "none/a.json"), ("--card", work))  # fmt: skip
    for option, value in refused:
        done = mesocore("evaluate", work / "run", "--data", work / "set", option, value)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith(f"mesocore: {option} {value}")


def test_a_record_names_a_command_that_can_be_run_again(work, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my run").symlink_to(work / "run")
    command = ["evaluate", "my run", "--data", work / "set", "--json", "a.json"]
    assert mesocore(*command).returncode == 0
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["command"] == (f"cd {tmp_path} && mesocore evaluate 'my run' "
                                 f"--data {work / 'set'} --json a.json")  # fmt: skip


def test_a_module_is_named_as_python_runs_it(tmp_path):
    (tmp_path / "probe").mkdir()
    code = "from mesocore.core.runtime import command_line\nprint(command_line())\n"
    for name in ("__init__", "__main__", "script"):
        (tmp_path / "probe" / f"{name}.py").write_text("" if name == "__init__" else code)
    home = os.environ | {"MESO_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    for called, shown in ((["-m", "probe"], "python -m probe"),
                          (["-m", "probe.script"], "python -m probe.script"),
                          (["probe/script.py"], "python probe/script.py")):  # fmt: skip
        done = subprocess.run([sys.executable, *called, "a b"], capture_output=True, text=True,
                              cwd=tmp_path, env=home)  # fmt: skip
        assert done.stdout == f"{shown} 'a b'\n", done.stderr
