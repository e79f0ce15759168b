"""What every network here is given, and how it begins: its size checked, its pixels in 0..1."""

import torch
from torch import Tensor

from mesocore.core.errors import UserError

SMALLEST, LARGEST, MULTIPLE = 64, 2048, 16


def check_size(size: int) -> int:
    """Returns `size` if a model accepts it. Raises `UserError` otherwise."""
    if not SMALLEST <= size <= LARGEST or size % MULTIPLE:
        raise UserError(
            f"size {size} does not work: write a multiple of {MULTIPLE} from {SMALLEST} to "
            f"{LARGEST}"
        )
    return size


def to_unit(images: Tensor) -> Tensor:
    """`(N, 3, S, S)` in 0..255 -> float32 in 0..1, channels last (faster on CPUs)."""
    return images.float().div(255).contiguous(memory_format=torch.channels_last)
