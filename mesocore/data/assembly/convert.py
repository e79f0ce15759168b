"""Pass 1 of assembly: every input file to a matched JPEG, file by file, with a journal.

A kill at any moment costs the files in flight and nothing else: the journal gets a file's line when
its image is whole. What depends on more than one file
(duplicates, groups, splits) is left to pass 2, so the order in which workers finish is immaterial.
"""

import base64
import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from mesocore.core.errors import BadImage
from mesocore.core.files import write_bytes
from mesocore.core.images import (
    MIN_SIDE,
    Preparation,
    decode,
    encode_jpeg,
    open_rgb,
    prepare,
    read_bytes,
)
from mesocore.core.parallel import in_parallel
from mesocore.data import schemas
from mesocore.data.assembly import fingerprints
from mesocore.data.sources.scanning import Candidate
from mesocore.faces.face_finder import crop_to_face
from mesocore.faces.random_edits import Donor, retouch

MAX_EDITED = 2048  # pixels a side: an edit takes seconds there
CHUNK = 32  # files a worker takes at a time: about 0.1 s of work


def convert_file(candidate: Candidate, out: Path, prep: Preparation) -> dict:
    """Writes one matched JPEG below `out` and returns its journal record.

    The record of a file that cannot be used has `reason`, all others have `image` (path relative to
    `out`, named after the content of the original), `image_bytes` and `sha256` (of the JPEG),
    `phash` and `thumbnail` (`fingerprints.measure` of its pixels before they were encoded; base64),
    `original` (SHA-256 of the original file), the header facts and, if assembly made the edit,
    `edit`.
    Raises `OSError` if `out` cannot be written.
    """
    record = {"origin": candidate.origin, "stamp": stamp(candidate)}
    try:
        data = read_bytes(candidate.path)
        image, facts = decode(data, candidate.path)
        original = hashlib.sha256(data).hexdigest()
        if candidate.retouch:
            image, record["edit"] = retouched(image, candidate)
            original = hash_of_edit(original)
        if _is_mask(image):
            raise BadImage("looks like a mask: black and white alone")
        if prep.margin is not None:
            image = crop_to_face(image, prep.margin)
        ready = prepare(image, prep)
        jpeg = encode_jpeg(ready, prep.quality)
    except BadImage as error:
        return {"origin": candidate.origin, "stamp": record["stamp"], "reason": str(error)}
    relative = f"images/{candidate.label}/{original[:20]}.jpg"
    _put(f"{out}/{relative}", jpeg)
    phash, thumbnail = fingerprints.measure(ready)
    return {
        **record,
        "image": relative,
        "image_bytes": len(jpeg),
        "sha256": hashlib.sha256(jpeg).hexdigest(),
        "phash": phash,
        "thumbnail": base64.b64encode(thumbnail).decode(),
        "original": original,
        **facts,
    }


def hash_of_edit(original: str) -> str:
    """`original` of an edit: a file of its own, known by the hash of its photograph."""
    return hashlib.sha256(f"an edit of {original}".encode()).hexdigest()


def _is_mask(image: Image.Image) -> bool:
    """True for an RGB image of black and white alone, some of each: no photograph is."""
    few = np.asarray(image.resize((64, 64), Image.Resampling.NEAREST))
    if not _is_two_toned(few[..., 1], few[..., 1]):  # green alone tells of nearly all
        return False
    return _is_two_toned(few.max(axis=2), few.min(axis=2))


def _is_two_toned(brightest: np.ndarray, darkest: np.ndarray) -> bool:
    black = np.count_nonzero(brightest < 9) / brightest.size
    white = np.count_nonzero(darkest > 246) / darkest.size
    return black + white > 0.98 and min(black, white) > 0.005


def _put(path: str, jpeg: bytes) -> None:
    """Writes an image that is new, and replaces one that is there as a whole.

    A file that is there may be what a kill left, or an equal file of another input that is in the
    journal already. A new one is in no journal before it is whole, so it needs no rename, which
    costs as much as the writing.
    """
    try:
        file = open(path, "xb", buffering=0)  # noqa: SIM115
    except (FileExistsError, FileNotFoundError):
        return write_bytes(path, jpeg, durable=False)
    with file:
        left = memoryview(jpeg)
        while left:
            left = left[file.write(left) :]


def retouched(image: Image.Image, candidate: Candidate) -> tuple[Image.Image, str]:
    """An RGB photograph edited as its candidate says, and the edits, joined by "+".

    What is drawn depends on the candidate's origin alone. Raises `BadImage` for either photograph.
    """
    face = candidate.retouch.face
    if min(image.size) < MIN_SIDE:
        raise BadImage(f"too small to edit: {image.width} x {image.height} pixels")
    if max(image.size) > MAX_EDITED:
        raise BadImage(f"too large to edit: {image.width} x {image.height} pixels")

    @functools.cache  # a session that is repeated may ask again
    def donor() -> Donor:
        other = open_rgb(candidate.retouch.donor)
        return Donor(np.asarray(other), face.scaled(*other.size))

    seed = int.from_bytes(hashlib.sha256(candidate.origin.encode()).digest()[:8])
    rng = np.random.default_rng(seed)
    session = retouch(np.asarray(image), face.scaled(*image.size), rng, donor)
    return Image.fromarray(session.image), "+".join(session.edits)


def stamp(candidate: Candidate) -> str:
    """Size and modification time of what is read: what has changed is converted again."""
    files = [candidate.path, *([candidate.retouch.donor] if candidate.retouch else [])]
    try:
        found = [os.stat(path) for path in files]
    except OSError:
        return ""
    return "|".join(f"{status.st_size}:{status.st_mtime_ns}" for status in found)


def read_journals(journals: Iterable[Path]) -> Iterator[dict]:
    """The records of journals that fit `schemas.Record`, without what a crash tore."""
    adapter = TypeAdapter(schemas.Record)
    for journal in journals:
        with open(journal, "rb") as file:  # a name may be torn within a character
            for line in file:
                with contextlib.suppress(ValidationError):
                    yield adapter.validate_json(line, strict=True)


def pending(candidates: list[Candidate], out: Path, journals: Iterable[Path]) -> list[Candidate]:
    """The candidates that the journals do not yet answer for.

    An image of another size than its journal says is what a power cut left, and one that is kept
    as another label's than its input has now was converted before that changed.
    """
    done = {record["origin"]: (record["stamp"], record.get("image"), record.get("image_bytes"))
            for record in read_journals(journals)}  # fmt: skip
    return [c for c in candidates if not _is_done(c, out, *done.get(c.origin, ("", None, None)))]


def _is_done(
    candidate: Candidate, out: Path, stamped: str, image: str | None, size: int | None
) -> bool:
    if not stamped or stamped != stamp(candidate):
        return False
    if image is None:
        return True
    if not image.startswith(f"images/{candidate.label}/"):
        return False
    try:
        return os.stat(f"{out}/{image}").st_size == size
    except OSError:
        return False


def convert_all(
    candidates: list[Candidate], out: Path, prep: Preparation, journal: Path, workers: int
) -> Iterator[int]:
    """Converts and appends to the journal; yields the number of files done at each step.

    Raises `UserError` if a worker dies, and `OSError` if `out` cannot be written.
    """
    with open(journal, "a", encoding="utf-8") as log:
        log.write("\n")  # ends a line that a crash tore, so that it does not spoil the next
        task = functools.partial(_convert_chunk, out=out, prep=prep)
        for lines in in_parallel(task, _chunks(candidates, CHUNK), workers):
            log.write("".join(lines))
            log.flush()
            yield len(lines)


def _convert_chunk(chunk: list[Candidate], out: Path, prep: Preparation) -> list[str]:
    """The journal's lines; made here, so that the one parent has little to do."""
    records = (convert_file(candidate, out, prep) for candidate in chunk)
    return [json.dumps(record, ensure_ascii=False) + "\n" for record in records]


def _chunks(items: list, size: int) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
