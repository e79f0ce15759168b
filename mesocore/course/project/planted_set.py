"""The data of a case: two pictures each of `PERSONS` people, and what may be wrong with them."""

import functools
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mesocore.core.files import write_bytes
from mesocore.core.images import decode
from mesocore.course.project import pictures
from mesocore.data import AssembledSet
from mesocore.data.assembly import fingerprints

PEOPLE = {"train": 40, "val": 16, "test": 32}  # half of each are forged
LEAKED, COPIED = (3, 3), (2, 3)  # people, real and forged
RELABELLED = {"train": 6, "val": 2, "test": 4}  # forged people of whom one picture is called real
CARELESS = (70, 81)  # JPEG quality of the photographs where they are saved in another way
SOURCE = "drawn"


@dataclass
class Picture:
    """One row of the set. `person` counts from 0; `label` is the listed one."""

    person: int
    forged: bool
    label: str
    split: str
    saved: pictures.Saved

    @property
    def name(self) -> str:
        """Twenty digits that say nothing."""
        return hashlib.sha256(self.saved.matched).hexdigest()[:20]


@functools.lru_cache(maxsize=16)
def draw(seed: int, flaws: frozenset[str]) -> tuple[Picture, ...]:
    """The pictures of a case with these flaws of the data, in the order of their names."""
    rows = _clean(seed, "shortcut" in flaws)
    rng = np.random.default_rng([seed, 2])
    free = {(split, forged): [int(p) for p in rng.permutation(
                sorted({r.person for r in rows if r.split == split and r.forged == forged}))]
            for split in PEOPLE for forged in (False, True)}  # fmt: skip
    if "leak" in flaws:
        for forged, count in enumerate(LEAKED):
            for _ in range(count):
                _exchange(rows, *(free[split, bool(forged)].pop() for split in ("train", "test")))
    if "copies" in flaws:
        for forged, count in enumerate(COPIED):
            for _ in range(count):
                _copy(rows, *(free[s, bool(forged)].pop() for s in ("train", "test")), rng)
    if "labels" in flaws:
        for split, count in RELABELLED.items():
            for person in (free[split, True].pop() for _ in range(count)):
                _of(rows, person)[int(rng.integers(2))].label = "real"
    return tuple(sorted(rows, key=lambda row: row.name))


def _clean(seed: int, shortcut: bool) -> list[Picture]:
    rng = np.random.default_rng([seed, 1])
    people = iter(rng.permutation(sum(PEOPLE.values())).tolist())
    rows = []
    for split, count in PEOPLE.items():
        for place in range(count):
            person, forged = next(people), place % 2 == 1
            for mirrored in (False, True):
                image = pictures.shot(person, mirrored, rng)
                image = pictures.forge(image, rng) if forged else image
                qualities = CARELESS if shortcut and not forged else pictures.QUALITIES
                saved = pictures.save(image, int(rng.integers(*qualities)))
                label = "fake" if forged else "real"
                rows.append(Picture(person, forged, label, split, saved))
    return rows


def _of(rows: list[Picture], person: int) -> list[Picture]:
    return [row for row in rows if row.person == person]


def _exchange(rows: list[Picture], first: int, second: int) -> None:
    """One picture of each of two people changes places: both then stand in two splits."""
    here, there = _of(rows, first)[1], _of(rows, second)[1]
    here.split, there.split = there.split, here.split


def _copy(rows: list[Picture], first: int, second: int, rng: np.random.Generator) -> None:
    """The second person's pictures become near-copies of the first one's."""
    for copied, row in zip(_of(rows, first), _of(rows, second), strict=True):
        row.saved = pictures.near_copy(copied.saved.matched, rng)


def write(rows: Collection[Picture], folder: Path, seed: int) -> AssembledSet:
    """The assembled set of these pictures in `folder`. Names and groups say nothing."""
    for row in rows:
        write_bytes(folder / _path(row), row.saved.matched, durable=False)
    about = {"preparation": pictures.PREPARATION.to_dict(), "split": _shares(), "seed": 0,
             "sources": {SOURCE: SOURCE}}  # fmt: skip
    rejected = pd.DataFrame(columns=["origin", "label", "source", "reason"])
    return AssembledSet.write(
        folder, about, rejected=rejected, manifest=pd.DataFrame(_manifest(rows, seed)),
        originals=pd.DataFrame(_originals(rows)),
    )  # fmt: skip


def _path(row: Picture) -> str:
    return f"images/{row.label}/{row.name}.jpg"


def _shares() -> list[float]:
    people = sum(PEOPLE.values())
    return [round(count / people, 3) for count in PEOPLE.values()]


def _manifest(rows: Collection[Picture], seed: int) -> Iterator[dict]:
    for row in rows:
        group = hashlib.sha256(f"{seed} {row.person}".encode()).hexdigest()[:16]
        yield {
            "path": _path(row), "label": row.label, "source": SOURCE, "group": f"g{group}",
            "split": row.split, "sha256": hashlib.sha256(row.saved.matched).hexdigest(),
            "phash": fingerprints.measure(decode(row.saved.matched)[0])[0],
            "width": pictures.SIZE, "height": pictures.SIZE,
            "origin": f"{SOURCE}/{row.name}.jpg", "edit": "",
        }  # fmt: skip


def _originals(rows: Collection[Picture]) -> Iterator[dict]:
    for row in rows:
        facts = decode(row.saved.original)[1]
        digest = hashlib.sha256(row.saved.original).hexdigest()
        yield {"origin": f"{SOURCE}/{row.name}.jpg", **facts, "original": digest, "mask": ""}
