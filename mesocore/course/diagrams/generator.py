"""The style-based generator, with the pictures that the shipped one makes on the way."""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesocore.course.diagrams.canvas import (
    GREEN,
    ORANGE,
    PINK,
    SKY,
    arrow,
    box,
    drawn,
    line,
    operator,
    picture,
    tint,
    title,
    write,
)
from mesocore.faces import stylegan

SEED = 7
START, STEP, APART = 1.62, 0.395, 0.15  # inches: of convolutions; the first has more room
STYLES, FLOW, NOISE, FACES = 3.14, 2.34, 1.54, 0.99  # inches: the rows, top to bottom
SQUARE_ROOT = 0.094  # inches of height, by the square root of the side
LATENT, CONSTANT = 0.45, 1.08  # inches: the columns before the convolutions


def style_based_generator() -> Figure:
    """From random numbers to a face: mapping, styles, a learnt constant, convolutions, noise."""
    return drawn(_generator, 3.8)


def _generator(ax: Axes) -> None:
    generator = stylegan.load()
    sides = generator.noise_sides()  # one a convolution
    title(ax, 3.15, 3.66, "A style-based generator (after Karras et al., 2019)")
    _bands(ax, generator, sides)
    _mapping(ax, len(generator.mapping.layers))
    _convolutions(ax, sides, generator.constant[0, 0].numpy())
    for y, words in {NOISE: "noise", FACES: "picture\nso far"}.items():
        write(ax, CONSTANT + 0.15, y, words, ha="right")
    write(ax, 3.15, 0.22, f"{len(sides)} convolutions, each with a style before and fresh noise "
          "behind it.\n"
          "From band to band the side doubles; each adds its colours to the picture so far."
          )  # fmt: skip


def _across(n: int) -> float:
    """Where the convolution `n` stands, counted from 0."""
    return START + n * STEP + (APART if n else 0)


def _bands(ax: Axes, generator: stylegan.Generator, sides: list[int]) -> None:
    """A band a resolution, with its name and the picture that the generator has there."""
    latents, noise = stylegan.draw([SEED], sides)
    with torch.inference_mode():
        codes = generator.codes(latents, stylegan.TRUNCATION)
        pictures = generator.pyramid(codes, noise)
    for n, (side, face) in enumerate(zip(stylegan.CHANNELS, pictures, strict=True)):
        own = [_across(k) for k, s in enumerate(sides) if s == side]
        x, width = (own[0] + own[-1]) / 2 + 0.09, max(2 * STEP - 0.24, len(own) * STEP)
        if n % 2 == 0:
            box(ax, x, (STYLES + 0.36) / 2, width, STYLES - 0.52, fill="#EFEFEF",
                linewidth=0, zorder=0)  # fmt: skip
        seen = stylegan.to_uint8(face)[0].permute(1, 2, 0).numpy()
        picture(ax, x, FACES, 0.53 if n == 0 else 0.64, seen)
        write(ax, x, 0.56, f"{side} × {side}")


def _mapping(ax: Axes, layers: int) -> None:
    """From z up to w, and the rail on which w goes to every convolution."""
    box(ax, LATENT, 1.66, 0.62, 0.36, f"z: {stylegan.LATENT}\nnumbers", tint(SKY, 0.4), 0.06)
    arrow(ax, (LATENT, 1.84), (LATENT, 2.07))
    box(ax, LATENT, 2.34, 0.66, 0.50, f"mapping:\n{layers} dense\nlayers", "white", 0.06)
    arrow(ax, (LATENT, 2.60), (LATENT, 2.95))
    box(ax, LATENT, STYLES, 0.62, 0.36, f"w: {stylegan.LATENT}\nnumbers", tint(PINK, 0.4), 0.06)
    write(ax, 3.6, STYLES + 0.14, "w sets a style for each convolution")


def _convolutions(ax: Axes, sides: list[int], constant: np.ndarray) -> None:
    source = np.random.default_rng(0)
    picture(ax, CONSTANT, FLOW, 0.22, (constant - constant.min()) / np.ptp(constant), GREEN)
    write(ax, CONSTANT, FLOW - 0.36, "learnt\nconstant\n4 × 4")
    last = CONSTANT + 0.11
    for n, side in enumerate(sides):
        x = _across(n)
        height = SQUARE_ROOT * np.sqrt(side)
        arrow(ax, (last, FLOW), (x - 0.11, FLOW), head=5)
        box(ax, x, FLOW, 0.20, height, fill=tint(ORANGE, 0.55))
        arrow(ax, (x, STYLES), (x, FLOW + height / 2 + 0.01), head=5)
        line(ax, (x + 0.10, FLOW), (x + 0.13, FLOW))
        operator(ax, x + 0.19, FLOW, "plus", 0.06)
        picture(ax, x + 0.19, NOISE, 0.15, source.uniform(0, 1, (5, 5)), edge=0.6)
        arrow(ax, (x + 0.19, NOISE + 0.075), (x + 0.19, FLOW - 0.065), head=5)
        last = x + 0.25
    line(ax, (LATENT + 0.31, STYLES), (_across(len(sides) - 1), STYLES))
    right = last + 0.13
    arrow(ax, (last, FLOW), (right, FLOW), (right, FACES), (right - 0.12, FACES), head=5)
