"""Which scales carry the decision? Bands of spatial frequency taken out of the images, one by one.

"Mesoscopic" is a claim about scale, so it can be tested: a band without which the detector is lost
carries the decision, one that it does not miss does not. Taking a band out makes images that nobody
trained on; that is a limit of every ablation of inputs (Hooker et al., NeurIPS 2019).
"""

import torch
from torch import Tensor

# octaves by wavelength in pixels: the finest detail that pixels can hold, up to whole faces
OCTAVES = ((2, 4), (4, 8), (8, 16), (16, 32), (32, 64))


def without_band(images: Tensor, shortest: float, longest: float) -> Tensor:
    """uint8 `(N, 3, S, S)` without waves from `shortest` to below `longest` pixels; the mean stays.

    A ring of each colour's Fourier transform is set to 0. Diagonal waves shorter than 2 pixels
    count as 2.
    """
    return _filtered(images, shortest, longest, keep=False)


def only_band(images: Tensor, shortest: float, longest: float) -> Tensor:
    """uint8 `(N, 3, S, S)` with waves from `shortest` to below `longest` pixels and the mean."""
    return _filtered(images, shortest, longest, keep=True)


def _filtered(images: Tensor, shortest: float, longest: float, keep: bool) -> Tensor:
    side = images.shape[-1]
    radius = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None])
    wavelength = 1 / radius.clamp(1e-9, 0.5)  # (S, S / 2 + 1); the corners as 2
    ring = (wavelength >= shortest) & (wavelength < longest)
    mask = ring if keep else ~ring
    mask[0, 0] = True
    waves = torch.fft.rfft2(images.float()) * mask
    return torch.fft.irfft2(waves, s=(side, side)).round().clamp(0, 255).to(torch.uint8)


def power_share(images: Tensor, shortest: float, longest: float) -> float:
    """The share of the images' variance that lies in the band: how much was taken out."""
    left = only_band(images, shortest, longest).float().var((2, 3)).mean()
    return float(left / images.float().var((2, 3)).mean())
