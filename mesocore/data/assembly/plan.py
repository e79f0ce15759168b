"""What is to be assembled: the inputs and the settings that decide every byte of a set.

A plan comes from folders or from a recipe. It can be made again from its own settings, on another
machine too; that is what shards and their merging stand on.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.core.files import printable
from mesocore.core.images import Preparation
from mesocore.data.assembly import recipe, splits
from mesocore.data.assembly.recipe import Collection, Recipe
from mesocore.data.sources import ciplab, overview, scanning
from mesocore.data.sources.scanning import Candidate, Retouch


@dataclass
class Plan:
    """`candidates` and `unlabelled` (origin, reason), sorted by origin; `settings` for JSON, and
    `found`: what the folders were taken to be (`Assembly.to_text` says it)."""

    candidates: list[Candidate]
    unlabelled: list[tuple[str, str]]
    settings: dict
    recipe: Recipe | None = None
    found: dict = field(default_factory=dict)


def of_folders(
    names: Mapping[Path, str],
    prep: Preparation,
    shares: tuple[float, float, float],
    seed: int,
    labels: Mapping[str, str] | None = None,
    group_by: str = "video",
    keep_splits: bool = False,
) -> Plan:
    """Everything in the folders, each under its name. Raises `UserError`."""
    scans = [scanning.scan(folder, name, labels, group_by) for folder, name in names.items()]
    candidates = sorted((c for s in scans for c in s.candidates), key=lambda c: c.origin)
    if len(scans) > 1 and all(len({c.label for c in s.candidates}) == 1 for s in scans):
        # reals and fakes as two sources: a video has the same name in both
        candidates = [
            replace(c, videos=tuple(v.removeprefix(f"{c.source}/") for v in c.videos))
            for c in candidates
        ]
    unlabelled = sorted(pair for s in scans for pair in s.unlabelled)
    overview.check_classes(scans, list(names))
    settings = {
        "preparation": prep.to_dict(),
        "split": list(shares),
        "seed": seed,
        "sources": dict(sorted((name, str(folder)) for folder, name in names.items())),
        "labels": dict(sorted((labels or {}).items())),
        "group_by": group_by,
        "keep_splits": keep_splits,
    }
    candidates, unlabelled = _distinct(candidates, unlabelled)
    return Plan(
        candidates, unlabelled, settings, found=overview.found(scans, candidates, keep_splits)
    )


def of_recipe(wanted: Recipe, folders: Mapping[str, Path]) -> Plan:
    """What the recipe draws from its collections, which lie in `folders`, by name."""
    drawn: list[Candidate] = []
    unlabelled: list[tuple[str, str]] = []
    for collection in wanted.sources:
        found, odd = _listed(collection, Path(folders[collection.name]))
        unlabelled += odd
        for label, quota in collection.quota.items():
            of_label = [c for c in found if c.label == label]
            drawn += _draw(of_label, quota, f"{wanted.seed}:quota")
    if wanted.edits:
        drawn = _with_edits(drawn, wanted)
    settings = {
        "preparation": wanted.preparation.to_dict(),
        "split": list(wanted.split),
        "seed": wanted.seed,
        "sources": {c.name: str(folders[c.name]) for c in wanted.sources},
        "recipe": {"name": wanted.name, "sha256": wanted.sha256, "text": wanted.text},
    }
    drawn, unlabelled = _distinct(sorted(drawn, key=lambda c: c.origin), sorted(unlabelled))
    return Plan(drawn, unlabelled, settings, wanted)


def _distinct(
    candidates: list[Candidate], unlabelled: list[tuple[str, str]]
) -> tuple[list[Candidate], list[tuple[str, str]]]:
    """All but the files whose printable origin another file has, which go to what is left out.

    candidates: sorted by origin, by which everything that is said of a file is found.
    """
    alike = {one.origin for one, other in pairwise(candidates) if one.origin == other.origin}
    reason = "two names that print alike; rename one"
    unlabelled = unlabelled + [(c.origin, reason) for c in candidates if c.origin in alike]
    return [c for c in candidates if c.origin not in alike], sorted(unlabelled)


def again(settings: dict, file: Path) -> Plan:
    """The plan that had these settings; `file` is where they stand. Raises `UserError`."""
    folders = {name: Path(folder) for name, folder in settings["sources"].items()}
    if "recipe" in settings:
        return of_recipe(recipe.parse(settings["recipe"]["text"], str(file)), folders)
    names = {folder: name for name, folder in folders.items()}
    prep = Preparation.from_dict(settings["preparation"])
    further = {key: settings.get(key) for key in ("labels", "group_by", "keep_splits")}
    missing = [key for key, value in further.items() if value is None]
    if missing:
        raise UserError(f"{file}: {missing[0]} is missing; remove its set and assemble it anew")
    try:
        shares = splits.check(tuple(settings["split"]))
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    return of_folders(names, prep, shares, settings["seed"], **further)


def check_places(folders: Sequence[Path], out: Path) -> None:
    """Raises `UserError` if `out` is a file, or overlaps with what is read."""
    for folder in folders:
        inside, around = (Path(os.path.realpath(place)) for place in (out, folder))
        if inside.is_relative_to(around) or around.is_relative_to(inside):
            raise UserError(f"--out {out} and the source {folder} overlap; choose another --out")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")


def _listed(collection: Collection, folder: Path) -> tuple[list[Candidate], list[tuple[str, str]]]:
    """The files in the collection's folders, and what is no file there."""
    found, odd = [], []
    for place in collection.folders:
        for entry in os.scandir(folder / place.path):
            origin = f"{collection.name}/{place.path}/{printable(entry.name)}"
            if entry.is_dir():
                odd.append((origin, "a folder where the recipe expects images"))
                continue
            edit = collection.fakes if place.label == "fake" else ""
            if edit == recipe.CIPLAB:
                edit = ciplab.edit(entry.name)
            found.append(Candidate(entry.path, place.label, collection.name, origin, edit=edit))
    return found, odd


def _draw(candidates: list[Candidate], number: int, seed: str) -> list[Candidate]:
    """`number` of them, drawn by hash: what is drawn depends on neither order nor machine."""

    def lot(candidate: Candidate) -> bytes:
        return hashlib.sha256(f"{seed}:{candidate.origin}".encode()).digest()

    return sorted(candidates, key=lot)[:number]


def _with_edits(drawn: list[Candidate], wanted: Recipe) -> list[Candidate]:
    """Adds an edit for each of `quota` reals.

    Each has a donor of its own. Edit, original and donor are one group: a part of a face must not
    be on both sides of a split either.
    """
    edits = wanted.edits
    reals = [c for c in drawn if c.source == edits.of and c.label == "real"]
    chosen = _draw(reals, 2 * edits.quota, f"{wanted.seed}:edits")
    groups, made = {}, []
    for original, donor in zip(chosen[: edits.quota], chosen[edits.quota :], strict=True):
        origin = f"{recipe.EDITS}/{original.origin}"
        groups |= {original.origin: origin, donor.origin: origin}
        made.append(Candidate(original.path, "fake", recipe.EDITS, origin, origin,
                              retouch=Retouch(donor.path, edits.face)))  # fmt: skip
    regrouped = [replace(c, group=groups[c.origin]) if c.origin in groups else c for c in drawn]
    return regrouped + made
