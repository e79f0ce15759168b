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
    """Gaussian blur of `(N, C, H, W)` with one `sigma` in pixels per image, edges mirrored.

    Sums of shifted images in a fixed order: a convolution routine is free to change its order with
    the batch or the threads, and the last bit of a photograph with it.
    """
    reach = max(1, math.ceil(2.5 * float(sigma.max())))
    steps = torch.arange(reach + 1, dtype=images.dtype)
    half = torch.exp(-0.5 * (steps / sigma[:, None].clamp(min=0.05)) ** 2)
    half = half / (2 * half.sum(1, keepdim=True) - half[:, :1])  # (N, reach + 1)
    for axis, pad in ((3, (reach, reach, 0, 0)), (2, (0, 0, reach, reach))):
        wide, length = functional.pad(images, pad, mode="reflect"), images.shape[axis]
        images = images * _c(half[:, 0])
        for k in range(1, reach + 1):
            pair = wide.narrow(axis, reach - k, length) + wide.narrow(axis, reach + k, length)
            images.addcmul_(pair, _c(half[:, k]))
    return images


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
    wide = functional.pad(cells[:, None], (1, 1, 1, 1), mode="reflect")[:, 0]
    beside = (wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:]) / 2
    above = (wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1]) / 2
    pairs = wide[:, :-2] + wide[:, 2:]
    diagonal = (pairs[:, :, :-2] + pairs[:, :, 2:]) / 4
    cross = (beside + above) / 2
    red, green, blue = (cells.clone() for _ in range(3))
    green[:, 0::2, 0::2], green[:, 1::2, 1::2] = cross[:, 0::2, 0::2], cross[:, 1::2, 1::2]
    for plane, (row, column) in ((red, (0, 0)), (blue, (1, 1))):
        plane[:, row::2, 1 - column :: 2] = beside[:, row::2, 1 - column :: 2]
        plane[:, 1 - row :: 2, column::2] = above[:, 1 - row :: 2, column::2]
        plane[:, 1 - row :: 2, 1 - column :: 2] = diagonal[:, 1 - row :: 2, 1 - column :: 2]
    return torch.stack([red, green, blue], dim=1)


def _c(value: Tensor) -> Tensor:
    return value[:, None, None, None]


def _r(value: Tensor) -> Tensor:
    return value[:, None, None] ** 2
