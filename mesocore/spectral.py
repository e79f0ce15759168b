"""Spectral regularisation: a generator is charged for a power spectrum that photographs lack.

After Durall, Keuper and Keuper, "Watch your up-convolution", CVPR 2020, who compare azimuthally
averaged spectra image by image through a cross-entropy. Here it is log powers under a Hann window.
`gap` compares the means of two batches, which is cheap and biased: the noise of a batch's mean is
charged too, so spectra become alike. `Target` compares running means and variances with those of
all photographs, along the axes in which photographs vary (so that what is alike in photographs has
to be alike), and has no such bias.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

GREY = (0.299, 0.587, 0.114)


def gap(fake: Tensor, real: Tensor) -> Tensor:
    """Mean squared difference of the mean log powers of `(N, 3, S, S)` batches, a scalar."""
    return (log_power(fake).mean(0) - log_power(real).mean(0)).square().mean()


@dataclass(frozen=True)
class Target:
    """Mean `(K,)` of the log powers of photographs, and a matrix `(K, K)` that makes them white."""

    mean: Tensor
    whiten: Tensor

    @classmethod
    def of(cls, photographs: np.ndarray, most: int = 2000) -> "Target":
        """From uint8 `(N, S, S, 3)`; `most` of them, evenly spaced, are enough."""
        chosen = photographs[:: -(-len(photographs) // most)]
        parts = [log_power(torch.from_numpy(np.array(part)).permute(0, 3, 1, 2) / 127.5 - 1)
                 for part in np.array_split(chosen, -(-len(chosen) // 100))]  # fmt: skip
        powers = torch.cat(parts).double()
        values, axes = torch.linalg.eigh(torch.cov(powers.T))
        # axes of hardly any variance are noise: without a floor they would rule
        scale = (values + 1e-3 * values.max()).rsqrt()
        return cls(powers.mean(0).float(), (axes * scale).float())

    def moments(self, pictures: Tensor) -> Tensor:
        """`(2, K)`: mean, and variance less 1, of the whitened spectra; 0 for photographs."""
        z = (log_power(pictures) - self.mean) @ self.whiten  # (N, K)
        return torch.stack([z.mean(0), z.square().mean(0) - 1])


def charge(running: Tensor, moments: Tensor) -> Tensor:
    """A scalar whose gradient leads the `running` `(2, K)` moments to 0: that of their square.

    `running` is an average over earlier batches and held fixed, so a batch's own noise is not
    charged. Variances, the noisier half, count a quarter.
    """
    weight = torch.tensor([[1.0], [0.25]])
    return (2 * weight * running.detach() * moments).mean()


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
