"""Spectral regularisation: a generator is charged for a power spectrum that photographs lack.

After Durall, Keuper and Keuper, "Watch your up-convolution", CVPR 2020, who compare azimuthally
averaged spectra image by image through a cross-entropy. Here it is log powers under a Hann window.
`gap` compares the means of two batches, which is cheap and biased: the noise of a batch's mean is
charged too, so spectra become alike. `matching` has no such bias.
"""

import functools

import torch
from torch import Tensor

GREY = (0.299, 0.587, 0.114)


def gap(fake: Tensor, real: Tensor) -> Tensor:
    """Mean squared difference of the mean log powers of `(N, 3, S, S)` batches, a scalar."""
    return (log_power(fake).mean(0) - log_power(real).mean(0)).square().mean()


def log_power(pictures: Tensor) -> Tensor:
    """Float `(N, 3, S, S)`, about -1..1 -> natural log of the power in rings `(N, S / 4)`.

    Rings are of equal width from 0 to 0.5 cycles a pixel; power is that of grey levels 0..255.
    """
    side = pictures.shape[-1]
    weights = torch.tensor(GREY)[:, None, None] * 127.5
    grey = (pictures * weights).sum(1)
    grey = (grey - grey.mean((1, 2), keepdim=True)) * torch.outer(*2 * [torch.hann_window(side)])
    power = torch.fft.rfft2(grey).abs().square() / side**2  # (N, S, S / 2 + 1)
    return (power.flatten(1) @ _rings(side) + 1e-3).log()


@functools.cache
def _rings(side: int) -> Tensor:
    """A matrix that averages over each ring: `(S * (S / 2 + 1), S / 4)`."""
    radius = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None])
    ring = (radius.flatten() * side / 2).long()[:, None] == torch.arange(side // 4)
    return ring / ring.sum(0).clamp(min=1)
