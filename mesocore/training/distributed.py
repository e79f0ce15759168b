"""Where a run is trained: one CPU or GPU, or many processes started by torchrun or accelerate.

Accelerate moves the work; what is here makes the result independent of how many share it. Each
process takes every n-th image of a batch, and batch normalisation sees all of them.
"""

import torch
import torch.distributed
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import gather_object
from torch import Tensor, nn

from mesocore.core.errors import UserError

MIXED = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def accelerator(precision: str = "fp32") -> Accelerator:
    """The devices of this process and its fellows: CUDA or XPU GPUs, else CPUs joined by gloo.

    ACCELERATE_USE_CPU=1 leaves GPUs alone, and Apple's are not used: two runs there do not agree.
    Raises `UserError` if they cannot train in that precision (fp32, bf16 or fp16).
    """
    AcceleratorState._reset_state()  # or a notebook's second run could have no other precision
    cpu = not (torch.cuda.is_available() or torch.xpu.is_available())
    try:
        found = Accelerator(cpu=cpu, mixed_precision=MIXED[precision])
    except ValueError:
        found = None
    if found is None or (precision != "fp32" and not found.native_amp):
        raise UserError(f"this machine cannot train in {precision}; use fp32 or bf16")
    return found


def is_main_process() -> bool:
    """False in all but one of the processes that torchrun or `accelerate launch` started."""
    return PartialState().is_main_process


def share(accelerator: Accelerator) -> tuple[int, int]:
    """The number of this process, from 0, and how many there are."""
    return accelerator.process_index, accelerator.num_processes


def total(value: float) -> float:
    """The sum of the processes' values."""
    return sum(gather_object([value]))


def everywhere(part: Tensor) -> Tensor:
    """`(N,)` from the processes' parts, each every n-th value: the parts of `share`, undone."""
    parts = gather_object([part])
    whole = torch.empty(sum(map(len, parts)), dtype=part.dtype)
    for number, values in enumerate(parts):
        whole[number :: len(parts)] = values
    return whole


def join_norms(model: nn.Module, accelerator: Accelerator) -> nn.Module:
    """Lets every BatchNorm see the whole batch of all processes; nothing changes with one."""
    if accelerator.num_processes == 1:
        return model
    if accelerator.device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = JointBatchNorm2d  # same attributes; only training differs
    return model


class JointBatchNorm2d(nn.BatchNorm2d):
    """torch's SyncBatchNorm for CPUs, which it refuses: mean and variance of all processes' images.

    float `(N, C, H, W)` -> the same; N may differ between processes and may be 0.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        values = x.float()
        count = torch.tensor([values.numel() / values.shape[1]])
        sums = _Sum.apply(torch.cat([values.sum((0, 2, 3)), count]))
        mean = (sums[:-1] / sums[-1])[:, None, None]  # (C, 1, 1)
        count = sums[-1].detach()
        variance = _Sum.apply((values - mean).square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean.flatten(), self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return ((values - mean) * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class _Sum(torch.autograd.Function):
    """The sum over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        x = x.clone()
        torch.distributed.all_reduce(x)
        return x

    backward = forward
