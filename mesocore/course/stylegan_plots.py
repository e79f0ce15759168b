"""Experiments with the style-based generator: mixing, truncation, what its upsampling leaves."""

from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torch.nn import functional

from mesocore.course import plots
from mesocore.data.auditing import trivial_features
from mesocore.faces import stylegan

# styles by the resolution that they act on: pose and shape, features, colours and texture
RANGES = {"coarse": slice(0, 3), "middle": slice(3, 7), "fine": slice(7, None)}
SIDES = {"coarse": "4 to 8 px", "middle": "16 to 32 px", "fine": "64 to 128 px"}

DOUBLINGS = ("zeros", "nearest", "bilinear")


@torch.inference_mode()
def mix(
    base: Sequence[int], style: Sequence[int], layers: slice, truncation: float = 0.7
) -> np.ndarray:
    """Faces of `base` seeds with the styles of `layers` taken from `style` seeds.

    Returns uint8 `(len(base), len(style), 128, 128, 3)` RGB. Noise is that of the base.
    """
    generator = stylegan.load()
    latents, noise = stylegan.draw(base, generator.noise_sides())
    others, _ = stylegan.draw(style, [])
    own, given = (generator.codes(z, truncation) for z in (latents, others))
    rows = []
    for n in range(len(base)):
        codes = own[n : n + 1].repeat(len(style), 1, 1)  # (len(style), layers, 96)
        codes[:, layers] = given[:, layers]
        maps = [layer[n : n + 1].expand(len(style), -1, -1, -1) for layer in noise]
        rows.append(_pictures(generator(codes, maps)))
    return np.stack(rows)


@torch.inference_mode()
def truncated(seeds: Sequence[int], truncations: Sequence[float]) -> np.ndarray:
    """Each seed's face at each truncation: uint8 `(len(seeds), len(truncations), 128, 128, 3)`."""
    generator = stylegan.load()
    latents, noise = stylegan.draw(seeds, generator.noise_sides())
    columns = [_pictures(generator(generator.codes(latents, t), noise)) for t in truncations]
    return np.stack(columns, axis=1)


def _pictures(pictures: Tensor) -> np.ndarray:
    return stylegan.to_uint8(pictures).permute(0, 2, 3, 1).numpy()


def mixing_figure(
    base: Sequence[int], style: Sequence[int], ranges: Sequence[str], truncation: float = 0.7
) -> Figure:
    """Faces of `base`, one a row block, with the styles of `style`, one a column.

    A row for each of `ranges` (keys of `RANGES`) below the face that gives the style; the first
    column is the face that takes it.
    """
    givers = truncated(style, [truncation])[:, 0]
    takers = truncated(base, [truncation])[:, 0]
    rows = [[np.full_like(givers[0], 255), *givers]]
    for n, seed in enumerate(base):
        for name in ranges:
            rows.append([takers[n], *mix([seed], style, RANGES[name], truncation)[0]])
    names = ["style of", *(f"{name}\n{SIDES[name]}" for _ in base for name in ranges)]
    return labelled_grid(rows, names, ["face of", *[""] * len(style)])


def truncation_figure(seeds: Sequence[int], truncations: Sequence[float]) -> Figure:
    """One row per seed, one column per truncation."""
    rows = truncated(seeds, truncations)
    return labelled_grid(rows, [""] * len(rows), [f"\u03c8 = {value:g}" for value in truncations])


def labelled_grid(
    rows: Sequence[Sequence[np.ndarray]], names: Sequence[str], columns: Sequence[str]
) -> Figure:
    """Rows of uint8 pictures with a name beside each row and above each column."""
    margin = 0.75 if any(names) else 0.0
    cell = (plots.WIDTH - margin) / len(columns)
    fig, axes = plt.subplots(len(rows), len(columns), squeeze=False,
                             figsize=(plots.WIDTH, 0.25 + cell * len(rows)))  # fmt: skip
    for line, pictures in zip(axes, rows, strict=True):
        for ax, picture in zip(line, pictures, strict=True):
            ax.imshow(picture)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    for ax, name in zip(axes[0], columns, strict=True):
        ax.set_title(name, fontsize=9)
    return fig


def upsampled(noise: Tensor, kind: str) -> Tensor:
    """`(N, 1, S, S)` at twice the size, by one of `DOUBLINGS`.

    "zeros" puts them between the pixels, as a transposed convolution does before it convolves.
    """
    if kind == "zeros":
        large = torch.zeros(*noise.shape[:2], noise.shape[2] * 2, noise.shape[3] * 2)
        large[..., ::2, ::2] = noise
        return large
    return functional.interpolate(noise, scale_factor=2, mode=kind)


def log_powers(images: Iterable[Image.Image]) -> np.ndarray:
    """Log power in `trivial_features.BINS` rings of N images: `(N, BINS)`."""
    return np.array([list(trivial_features.spectrum_features(i).values()) for i in images])


def mean_spectrum(images: Sequence[np.ndarray]) -> np.ndarray:
    """Mean log power in `trivial_features.BINS` rings of uint8 `(S, S, 3)` or `(S, S)` images."""
    return log_powers(Image.fromarray(image) for image in images).mean(axis=0)


def spectrum_gap(fakes: np.ndarray, photographs: np.ndarray) -> pd.DataFrame:
    """Mean log power of fakes less that of photographs, ring by ring, with its 95 % interval.

    Of `log_powers` `(N, BINS)` of unrelated images; columns value, low, high, in natural log
    units; indexed by the middle of the ring in cycles a pixel.
    """
    value = fakes.mean(axis=0) - photographs.mean(axis=0)
    error = np.sqrt(sum(rows.var(axis=0, ddof=1) / len(rows) for rows in (fakes, photographs)))
    rings = (np.arange(len(value)) + 0.5) / 2 / len(value)
    return pd.DataFrame({"value": value, "low": value - 1.96 * error, "high": value + 1.96 * error},
                        rings)  # fmt: skip


def spectrum_figure(gap: pd.DataFrame) -> Figure:
    """Left, spectra of white noise doubled in three ways; right, a `spectrum_gap` with its band.

    In natural log units.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(plots.WIDTH, 3.0))
    frequency = (np.arange(trivial_features.BINS) + 0.5) / 2 / trivial_features.BINS
    noise = torch.randn(32, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 30 + 128
    for name, colour in zip(DOUBLINGS, plots.PALETTE[2:], strict=False):
        large = upsampled(noise, name)[:, 0].clamp(0, 255).to(torch.uint8)
        power = mean_spectrum(list(large.numpy()))
        left.plot(frequency, power, color=colour)
        left.annotate(name, (frequency[-1], power[-1]), (4, 0), textcoords="offset points",
                      va="center", color=colour, fontsize=9)  # fmt: skip
    left.set(xlabel="cycles a pixel", ylabel="log power", xlim=(0, 0.62))
    right.plot(gap.index, gap["value"], color=plots.FAKE)
    right.fill_between(gap.index, gap["low"], gap["high"], color=plots.FAKE, alpha=0.2, linewidth=0)
    right.axhline(0, color=plots.MUTED, linestyle=":", linewidth=1)
    right.text(0.98, 0.97, "dotted: as in photographs", color=plots.MUTED, fontsize=9, va="top",
               ha="right", transform=right.transAxes)  # fmt: skip
    right.set(xlabel="cycles a pixel", ylabel="generated less photographs (log)", xlim=(0, 0.5))
    return fig
