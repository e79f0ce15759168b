"""Images to verdicts: one answer per image, a bad image answered as such, the rest going on."""

import csv
import glob
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from mesocore.core.errors import BadImage
from mesocore.core.files import printable, to_json, walk
from mesocore.core.images import open_rgb, prepared_array, resize
from mesocore.nets.detector import Detector, logits, to_probability

BATCH = 32
NO_SCORE = "the detector gives no finite score; its weights cannot be used"


@dataclass(frozen=True)
class Verdict:
    """One file's answer: P(fake) and what the detector makes of it, or an error.

    `verdict` is "real" below `real_below`, "fake" from `fake_from`, "unsure" between the two.
    """

    path: str
    probability_fake: float | None = None
    verdict: str | None = None
    real_below: float | None = None
    fake_from: float | None = None
    error: str | None = None

    def to_dict(self) -> dict:
        """Plain values for JSON and CSV; the path is made `printable`."""
        return {**asdict(self), "path": printable(self.path)}

    def __str__(self) -> str:
        path = printable(self.path)
        if self.error:
            return f"{path}: error: {self.error}"
        limits = f"threshold {self.fake_from:.3f}"
        if self.real_below < self.fake_from:
            limits = f"real below {self.real_below:.3f}, fake from {self.fake_from:.3f}"
        return f"{path}: {self.verdict} (probability of fake {self.probability_fake:.3f}, {limits})"


def find_images(paths: Sequence[str]) -> list[tuple[str, str | None]]:
    """Files, folders (searched to any depth) and globs -> `(path, error or None)`, sorted per item.

    Every file of a folder is taken, whatever its name: an image without an ending is judged, and
    what is no image says so. Links to folders are followed, each folder once. A folder that cannot
    be entered, and an item that matches nothing, stay in the list with their error, so that counts
    add up.
    """
    found: list[tuple[str, str | None]] = []
    for item in paths:
        if os.path.lexists(item):
            found += _expanded(item)
        else:
            found += _matches(item) or [(item, "no such file")]
    return found


def _matches(pattern: str) -> list[tuple[str, str | None]]:
    """What a glob gives, each file once: `**` gives folders, what is in them, and loops."""
    once: dict[str, tuple[str, str | None]] = {}
    for path in sorted(glob.glob(pattern, recursive=True)):
        for file, error in _expanded(path):
            folder, name = os.path.split(file)
            once.setdefault(os.path.join(os.path.realpath(folder), name), (file, error))
    return list(once.values())


def _expanded(path: str) -> list[tuple[str, str | None]]:
    """A file as it is, a folder as what is in it."""
    if not os.path.isdir(path):
        return [(path, None)]
    inside = sorted((str(Path(path) / name), error) for name, error in walk(Path(path)))
    return inside or [(path, "no image in this folder")]


def predict(detector: Detector, paths: Sequence[str]) -> Iterator[Verdict]:
    """A `Verdict` for every file behind `paths`, in order, `BATCH` images in memory at a time.

    Each image goes through the detector's own preparation, so what is evaluated is what was learnt.
    Every image is taken to show one face that fills most of it.
    """
    items = find_images(paths)
    for start in range(0, len(items), BATCH):
        yield from _predict_batch(detector, items[start : start + BATCH])


def _predict_batch(detector: Detector, items: list[tuple[str, str | None]]) -> list[Verdict]:
    margin, errors = detector.preparation.margin, {}
    arrays: dict[int, np.ndarray] = {}
    for index, (path, error) in enumerate(items):
        try:
            if error:
                raise BadImage(error)
            image = open_rgb(path)
            if margin is not None:
                from mesocore.faces.face_finder import crop_to_face  # late: OpenCV is slow to load

                image = crop_to_face(image, margin)
            arrays[index] = prepared_array(image, detector.preparation)
        except BadImage as bad:
            errors[index] = str(bad)
    probabilities = {}
    if arrays:
        images = torch.from_numpy(np.stack(list(arrays.values())))  # (B, 3, S, S)
        found = logits(detector.model, resize(images, detector.size))
        scores = to_probability(found, detector.temperature)
        probabilities = dict(zip(arrays, scores.tolist(), strict=True))
        errors |= {
            index: NO_SCORE for index, logit in zip(arrays, found, strict=True)
            if not np.isfinite(logit)
        }  # fmt: skip
    return [
        Verdict(path, error=errors[index])
        if index in errors
        else _verdict(detector, path, probabilities[index])
        for index, (path, _) in enumerate(items)
    ]


def _verdict(detector: Detector, path: str, probability: float) -> Verdict:
    return Verdict(path, probability, detector.verdict(probability), *detector.band)


def show(verdicts: Iterable[Verdict], form: str) -> int:
    """Prints verdicts as they come, one line per file; returns how many are errors.

    `form`: "text", "csv" with a header, or "json", one list at the end. CSV and JSON are UTF-8
    whatever the locale; text has \\xNN or \\uNNNN for what the locale lacks.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # not so in a notebook
        encoding = None if form == "text" else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
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
        print(to_json(rows), end="")
    return failed
