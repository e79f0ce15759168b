"""What a generator is penalised for: simple statistics of its pictures that photographs lack.

A discriminator of few weights, trained for an hour, leaves differences that a logistic regression
on trivial features would find, and a detector with it. So means and variances of such statistics
are led to those of photographs: the spectrum, as Durall, Keuper and Keuper do ("Watch your
up-convolution", CVPR 2020); what the blocks of a JPEG cost; colours. What is left for a detector
is how the pixels hang together.

`spectrum_gap` is the cheaper of two ways: it compares the mean log powers of two batches under a
Hann window, where Durall, Keuper and Keuper compare azimuthally averaged spectra image by image
through a cross-entropy. It is biased: the noise of a batch's mean is penalised too, so spectra
become alike. `penalty` has no such bias.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)


def spectrum_gap(fake: Tensor, real: Tensor) -> Tensor:
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


def block_cost(pictures: Tensor) -> Tensor:
    """About the bits that a JPEG's blocks take: float `(N, 3, S, S)`, about -1..1 -> `(N, 18)`.

    Mean of `log(1 + |c| / q)` over blocks of 8 x 8, in six bands of frequency, for brightness and
    two colour differences; q grows from 2 to 12 grey levels, as at quality 95. Times 5, so that it
    varies about as much as `log_power`.
    """
    colours = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
    planes = torch.einsum("kc,nchw->nkhw", colours * 127.5, pictures)  # Y, Cb, Cr
    cosines, step, bands = _dct()
    found = []
    for plane in planes.split(1, dim=1):  # (N, 1, S, S)
        blocks = functional.conv2d(plane, cosines, stride=8)  # (N, 64, S / 8, S / 8)
        cost = torch.log1p(blocks.abs() / step[:, None, None]).mean((2, 3))
        found.append(cost @ bands)  # (N, 6)
    return 5 * torch.cat(found, dim=1)


@functools.cache
def _dct() -> tuple[Tensor, Tensor, Tensor]:
    """Kernels `(64, 1, 8, 8)` of the DCT, its quantisation steps `(64,)`, bands `(64, 6)`."""
    n = torch.arange(8)
    rows = torch.cos(math.pi * (2 * n[None] + 1) * n[:, None] / 16) / 2
    rows[0] /= math.sqrt(2)
    cosines = torch.einsum("uy,vx->uvyx", rows, rows).reshape(64, 1, 8, 8)
    order = (n[:, None] + n[None]).flatten()  # u + v, 0..14
    band = functional.one_hot(torch.bucketize(order, torch.tensor([0, 2, 4, 6, 8])), 6).float()
    return cosines, 2 + 0.7 * order, band / band.sum(0)


def colour(pictures: Tensor) -> Tensor:
    """Mean, log deviation, and the 5 % and 95 % quantiles of each channel: `(N, 12)`.

    Of float `(N, 3, S, S)`, about -1..1; times 5.
    """
    values = pictures.flatten(2)  # (N, 3, S * S)
    low, high = torch.quantile(values, torch.tensor([0.05, 0.95]), dim=2)
    return 5 * torch.cat([values.mean(2), (values.std(2) + 1e-3).log(), low, high], dim=1)


STATISTICS: dict[str, Callable[[Tensor], Tensor]] = {
    "log_power": log_power,
    "block_cost": block_cost,
    "colour": colour,
}


@dataclass(frozen=True)
class Target:
    """Mean `(K,)` of statistics of photographs, and a matrix `(K, K)` that makes them white."""

    names: tuple[str, ...]
    mean: Tensor
    whiten: Tensor

    @classmethod
    def of(
        cls, photographs: np.ndarray, names: Sequence[str] = ("log_power",), most: int = 2000
    ) -> "Target":
        """From uint8 `(N, S, S, 3)`; `most` of them, evenly spaced, are enough.

        `names` are of `STATISTICS`.
        """
        chosen = photographs[:: -(-len(photographs) // most)]
        parts = [measured(torch.from_numpy(np.array(part)).permute(0, 3, 1, 2) / 127.5 - 1, names)
                 for part in np.array_split(chosen, -(-len(chosen) // 100))]  # fmt: skip
        values = torch.cat(parts).double()
        variances, axes = torch.linalg.eigh(torch.cov(values.T))
        # axes of hardly any variance are noise: without a floor they would rule
        scale = (variances + 1e-3 * variances.max()).rsqrt()
        return cls(tuple(names), values.mean(0).float(), (axes * scale).float())

    def moments(self, pictures: Tensor) -> Tensor:
        """`(2, K)`: mean, and variance less 1, of the whitened statistics; 0 for photographs."""
        z = (measured(pictures, self.names) - self.mean) @ self.whiten  # (N, K)
        return torch.stack([z.mean(0), z.square().mean(0) - 1])


def measured(pictures: Tensor, names: Sequence[str]) -> Tensor:
    """Statistics side by side: float `(N, 3, S, S)` -> `(N, K)`."""
    return torch.cat([STATISTICS[name](pictures) for name in names], dim=1)


def penalty(running: Tensor, moments: Tensor) -> Tensor:
    """A scalar whose gradient leads the `running` `(2, K)` moments to 0: that of their square.

    `running` is an average over earlier batches and held fixed, so a batch's own noise is not
    penalised. Variances, the noisier half, count a quarter.
    """
    weight = torch.tensor([[1.0], [0.25]])
    return (2 * weight * running.detach() * moments).mean()
