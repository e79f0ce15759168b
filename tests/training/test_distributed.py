"""Two processes train to what one process trains to, and mistakes on devices are named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mesocore.core.errors import UserError
from mesocore.training import distributed, trainer
from mesocore.training.config import TrainConfig
from tests.factories import assembled_set

TOLERANCE = 1e-9  # of each weight, beside weights of about 0.1


def train_in_float64(faces: Path, out: Path) -> None:
    """Where the order of sums hardly shows: what differs then is a mistake."""
    config = TrainConfig(
        "meso4", str(faces), epochs=2, size=64, batch_size=7, learning_rate=1e-3, accumulate=2,
        dropout=0.0, augment="flip+jpeg+noise", clip_norm=1.0, ema=0.9, balanced_sampling=True,
        consistency=0.5,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        torch.set_default_dtype(torch.float64)
        try:
            trainer.train(config, out)
        finally:
            torch.set_default_dtype(torch.float32)


def test_two_processes_train_to_the_result_of_one(tmp_path):
    faces = assembled_set(tmp_path / "faces")  # 48 images: the last batch has 6
    script = tmp_path / "script.py"
    script.write_text(
        "from tests.training.test_distributed import Path, train_in_float64\n"
        f"train_in_float64(Path({str(faces)!r}), Path({str(tmp_path / 'two')!r}))"
    )
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    started = subprocess.Popen(
        [sys.executable, *launch, str(script)], stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONPATH": "."},
    )  # fmt: skip
    train_in_float64(faces, tmp_path / "one")
    _, said = started.communicate(timeout=300)
    assert started.returncode == 0, said
    one, two = (load_file(tmp_path / name / "last.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.allclose(two[name].double(), value.double(), atol=TOLERANCE, rtol=0), name


def test_more_processes_than_images_of_a_batch_are_refused(tmp_path, monkeypatch):
    accelerator = distributed.accelerator()
    monkeypatch.setattr(type(accelerator), "num_processes", 8)
    with pytest.raises(UserError, match="batch_size is 4, too few for 8 processes"):
        trainer.train(TrainConfig("meso4", str(tmp_path), batch_size=4), tmp_path / "run")


def test_half_precision_without_a_gpu_is_refused(tmp_path, monkeypatch):
    for kind in (torch.cuda, torch.xpu):
        monkeypatch.setattr(kind, "is_available", lambda: False)
    with pytest.raises(UserError, match="cannot train in fp16; use fp32 or bf16"):
        trainer.train(TrainConfig("meso4", str(tmp_path), precision="fp16"), tmp_path / "run")


def test_parts_come_together_in_their_order(monkeypatch):
    whole = torch.arange(7.0)
    monkeypatch.setattr(
        distributed, "gather_object", lambda _: [whole[0::3], whole[1::3], whole[2::3]]
    )
    assert torch.equal(distributed.everywhere(whole[0::3]), whole)


def test_a_joint_norm_of_one_process_is_an_ordinary_one(monkeypatch):
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda x: None)
    torch.manual_seed(0)
    x = torch.randn(5, 3, 4, 4, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    ours, torchs = distributed.JointBatchNorm2d(3, 1e-3, 0.01), torch.nn.BatchNorm2d(3, 1e-3, 0.01)
    for norm, values in ((ours, x), (torchs, y)):
        (norm(values) ** 3).sum().backward()
    assert torch.allclose(x.grad, y.grad, atol=1e-4)
    for name, value in torchs.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], value, atol=1e-6), name
    assert torch.allclose(ours.eval()(x), torchs.eval()(x), atol=1e-6)
