"""Images to verdicts: an answer to each face, a bad image answered as such, the rest going on."""

import csv
import glob
import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mesocore.core.errors import BadImage
from mesocore.core.files import printable, to_json, walk
from mesocore.core.images import open_rgb, prepared_array, resize
from mesocore.core.parallel import ahead
from mesocore.core.ranges import PRIOR
from mesocore.nets.inference.calibration import Calibrated

BATCH = 32
THREADS = 2  # that open files and find faces, while a batch is judged
EVEN = 0.5  # share of fakes that a detector's own P(fake) takes for granted
BETWEEN, UNKNOWN = "between the limits", "like nothing it learnt from"
NO_SCORE = "the detector gives no finite score; its weights cannot be used"


@dataclass(frozen=True)
class Verdict:
    """The answer to one face, or to one picture as a whole: P(fake) and a verdict, or an error.

    `probability_fake` is that where half of such pictures are fake, `probability_at_prior` where a
    share `prior` is. By the latter `verdict` is "real" below `real_below`, "fake" from `fake_from`,
    "unsure" between the two; and "unsure" where the likeliest kind of photograph or forgery that
    the detector knows has a `probability_kind` below `kind_from` (both None if it knows no kinds).
    `reason` says which of the two an "unsure" is for: `BETWEEN` or `UNKNOWN`.
    `face` counts the faces of a picture from 1, the largest first; `left`, `top`, `right`, `bottom`
    are the square that was judged, in pixels of the picture as it is shown (turned as its EXIF
    says). Both are None for a whole picture.
    """

    path: str
    face: int | None = None
    left: int | None = None
    top: int | None = None
    right: int | None = None
    bottom: int | None = None
    probability_fake: float | None = None
    prior: float | None = None
    probability_at_prior: float | None = None
    verdict: str | None = None
    real_below: float | None = None
    fake_from: float | None = None
    probability_kind: float | None = None
    kind_from: float | None = None
    reason: str | None = None
    error: str | None = None

    def to_dict(self) -> dict:
        """Plain values for JSON and CSV; the path is made `printable`."""
        return {**asdict(self), "path": printable(self.path)}

    def __str__(self) -> str:
        path = printable(self.path)
        if self.face is not None:
            path += f", face {self.face} at {self.left},{self.top} to {self.right},{self.bottom}"
        if self.error:
            return f"{path}: error: {self.error}"
        limits = f"threshold {self.fake_from:.3f}"
        if self.real_below < self.fake_from:
            limits = f"real below {self.real_below:.3f}, fake from {self.fake_from:.3f}"
        if self.prior != EVEN:
            limits = f"at a prior of {self.prior:g} {self.probability_at_prior:.3f}, {limits}"
        said = f"{self.verdict}, {UNKNOWN}" if self.reason == UNKNOWN else self.verdict
        return f"{path}: {said} (probability of fake {self.probability_fake:.3f}, {limits})"


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


def predict(
    detector: Calibrated, paths: Sequence[str], crop: bool = True, prior: float = EVEN
) -> Iterator[Verdict]:
    """A `Verdict` for every file behind `paths`, in order, some `BATCH` images in memory at a time.

    A detector that learnt from faces that were cut out judges each face of a picture by itself, cut
    out in the same way, and no picture without a face; one that would have to be enlarged more than
    twice is too small to judge. Every other detector, and every one without `crop`, takes a picture
    to show one face that fills most of it. Each image goes through the detector's own preparation,
    so what is judged is what was learnt. `prior`: the share of fakes among such pictures; raises
    `UserError` unless it is above 0 and below 1.
    """
    for verdict, _ in judged(detector, find_images(paths), crop, prior):
        yield verdict


def judged(
    detector: Calibrated,
    items: Sequence[tuple[str, str | None]],
    crop: bool = True,
    prior: float = EVEN,
) -> Iterator[tuple[Verdict, np.ndarray | None]]:
    """As `predict`, of what `find_images` gave; each verdict with the image that was judged.

    The image is uint8 `(3, S, S)`, as the preparation made it; None where nothing could be judged.
    """
    PRIOR.check("prior", prior)
    waiting = list[_Judged]()
    for opened in ahead(lambda item: _opened(detector, *item, crop), items, THREADS):
        waiting += opened
        while len(waiting) >= BATCH:
            yield from _answers(detector, waiting[:BATCH], len(items), prior)
            waiting = waiting[BATCH:]
    yield from _answers(detector, waiting, len(items), prior)


_Judged = tuple[Verdict, np.ndarray | None]  # with the image if it can be judged, uint8 (3, S, S)


def _opened(detector: Calibrated, path: str, error: str | None, crop: bool) -> list[_Judged]:
    """What is to be judged of a file; or its error."""
    asked, margin = Verdict(path), detector.preparation.margin
    try:
        if error:
            raise BadImage(error)
        image = open_rgb(path)
        if margin is None or not crop:
            return [(asked, prepared_array(image, detector.preparation))]
        from mesocore.faces.face_finder import face_squares  # late: OpenCV is slow to load

        squares = face_squares(image, margin)
    except BadImage as bad:
        return [(replace(asked, error=str(bad)), None)]
    return [_cut_out(detector, asked, image, number, square)
            for number, square in enumerate(squares, start=1)]  # fmt: skip


def _cut_out(
    detector: Calibrated,
    asked: Verdict,
    image: Image.Image,
    number: int,
    square: tuple[int, int, int, int],
) -> _Judged:
    left, top, right, bottom = square
    asked = replace(asked, face=number, left=left, top=top, right=right, bottom=bottom)
    if 2 * (right - left) < detector.size:
        least = -(-detector.size // 2)
        small = f"too small to judge: {right - left} pixels, at least {least} needed"
        return replace(asked, error=small), None
    return asked, prepared_array(image.crop(square), detector.preparation)


def _answers(
    detector: Calibrated, asked: Sequence[_Judged], files: int, prior: float
) -> list[_Judged]:
    arrays = [array for _, array in asked if array is not None]
    scores: Iterator[tuple[float, float | None]] = iter(())
    if arrays:
        found = detector.examine(fitted(np.stack(arrays), detector.size), expected=files)
        kinds = [None] * len(arrays) if found.kind is None else found.kind.tolist()
        scores = zip(detector.calibrated(found).tolist(), kinds, strict=True)
    return [(verdict if array is None else _judged(detector, verdict, *next(scores), prior), array)
            for verdict, array in asked]  # fmt: skip


def fitted(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 `(B, 3, S, S)` -> `(B, 3, size, size)`."""
    if images.shape[-1] == size:
        return images
    import torch  # late: it takes seconds

    return resize(torch.from_numpy(images), size).numpy()


def _judged(
    detector: Calibrated, asked: Verdict, probability: float, kind: float | None, prior: float
) -> Verdict:
    if not np.isfinite(probability):
        return replace(asked, error=NO_SCORE)
    there = at_prior(probability, prior)
    (low, high), verdict = detector.band, detector.verdict(there, kind)
    reason = UNKNOWN if not detector.knows(kind) else BETWEEN if verdict == "unsure" else None
    return replace(asked, probability_fake=probability, prior=prior, probability_at_prior=there,
                   verdict=verdict, real_below=low, fake_from=high, reason=reason,
                   probability_kind=None if detector.kind_from is None else kind,
                   kind_from=detector.kind_from)  # fmt: skip


def at_prior(probability: float, prior: float) -> float:
    """A P(fake) where half of such pictures are fake -> where a share `prior` is: Bayes' rule."""
    if prior == EVEN:
        return probability
    fake, real = probability * prior, (1 - probability) * (1 - prior)
    return fake / (fake + real)


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
