"""The embedded set before assembly: synthetic photographs, edits of them, and generated faces.

Images come in units of four: a photograph, an edit of it (same group), another photograph, a
generated face. A splice takes from a photograph that is published nowhere. Real or fake, a picture
has a website's size and was saved once more as JPEG, with qualities drawn alike: what the classes
differ in is the forgery alone. The generator never saw the photographs of a set: it learnt from
seeds of its own (`stylegan.TRAINING_SEEDS`).
"""

import csv
import functools
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mesocore import faces
from mesocore.core import files, images, runtime, schemas
from mesocore.core.errors import UserError
from mesocore.core.images import encode_jpeg
from mesocore.core.parallel import in_parallel
from mesocore.data.assembled_set import GENERATED
from mesocore.faces import rendering, stylegan
from mesocore.faces.landmarks import Face
from mesocore.faces.random_edits import Donor, retouch

SIZE = rendering.SIZE  # pixels a side
WORKERS = 2
CHUNK = 10  # units in a step that is redone after an interruption
QUALITIES = (94, 99)  # of the last save, the upper end left out
DONOR_SHARE = (0.6, 1.0)  # side of the photograph that a splice takes from, of the set's size
KINDS = ("photograph", "edited", "photograph", "generated")  # of a unit, in this order


def build_raw(
    out: Path,
    count: int,
    size: int = SIZE,
    seed: int = 0,
    progress: bool = True,
) -> None:
    """Writes `count` images, half of them real, into `out/real` and `out/fake`, with two tables.

    `out/groups.csv` has the columns path, group and edit ("generated", or the edits joined by "+");
    `out/params.csv` what every image was made from: `original` is the real that a fake is an edit
    of. `out/masks/fake/*.png` marks the pixels that the edits changed. The bytes depend on `count`,
    `size` and `seed`, and on the processor's vector instructions: with AVX-512 PyTorch rounds other
    pixels the other way than with AVX2. Interrupted, it goes on where it stopped; complete, it
    returns at once.
    Raises `UserError` for a count below 2, a size above the generator's or that cannot be rendered,
    or a folder that holds another set.
    """
    out, job = Path(out), {"count": count, "size": size, "set_seed": seed}
    if count < 2:
        raise UserError(f"count {count} is too small; a set needs one real and one fake at least")
    rendering.check_size(size)
    if size > SIZE:
        raise UserError(f"size {size} is too large: the generator makes {SIZE} px")
    if _complete(out, job):
        return
    parts = out / ".parts"
    _claim(parts, job | {"chunk": CHUNK})
    chunks = range(0, count, CHUNK * len(KINDS))
    workers = WORKERS if len(chunks) >= 2 * WORKERS else 1  # starting processes takes time too
    task = functools.partial(_chunk, out, chunk=CHUNK, **job)
    with runtime.progress(None, "synthetic photographs", len(chunks)) as bar:
        bar.disable = bar.disable or not progress
        for _ in in_parallel(task, chunks, workers):
            bar.update()
    _write_tables(out, [_part(parts, first) for first in chunks])
    files.remove_folder(parts)


_NOT_DRAWING = ("__init__", "face_finder", "self_blending")  # of faces/: no picture depends on them


@functools.cache
def version() -> str:
    """Changes when the pictures may: a hash of the code that draws them and of the weights."""
    digest = hashlib.sha256(stylegan.WEIGHTS.read_bytes())
    folder = Path(faces.__file__).parent
    drawing = sorted(path for path in folder.glob("*.py") if path.stem not in _NOT_DRAWING)
    for module in (*drawing, Path(images.__file__), Path(__file__)):
        digest.update(module.read_text(encoding="utf-8").encode())  # line ends are all the same
    return digest.hexdigest()[:12]


def _complete(out: Path, job: dict) -> bool:
    """True if `out` holds this set: groups.csv is written last."""
    if not (out / "groups.csv").is_file():
        return False
    numbers = dict.fromkeys(("size", "set_seed"), schemas.WHOLE)
    table = schemas.read_table(out / "params.csv", numbers, f"remove {out}, and it is made anew")
    if table.empty:
        raise UserError(f"{out / 'params.csv'} has no rows; remove {out}, and it is made anew")
    found = {"count": len(table)} | {name: int(table[name][0]) for name in ("size", "set_seed")}
    if found != job:
        raise UserError(f"{out} holds another set of synthetic faces; remove it or name another")
    return True


def _write_tables(out: Path, notes: list[Path]) -> None:
    """Step by step, so that memory does not grow with the set; groups.csv says that all is done."""
    columns = list(dict.fromkeys(key for row in _read(notes[0]) for key in row))
    for name, wanted in (("params", columns), ("groups", ["path", "group", "edit"])):
        half = out / f"{name}.part"
        with half.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, wanted, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            for note in notes:
                writer.writerows(_read(note))
        files.put_in_place(half, out / f"{name}.csv")


def _claim(parts: Path, job: dict) -> None:
    """Throws away the steps of an interrupted build of another set."""
    note = parts / "job.json"
    if not note.is_file() or _read(note) != job:
        shutil.rmtree(parts, ignore_errors=True)
        files.write_json(note, job)


def _read(note: Path) -> object:
    return schemas.read_json(note, object, f"remove {note.parent}, and its pictures are made anew")


def _part(parts: Path, first: int) -> Path:
    return parts / f"{first:07d}.json"


def _chunk(out: Path, first: int, chunk: int, count: int, size: int, set_seed: int) -> None:
    note = _part(out / ".parts", first)
    if note.exists() and all(_is_there(out / row["path"]) for row in _read(note)):
        return
    rows = []
    for start in range(first, min(first + chunk * len(KINDS), count), len(KINDS)):
        kinds = KINDS[: count - start]
        for image, mask, row in _unit(start // len(KINDS), kinds, size, set_seed):
            jpeg = encode_jpeg(image, row["quality"])
            files.write_bytes(
                out / row["path"], jpeg, durable=False
            )  # each would wait for the disk
            if mask is not None:
                files.write_bytes(out / mask_path(row["path"]), _png(mask), durable=False)
            rows.append(row)
    files.write_json(note, rows)


def _is_there(path: Path) -> bool:
    """A power cut may leave an image empty, or none."""
    return path.is_file() and path.stat().st_size > 0


def _png(mask: np.ndarray) -> bytes:
    return cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes()


def _unit(
    unit: int, kinds: Sequence[str], size: int, set_seed: int
) -> Iterator[tuple[Image.Image, np.ndarray | None, dict]]:
    """Yields (picture, mask of an edit, row of the tables) of the first images of a unit."""
    rng = np.random.default_rng([set_seed, unit])
    # what is drawn does not depend on how many images of the unit are wanted
    qualities = rng.integers(*QUALITIES, len(KINDS))
    seeds = [set_seed * 10**8 + 4 * unit + k for k in range(len(KINDS))]  # one a place
    original: tuple = ()
    for place, kind in enumerate(kinds):
        row = {"path": "", "group": f"p{unit:06d}", "edit": "", "original": "", "donor_seed": "",
               "strengths": "", "steps": "", "seed": seeds[place],
               "quality": int(qualities[place]), "size": size, "set_seed": set_seed}  # fmt: skip
        mask, look = None, {}
        if kind == "photograph":
            picture, look = _photograph(seeds[place], size)
            row |= {"path": f"real/{2 * unit + place // 2:06d}.jpg"}
            row |= {"group": f"p{2 * unit + place // 2:06d}"}
            original = original or (picture, look, row)
        elif kind == "edited":
            picture, mask, more = _edited(original[:2], rng, seeds[place], size)
            look = original[1]
            row |= {"path": f"fake/e{unit:06d}.jpg", "group": original[2]["group"]}
            row |= more | {"original": original[2]["path"], "seed": original[2]["seed"]}
        else:
            picture = _generated(seeds[place], size)
            row |= {"path": f"fake/g{unit:06d}.jpg", "group": f"g{unit:06d}", "edit": GENERATED}
        yield Image.fromarray(picture), mask, row | look


def _photograph(seed: int, size: int) -> tuple[np.ndarray, dict]:
    images, table = rendering.snapshots([seed], size)
    return images[0], table.astype(float).round(4).to_dict("records")[0]


def _edited(
    original: tuple[np.ndarray, dict], rng: np.random.Generator, donor_seed: int, size: int
) -> tuple[np.ndarray, np.ndarray, dict]:
    # found on another website, in another size: it has to be enlarged
    donor_size = max(64, round(size * rng.uniform(*DONOR_SHARE) / 2) * 2)

    @functools.cache  # a session that is repeated may ask again
    def donor() -> Donor:
        picture, look = _photograph(donor_seed, donor_size)
        return Donor(picture, Face.from_row(look))

    picture, look = original
    session = retouch(picture, Face.from_row(look), rng, donor)
    return (
        session.image,
        session.mask,
        {
            "edit": "+".join(session.edits),
            "steps": "; ".join(session.steps),
            "strengths": "+".join(f"{s:.3f}" for s in session.strengths),
            "donor_seed": donor_seed if "splice" in session.edits else "",
        },
    )


def _generated(seed: int, size: int) -> np.ndarray:
    image = stylegan.generate([seed])[0]
    if size == stylegan.SIZE:
        return image
    return np.array(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def mask_path(path: str) -> str:
    """Where the mask of an edited image lies, both relative to the folder of its source."""
    return f"masks/{path.removesuffix('.jpg')}.png"
