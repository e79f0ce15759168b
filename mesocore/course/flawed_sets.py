"""Data sets that lie, made on purpose: classes that differ in how files were saved, not in faces.

Used by chapter 1 to show what the audit finds. Images are Pillow RGB.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance
from sklearn.neighbors import KNeighborsClassifier

from mesocore.core.files import write_bytes
from mesocore.core.images import Preparation, decode, encode_jpeg, prepare
from mesocore.data.assembly import fingerprints
from mesocore.data.auditing import shortcuts, trivial_features


@dataclass(frozen=True)
class Saving:
    """How a class was saved: as JPEG of `quality`, or as PNG if None; at `side` px if given."""

    quality: int | None = None
    side: int | None = None

    def encode(self, image: Image.Image) -> bytes:
        """The file's content, without metadata."""
        if self.side:
            image = image.resize((self.side, self.side), Image.Resampling.LANCZOS)
        if self.quality is not None:
            return encode_jpeg(image, self.quality)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()

    @property
    def suffix(self) -> str:
        """Of the file name."""
        return ".png" if self.quality is None else ".jpg"


def save_set(
    images: Sequence[Image.Image], fake: np.ndarray, folder: Path, real: Saving, faked: Saving
) -> None:
    """Writes `folder`/real and `folder`/fake; `fake` bool (N,) says which image goes where."""
    for number, (image, is_fake) in enumerate(zip(images, fake, strict=True)):
        saving, label = (faked, "fake") if is_fake else (real, "real")
        write_bytes(folder / label / f"{number:04d}{saving.suffix}", saving.encode(image))


def matched(image: Image.Image, saving: Saving, prep: Preparation) -> Image.Image:
    """The image saved as `saving`, then sent through assembly's pipeline as a file would be."""
    decoded, _ = decode(saving.encode(image))
    return decode(encode_jpeg(prepare(decoded, prep), prep.quality))[0]


def spectra(images: Sequence[Image.Image], saving: Saving, prep: Preparation) -> pd.DataFrame:
    """`trivial_features.spectrum_features` of each image, saved and then matched."""
    return pd.DataFrame(
        [trivial_features.spectrum_features(matched(i, saving, prep)) for i in images]
    )


def coin_auc(real: pd.DataFrame, faked: pd.DataFrame, fake: np.ndarray, seed: int) -> dict:
    """Cross-validated AUC of a classifier on features, where `fake` bool (N,) is a toss of a coin.

    `real` and `faked` are features of the same N images after the history of either class; of
    each image one of the two is used. Returns auc, low, high (95 %).
    """
    features = real.mask(pd.Series(fake), faked)
    label = np.where(fake, "fake", "real")
    table = pd.DataFrame({"label": label, "group": np.arange(len(fake))})
    score = shortcuts.scores({"spectrum": features}, table, seed, "all")[0]
    return {"auc": score.auc, "low": score.low, "high": score.high}


def frames(image: Image.Image, count: int, generator: np.random.Generator) -> list[Image.Image]:
    """Near-copies, as successive frames of a video are: shifted by up to 6 %, brighter or darker
    by up to 10 %; same size."""
    margin = image.width // 16
    copies = []
    for _ in range(count):
        left, top = (int(n) for n in generator.integers(0, margin + 1, 2))
        box = (left, top, left + image.width - margin, top + image.height - margin)
        moved = image.resize(image.size, Image.Resampling.LANCZOS, box=box)
        copies.append(ImageEnhance.Brightness(moved).enhance(generator.uniform(0.9, 1.1)))
    return copies


def phashes(images: Iterable[Image.Image]) -> list[str]:
    """Of RGB images: the hashes that assembly looks for duplicates with (`fingerprints`)."""
    return [fingerprints.measure(image)[0] for image in images]


def hash_bits(hashes: Iterable[str]) -> np.ndarray:
    """Perceptual hashes, as in a manifest's column `phash`, to bool (N, 64)."""
    values = np.array([int(text, 16) for text in hashes], dtype=np.uint64)
    return (values[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(bool)


def nearest_accuracy(bits: np.ndarray, label: np.ndarray, train: np.ndarray) -> float:
    """Accuracy of "the label of the training image with the nearest hash" on the other images.

    `bits` bool (N, 64), `label` (N,), `train` bool (N,).
    """
    model = KNeighborsClassifier(1, metric="hamming").fit(bits[train], label[train])
    return float((model.predict(bits[~train]) == label[~train]).mean())
