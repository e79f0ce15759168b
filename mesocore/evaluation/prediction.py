"""Images to verdicts: one answer per image, a bad image answered as such, the rest going on."""

import csv
import glob
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from mesocore.core.images import BadImage, resize, to_array
from mesocore.nets.detector import Detector

SUFFIXES = {".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
BATCH = 32


@dataclass(frozen=True)
class Verdict:
    """One image's answer: P(fake) and the verdict at the detector's threshold, or an error."""

    path: str
    probability_fake: float | None = None
    verdict: str | None = None  # "fake" or "real"
    threshold: float | None = None
    error: str | None = None

    def to_dict(self) -> dict:
        return asdict(self)

    def __str__(self) -> str:
        if self.error:
            return f"{self.path}: error: {self.error}"
        return (
            f"{self.path}: {self.verdict} (probability of fake {self.probability_fake:.3f}, "
            f"threshold {self.threshold:.3f})"
        )


def find_images(paths: Sequence[str]) -> list[tuple[str, str | None]]:
    """Files, folders (searched to any depth) and globs -> `(path, error or None)`, sorted per item.

    A named file is always taken, whatever its ending; a folder contributes files with an image's
    ending. An item that matches nothing stays in the list with its error, so that counts add up.
    """
    found: list[tuple[str, str | None]] = []
    for item in paths:
        path = Path(item)
        if path.is_dir():
            images = [p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.is_dir()]
            matches = [(str(p), None) for p in sorted(images)]
            found += matches or [(item, "no image in this folder")]
        elif path.exists() or path.is_symlink():
            found.append((item, None))
        else:
            matches = [(p, None) for p in sorted(glob.glob(item, recursive=True))]
            found += matches or [(item, "no such file")]
    return found


def predict(detector: Detector, paths: Sequence[str]) -> Iterator[Verdict]:
    """A `Verdict` for every image behind `paths`, in order, `BATCH` images in memory at a time.

    Each image goes through the detector's own preparation, so what is evaluated is what was learnt.
    Every image is taken to show one face that fills most of it.
    """
    items = find_images(paths)
    for start in range(0, len(items), BATCH):
        yield from _predict_batch(detector, items[start : start + BATCH])


def _predict_batch(detector: Detector, items: list[tuple[str, str | None]]) -> list[Verdict]:
    errors: dict[int, str] = {}
    arrays: dict[int, np.ndarray] = {}
    for index, (path, error) in enumerate(items):
        try:
            if error:
                raise BadImage(error)
            arrays[index] = to_array(Path(path), detector.preparation)
        except BadImage as bad:
            errors[index] = str(bad)
    probabilities = {}
    if arrays:
        images = torch.from_numpy(np.stack(list(arrays.values())))  # (B, 3, S, S)
        scores = detector.probabilities(resize(images, detector.size))
        probabilities = dict(zip(arrays, scores.tolist(), strict=True))
    return [
        Verdict(path, error=errors[index])
        if index in errors
        else _verdict(detector, path, probabilities[index])
        for index, (path, _) in enumerate(items)
    ]


def _verdict(detector: Detector, path: str, probability: float) -> Verdict:
    verdict = "fake" if probability >= detector.threshold else "real"
    return Verdict(path, probability, verdict, detector.threshold)


def show(verdicts: Iterable[Verdict], form: str) -> int:
    """Prints verdicts as they come, one line per image; returns how many are errors.

    `form`: "text", "csv" with a header, or "json", one list at the end.
    """
    failed, rows, writer = 0, [], csv.writer(sys.stdout)
    if form == "csv":
        writer.writerow(Verdict("").to_dict())
    for verdict in verdicts:
        failed += verdict.error is not None
        if form == "json":
            rows.append(verdict.to_dict())
        elif form == "csv":
            writer.writerow(verdict.to_dict().values())
        else:
            print(verdict)
    if form == "json":
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    return failed
