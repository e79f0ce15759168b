"""The augmentations of augmentation.py for whole batches, where each image by itself is too slow.

A GPU would spend most of a step waiting for a CPU's JPEG encoder. What is drawn has the same
distribution, except that `resize` draws one size for up to eight images; the pixels are
those of the CPU up to rounding, so a run on a GPU and one on a CPU are never the same bits anyway.
"""

import functools
import io
import math
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

GROUP = 8  # images that share a size
QUALITIES = (40, 95)
# JFIF's colours: Y, Cb, Cr from R, G, B
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def jpeg(images: Tensor, generator: torch.Generator) -> Tensor:
    """Through JPEG with 4:2:0, each at a quality drawn from 40..95."""
    low, high = QUALITIES
    drawn = torch.randint(low, high + 1, (len(images),), generator=generator)
    return through_jpeg(images, drawn.to(images.device))


def through_jpeg(images: Tensor, qualities: Tensor) -> Tensor:
    """float `(N, 3, S, S)` in 0..255 and int `(N,)` in 1..100 -> what libjpeg would make of it.

    Colours, tables and the halves of chroma are libjpeg's; the cosine transform is exact where its
    is in integers. S is a multiple of 16. On faces it differs by 0.4 grey levels on average, and at
    3 % of the pixels by more than two, where a coefficient fell to the other side of a half.
    """
    cosines, to_ycc, to_rgb, tables = _constants(images.device)
    tables = tables[qualities]  # (N, 2, 64)
    planes = torch.einsum("kc,nchw->nkhw", to_ycc, images).round()
    luma = _coded(planes[:, :1] - 128, tables[:, 0], cosines) + 128
    chroma = functional.avg_pool2d(planes[:, 1:], 2).round()
    chroma = _coded(chroma, tables[:, 1], cosines).round()
    chroma = functional.interpolate(chroma, scale_factor=2, mode="bilinear").round()
    ycc = torch.cat([luma.round().clamp(0, 255), chroma], dim=1)
    return torch.einsum("ck,nkhw->nchw", to_rgb, ycc)


def _coded(plane: Tensor, table: Tensor, cosines: Tensor) -> Tensor:
    """`(N, C, H, W)` about 0 -> the same after its 8 x 8 blocks' coefficients were rounded."""
    n, c, h, w = plane.shape
    blocks = plane.view(n, c, h // 8, 8, w // 8, 8).permute(0, 1, 2, 4, 3, 5).reshape(n, -1, 64)
    steps = table[:, None]
    rounded = (blocks @ cosines.T / steps).round() * steps
    plane = (rounded @ cosines).view(n, c, h // 8, w // 8, 8, 8)
    return plane.permute(0, 1, 2, 4, 3, 5).reshape(n, c, h, w)


@functools.cache
def _constants(device: torch.device) -> tuple[Tensor, ...]:
    """The 64 cosines of a block as rows, to JFIF's colours and back, the tables of each quality."""
    k = np.arange(8)
    basis = np.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    cosines = np.einsum("ui,vj->uvij", basis, basis).reshape(64, 64)
    tables = np.ones((101, 2, 64))
    for quality in range(1, 101):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
        found = Image.open(buffer).quantization
        tables[quality] = found[0], found[1]
    values = (cosines, np.array(_TO_YCC), np.linalg.inv(_TO_YCC), tables)
    return tuple(torch.from_numpy(value).float().to(device) for value in values)


def resize(images: Tensor, generator: torch.Generator) -> Tensor:
    """Scaled down to a share of the side drawn from 0.5..1, and back; `GROUP` images alike."""
    side = images.shape[-1]
    shares = 0.5 + 0.5 * torch.rand(math.ceil(len(images) / GROUP), generator=generator)
    parts = []
    for share, part in zip(shares.tolist(), images.split(GROUP), strict=True):
        small = functional.interpolate(part, (round(side * share),) * 2, mode="bilinear",
                                       antialias=True).round()  # fmt: skip
        parts.append(functional.interpolate(small, (side, side), mode="bilinear"))
    return torch.cat(parts)


def blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian blur of 5 x 5, each of a deviation drawn from 0.1..1.5 pixels."""
    n, c, h, w = images.shape
    sigma = 0.1 + 1.4 * torch.rand(len(images), generator=generator)
    at = torch.arange(-2.0, 3.0)
    kernel = torch.exp(-(at**2) / (2 * sigma[:, None] ** 2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(images.device).repeat_interleave(c, 0)
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect").view(1, n * c, h + 4, w + 4)
    across = functional.conv2d(padded, kernel[:, None, None], groups=n * c)
    return functional.conv2d(across, kernel[:, None, :, None], groups=n * c).view(n, c, h, w)


def noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise, each of a deviation drawn from 0..8 grey levels."""
    deviation = 8 * torch.rand(len(images), generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    own = torch.Generator(images.device).manual_seed(seed)  # the device's own is dropout's
    grain = torch.randn(images.shape, generator=own, device=images.device)
    return images + deviation.to(images.device)[:, None, None, None] * grain


BATCHED: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "jpeg": jpeg,
    "blur": blur,
    "resize": resize,
    "noise": noise,
}


def augment(images: Tensor, chances: dict[str, float], generator: torch.Generator) -> Tensor:
    """uint8 `(N, 3, S, S)` -> the same on the same device, each of `chances` done to that share of
    the images. What happens depends on the state of the CPU `generator` alone."""
    for name, chance in chances.items():
        chosen = (torch.rand(len(images), generator=generator) < chance).nonzero()[:, 0]
        if len(chosen):
            rows = chosen.to(images.device)
            changed = BATCHED[name](images[rows].float(), generator)
            images[rows] = changed.round().clamp(0, 255).to(torch.uint8)
    return images
