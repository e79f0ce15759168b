"""A camera: from scene light to an 8-bit photograph, in the order in which a real one works.

Lens (blur, vignetting) -> sensor (white balance of the light, Bayer mosaic, shot and read noise) ->
processing (demosaicing, white balance undone, sharpening, tone curve). Forgery detectors live on
what this chain leaves, so an edit made afterwards breaks something that is really there.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional


def photograph(light: Tensor, look: dict[str, Tensor], noise: Tensor) -> Tensor:
    """Scene light float `(N, 3, S, S)`, linear, about 0..1 -> uint8 `(N, 3, S, S)` RGB.

    `look` holds `(N,)` tensors: `blur` (pixels), `vignette` (share of light lost in the corners),
    `warmth` (-1..1), `exposure` (factor), `shot` and `read` (noise levels), `sharpen`, `contrast`.
    `noise` is standard normal `(N, S, S)`, one sample a sensor cell.
    """
    size = light.shape[-1]
    light = blur(light, look["blur"]) * _vignette(size, look["vignette"]) * _c(look["exposure"])
    gains = torch.stack([1 + 0.25 * look["warmth"], torch.ones_like(look["warmth"]),
                         1 - 0.25 * look["warmth"]], dim=1)[:, :, None, None]  # fmt: skip
    cells = _mosaic(light * gains)  # (N, S, S)
    deviation = (look["shot"][:, None, None] * cells.clamp(min=0) + _r(look["read"])).sqrt()
    image = _demosaic((cells + deviation * noise).clamp(0, 1.2)) / gains.clamp(min=0.5).sqrt()
    image = image + _c(look["sharpen"]) * (image - blur(image, torch.full_like(look["blur"], 0.9)))
    display = image.clamp(0, 1).pow(1 / 2.2)
    curve = display + _c(look["contrast"]) * torch.sin(2 * math.pi * (display - 0.5)) / 12
    return (curve.clamp(0, 1) * 255).round().to(torch.uint8)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of `(N, C, H, W)` with one `sigma` in pixels per image, edges mirrored."""
    reach = max(1, math.ceil(3 * float(sigma.max())))
    steps = torch.arange(-reach, reach + 1, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (steps / sigma[:, None].clamp(min=0.05)) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)  # (N, K)
    n, c, h, w = images.shape
    x = images.transpose(0, 1)  # (C, N, H, W): one kernel a group
    x = functional.pad(x, (reach, reach, reach, reach), mode="reflect")
    x = functional.conv2d(x, kernel[:, None, None, :], groups=n)
    return functional.conv2d(x, kernel[:, None, :, None], groups=n).transpose(0, 1)


def _vignette(size: int, loss: Tensor) -> Tensor:
    axis = torch.linspace(-1, 1, size)
    radius = (axis[:, None] ** 2 + axis[None, :] ** 2) / 2  # 1 in the corners
    return 1 - _c(loss) * radius


def _mosaic(rgb: Tensor) -> Tensor:
    cells = rgb[:, 1].clone()  # RGGB: green where nothing else is
    cells[:, 0::2, 0::2] = rgb[:, 0, 0::2, 0::2]
    cells[:, 1::2, 1::2] = rgb[:, 2, 1::2, 1::2]
    return cells


def _demosaic(cells: Tensor) -> Tensor:
    """Bilinear: every missing sample is the mean of its nearest neighbours of that colour."""
    masks = torch.zeros(3, *cells.shape[-2:])
    masks[0, 0::2, 0::2] = masks[2, 1::2, 1::2] = 1
    masks[1] = 1 - masks[0] - masks[2]
    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])[None, None]
    samples = cells[:, None] * masks  # (N, 3, S, S)
    n, c, h, w = samples.shape
    summed = functional.conv2d(samples.reshape(n * c, 1, h, w), kernel, padding=1)
    weights = functional.conv2d(masks[:, None], kernel, padding=1)[:, 0]
    full = summed.reshape(n, c, h, w) / weights
    return torch.where(masks.bool(), samples, full)


def _c(value: Tensor) -> Tensor:
    return value[:, None, None, None]


def _r(value: Tensor) -> Tensor:
    return value[:, None, None] ** 2
