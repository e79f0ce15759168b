"""The embedded set before assembly: synthetic photographs, and edits of them.

Images come in groups of one real and one fake. Two photographs belong to a group and no other: one
is the real; the fake is an edit of it or of the other, and a splice takes from the one that it
does not edit. So nothing of a fake is found in another group. Real or fake, a file has been a
camera's JPEG and was saved once more, with qualities drawn alike: what the classes differ in is
the edit alone.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from mesocore import retouch, runtime, synthfaces
from mesocore.pixels import encode_jpeg
from mesocore.retouch import Edited, Face
from mesocore.runtime import UserError

WORKERS = 2
CHUNK = 20  # groups in a step that is redone after an interruption
QUALITIES = (70, 96)  # of both saves, the upper end left out
# how often an edit comes first, and how often another follows it
EDITS = {"splice": 0.45, "liquify": 0.20, "heal": 0.15, "smooth": 0.20}
SECOND = 0.4
STRENGTH = (0.6, 1.0)
# an edit changes at least this share of the pixels by this many grey levels, or is drawn again:
# with less, the label says "fake" of what nobody could tell from the original
LEAST_SHARE, LEAST_CHANGE = 0.005, 6


def build_raw(
    out: Path, count: int = 2400, size: int = 256, seed: int = 0, progress: bool = True
) -> None:
    """Writes `count` images, half of them real, into `out/real` and `out/fake`, with two tables.

    `out/groups.csv` has the columns path, group and edit, `out/params.csv` what every image was
    made from: `original` is the real that a fake is an edit of, empty if that photograph is not in
    the set. The bytes depend on `count`, `size` and `seed` only. Interrupted, it goes on where it
    stopped; complete, it returns at once. Raises `UserError` for a count below 2, a size that
    cannot be rendered, or a folder that holds another set.
    """
    out, job = Path(out), {"count": count, "size": size, "set_seed": seed}
    if count < 2:
        raise UserError(f"count {count} is too small; a set needs one real and one fake at least")
    synthfaces.check_size(size)
    if _complete(out, job):
        return
    parts = out / ".parts"
    _claim(parts, job | {"chunk": CHUNK})
    chunks = range(0, (count + 1) // 2, CHUNK)
    if len(chunks) < 2 * WORKERS:  # starting processes would take longer
        for first in runtime.progress(chunks, "synthetic photographs") if progress else chunks:
            _chunk(out, first, CHUNK, **job)
    else:
        _in_processes(out, len(chunks), job, progress)
    rows = [row for first in chunks for row in json.loads(_part(parts, first).read_text())]
    table = pd.DataFrame(rows)
    runtime.write_text(out / "params.csv", table.to_csv(index=False))
    columns = ["path", "group", "edit"]
    runtime.write_text(out / "groups.csv", table[columns].to_csv(index=False))
    shutil.rmtree(parts)


def _complete(out: Path, job: dict) -> bool:
    """True if `out` holds this set: groups.csv is written last."""
    if not (out / "groups.csv").is_file():
        return False
    table = pd.read_csv(out / "params.csv")
    found = {"count": len(table)} | {name: int(table[name][0]) for name in ("size", "set_seed")}
    if found != job:
        raise UserError(f"{out} holds another set of synthetic faces; remove it or name another")
    return True


def _claim(parts: Path, job: dict) -> None:
    """Throws away the steps of an interrupted build of another set."""
    note = parts / "job.json"
    if not note.is_file() or json.loads(note.read_text()) != job:
        shutil.rmtree(parts, ignore_errors=True)
        runtime.write_json(note, job)


def _part(parts: Path, first: int) -> Path:
    return parts / f"{first:07d}.json"


def _in_processes(out: Path, steps: int, job: dict, progress: bool) -> None:
    """Shares the chunks among processes.

    Programs rather than `multiprocessing`, which would import the caller's main script again.
    """
    task = [sys.executable, "-m", "mesocore.embedded", str(out), json.dumps(job), str(CHUNK)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen([*task, str(k)], env=environment, stderr=subprocess.PIPE, text=True)
        for k in range(WORKERS)
    ]
    bar = runtime.progress([], "synthetic photographs", steps) if progress else None
    try:
        while any(worker.poll() is None for worker in workers):
            time.sleep(0.2)
            if bar is not None:
                bar.update(len(list((out / ".parts").glob("0*.json"))) - bar.n)
            if any(worker.poll() for worker in workers):
                break
    finally:
        if bar is not None:
            bar.close()
        for worker in workers:
            worker.terminate()
        errors = [worker.communicate()[1] for worker in workers]
    if any(worker.returncode for worker in workers):
        raise RuntimeError("a process that renders failed:\n" + "\n".join(filter(None, errors)))


def _work(out: Path, job: dict, chunk: int, worker: int) -> None:
    torch.set_num_threads(1)
    parent = os.getppid()
    chunks = range(0, (job["count"] + 1) // 2, chunk)
    for first in chunks[worker::WORKERS]:
        if os.getppid() != parent:  # killed: its successor starts workers of its own
            return
        _chunk(out, first, chunk, **job)


def _chunk(out: Path, first: int, chunk: int, count: int, size: int, set_seed: int) -> None:
    note = _part(out / ".parts", first)
    if note.exists():
        return
    rows = []
    for group in range(first, min(first + chunk, (count + 1) // 2)):
        for image, row in _group(group, size, set_seed, with_fake=2 * group + 1 < count):
            runtime.write_bytes(out / row["path"], encode_jpeg(image, row["quality"]))
            rows.append(row)
    runtime.write_json(note, rows)


def _group(
    group: int, size: int, set_seed: int, with_fake: bool
) -> Iterable[tuple[Image.Image, dict]]:
    """Yields (picture, row of the tables) of the group's real and its fake."""
    rng = np.random.default_rng([set_seed, group])
    seeds = [set_seed * 10**8 + 2 * group + k for k in range(2)]
    camera_qualities, quality = rng.integers(*QUALITIES, 2), int(rng.integers(*QUALITIES))
    edited = int(rng.integers(2))
    first, second = rng.choice(list(EDITS), 2, replace=False, p=list(EDITS.values()))
    names = [first, second] if rng.random() < SECOND else [first]
    used = [0, 1] if with_fake and (edited or "splice" in names) else [0]
    photographs, table = synthfaces.render([seeds[k] for k in used], size)
    pictures = [_camera_jpeg(photographs[k], camera_qualities[k]) for k in used]
    looks = table.astype(float).round(4).to_dict("records")

    def row(label: str, k: int, **more) -> dict:
        return {"path": f"{label}/{group:06d}.jpg", "group": f"{group:06d}", "edit": "",
                "original": "", "donor_seed": "", "strengths": "", "steps": "", "seed": seeds[k],
                "quality": quality, "camera_quality": int(camera_qualities[k]), "size": size,
                "set_seed": set_seed, **more, **looks[k]}  # fmt: skip

    yield Image.fromarray(pictures[0]), row("real", 0)
    if with_fake:
        faces = [Face.from_row(look) for look in looks]
        donor = 1 - edited
        result, strengths = _edit(rng, names, pictures, faces, edited)
        while not _visible(result.image, pictures[edited]):
            result, strengths = _edit(rng, names, pictures, faces, edited)
        more = {"edit": "+".join(names), "steps": "; ".join(result.steps)}
        more["strengths"] = "+".join(f"{s:.3f}" for s in strengths)
        more["original"] = "" if edited else f"real/{group:06d}.jpg"
        more["donor_seed"] = seeds[donor] if "splice" in names else ""
        yield Image.fromarray(result.image), row("fake", edited, **more)


def _camera_jpeg(photograph: torch.Tensor, quality: int) -> np.ndarray:
    image = Image.fromarray(photograph.permute(1, 2, 0).contiguous().numpy())
    return np.array(Image.open(io.BytesIO(encode_jpeg(image, int(quality)))))


def _edit(
    rng: np.random.Generator, names: list, pictures: list, faces: list, edited: int
) -> tuple[Edited, list[float]]:
    image, face = pictures[edited], faces[edited]
    result, strengths, steps = Edited(image, np.zeros(image.shape[:2], bool), []), [], []
    for name in names:
        seed, strength = int(rng.integers(2**31)), float(rng.uniform(*STRENGTH))
        if name == "splice":
            part = str(rng.choice(retouch.PARTS))
            donor = 1 - edited
            result = retouch.splice(result.image, pictures[donor], part, face, faces[donor],
                                    strength, seed)  # fmt: skip
        else:
            result = getattr(retouch, name)(result.image, face, strength, seed)
        strengths.append(strength)
        steps += result.steps
    return Edited(result.image, (result.image != image).any(axis=2), steps), strengths


def _visible(edited: np.ndarray, original: np.ndarray) -> bool:
    change = np.abs(edited.astype(np.int16) - original).max(axis=2)
    return (change >= LEAST_CHANGE).mean() >= LEAST_SHARE


if __name__ == "__main__":
    _work(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
