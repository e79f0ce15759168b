"""Trivial features: what tells two sets of files apart without looking at a face.

Three families. "header": format, size in bytes, dimensions, quantisation, metadata. "colour": per
channel mean, standard deviation and percentiles, correlations between channels, saturation.
"spectrum": log power of the grey image in `BINS` rings of spatial frequency, after Durall, Keuper
and Keuper, "Watch your up-convolution", CVPR 2020. A logistic regression on them sets the bar that
a detector must clear, and finds shortcuts in a dataset.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from PIL import Image
from scipy import fft

from mesocore.core import runtime

BINS = 32
SPECTRUM_SIDE = 512  # pixels of the centre that the spectrum is taken of, where there are more
FAMILIES = ("header", "colour", "spectrum")
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEVELS = np.arange(256)


def header_features(facts: pd.DataFrame) -> pd.DataFrame:
    """Numbers from `images.header_facts` rows; words become one column per common value."""
    numbers = {
        "log bytes": np.log(facts["bytes"]),
        "bytes per pixel": facts["bytes"] / (facts["width"] * facts["height"]),
        "width": facts["width"],
        "height": facts["height"],
        "quantisation": facts["quantisation"],
    }
    numbers |= {name: facts[name].astype(float) for name in ("progressive", "exif", "icc")}
    for column in ("format", "mode", "tables"):
        for value in facts[column].value_counts().index[:5]:
            numbers[f"{column} {value or 'none'}"] = (facts[column] == value).astype(float)
    return pd.DataFrame(numbers, index=facts.index).astype(float)


def colour_features(image: Image.Image) -> dict[str, float]:
    """Of an RGB image; values in grey levels 0..255, correlations in -1..1."""
    features = {}
    bands = dict(zip(("red", "green", "blue"), image.split(), strict=True))
    bands["saturation"] = image.convert("HSV").getchannel("S")
    for name, band in bands.items():
        share = np.array(band.histogram(), dtype=float) / (band.width * band.height)
        mean = share @ _LEVELS
        features[f"{name} mean"] = mean
        features[f"{name} deviation"] = np.sqrt(share @ (_LEVELS - mean) ** 2)
        for quantile, level in zip(
            _QUANTILES, np.searchsorted(np.cumsum(share), _QUANTILES), strict=True
        ):
            features[f"{name} {quantile:.0%}"] = float(level)
    values = np.asarray(image, dtype=np.float32).reshape(-1, 3).T
    values = values - values.mean(axis=1, keepdims=True)
    covariance = values @ values.T / values.shape[1]
    deviation = np.sqrt(np.diag(covariance)) + 1e-3
    for i, j, name in ((0, 1, "red-green"), (0, 2, "red-blue"), (1, 2, "green-blue")):
        features[f"{name} correlation"] = covariance[i, j] / deviation[i] / deviation[j]
    return features


def spectrum_features(image: Image.Image) -> dict[str, float]:
    """Log power (natural log) in `BINS` rings of equal width from 0 to 0.5 cycles a pixel.

    Of the central square, at most `SPECTRUM_SIDE` pixels a side, under a Hann window and with the
    mean taken out, so that image borders do not leak into all frequencies.
    """
    side = min(*image.size, SPECTRUM_SIDE)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    grey = image.convert("L").crop((left, top, left + side, top + side))
    pixels = np.asarray(grey, dtype=np.float32)
    ring, count, window = _rings(side)
    power = np.abs(fft.rfft2((pixels - pixels.mean()) * window)) ** 2 / side**2
    rings = np.bincount(ring, power.ravel(), BINS + 1)[:BINS] / count
    return {f"{k / 2 / BINS:.3f} cycles/px": v for k, v in enumerate(np.log(rings + 1e-3))}


@functools.lru_cache(maxsize=8)
def _rings(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    ring = np.minimum((radius * 2 * BINS).astype(int), BINS).ravel()  # corners, above 0.5: dropped
    hann = np.hanning(side).astype(np.float32)
    return ring, np.maximum(np.bincount(ring, minlength=BINS + 1)[:BINS], 1), np.outer(hann, hann)


def extract(opener, items: list, description: str) -> tuple[list, list, list]:
    """`opener(item)` -> (RGB image, header facts) or None, for all items, on two threads.

    Returns the rows of facts, colour and spectrum features; None where the opener gave None.
    """

    def one(item):
        opened = opener(item)
        if opened is None:
            return None, None, None
        image, facts = opened
        return facts, colour_features(image), spectrum_features(image)

    with ThreadPoolExecutor(2) as pool:
        rows = list(runtime.progress(pool.map(one, items), description, len(items)))
    facts, colour, spectrum = zip(*rows, strict=True)
    return list(facts), list(colour), list(spectrum)
