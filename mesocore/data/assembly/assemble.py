"""Sources -> verified, deduplicated, matched, group-split images with a manifest.

Pass 1 (`convert`) makes one matched JPEG per input, with a journal. Pass 2 (`finalise`) looks at
all of them together: exact duplicates, near-duplicates, groups, splits. `assembly.json` is written
last; a folder that has it is complete. Until then `.assembly/` holds the settings and the journals,
and the same call goes on where the last one stopped, to the same files byte for byte.

Pass 1 can be shared out: shard i of n converts every n-th input into the same folder, on any
machine that sees it, and `merge` does pass 2.
"""

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mesocore.core import files, parallel, runtime
from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.core.schemas import read_json
from mesocore.data.assembled_set import AssembledSet
from mesocore.data.assembly import convert, fetch, finalise, inputs, plan, splits
from mesocore.data.assembly.plan import Plan
from mesocore.data.assembly.recipe import Recipe
from mesocore.data.schemas import Settings
from mesocore.data.sources import overview
from mesocore.data.sources.scanning import source_names

_WORK = ".assembly"


@dataclass
class Assembly:
    """An assembled set. `counts` has inputs, accepted, rejected, reasons, groups and splits;
    `found` says what the sources were taken to be (overview.py)."""

    out: Path
    manifest: pd.DataFrame
    rejected: pd.DataFrame
    counts: dict
    found: dict
    already_complete: bool = False

    def to_text(self) -> str:
        """The summary for the terminal."""
        counts = self.counts
        lines = [f"{self.out}: already complete, nothing done"] if self.already_complete else []
        lines.append(
            f"inputs {counts['inputs']} = accepted {counts['accepted']} "
            f"+ rejected {counts['rejected']}; {counts['groups']} groups"
        )
        lines += [f"  {text}" for text in overview.lines(self.found)]
        lines += [f"  {number:7d} rejected: {text}" for text, number in counts["reasons"].items()]
        for name, labels in counts["splits"].items():
            shown = " ".join(f"{number:7d} {label}" for label, number in labels.items())
            lacks = "   (lacks a class: add images or change the shares)" * (0 in labels.values())
            lines.append(f"  {name:5s} {shown}{lacks}")
        return "\n".join(lines)


@dataclass
class Shard:
    """Shard `index` of `count` (from 1) of a set that is not complete yet."""

    out: Path
    index: int
    count: int
    inputs: int

    def to_text(self) -> str:
        """The summary for the terminal."""
        return (f"{self.out}: shard {self.index}/{self.count} is done, {self.inputs} inputs; when "
                f"all are done: mesocore merge {self.out}")  # fmt: skip


def assemble(
    sources: Sequence[Path],
    out: Path,
    size: int = 256,
    split: tuple[float, float, float] | str = (0.7, 0.1, 0.2),
    seed: int = 0,
    quality: int = 90,
    workers: int | None = None,
    progress: bool = True,
    native: bool = False,
    margin: float | None = None,
    shard: tuple[int, int] | None = None,
    labels: Mapping[str, str] | None = None,
    group_by: str = "video",
    keep_splits: bool = False,
) -> Assembly | Shard:
    """Assembles source folders into `out`; goes on with an interrupted run of the same settings.

    split: shares of train, val and test, as numbers or "0.7/0.1/0.2". workers: processes; by
    default one per core where there is enough to do. native: the middle `size` pixels are cut out
    instead of scaling the whole. margin: of `Preparation`; images without a face are rejected.
    shard: (i, n) does the i-th part of pass 1 and returns a `Shard`.
    labels: what folders' names or words in tables mean (`labels.parse_given`). group_by: "video" or
    "image". keep_splits: those of folders called train, val and test. Raises `UserError`.
    """
    if group_by not in ("video", "image"):
        raise UserError(f"--group-by {group_by!r} is unknown; choose video or image")
    shares = splits.parse(split) if isinstance(split, str) else splits.check(tuple(split))
    prep = _preparation(size, quality, native, margin)
    out = Path(os.path.abspath(out))
    names = source_names(list(sources))
    plan.check_places(list(names), out)
    whole = plan.of_folders(names, prep, shares, seed, labels, group_by, keep_splits)
    return _run(whole, out, workers, progress, shard)


def assemble_recipe(
    recipe: Recipe,
    out: Path,
    given: Mapping[str, Path] | None = None,
    workers: int | None = None,
    progress: bool = True,
    shard: tuple[int, int] | None = None,
) -> Assembly | Shard:
    """Obtains the collections of a recipe and assembles what it draws from them into `out`.

    given: folders or zips that are used instead of a download, by collection. Others as in
    `assemble`. Raises `UserError`.
    """
    out = Path(os.path.abspath(out))
    given = _begun_with(out) | dict(given or {})
    try:
        folders = {c.name: fetch.obtain(c, given, out) for c in recipe.sources}
    except OSError as error:
        raise UserError(_cannot_write(out, error)) from error
    plan.check_places(list(folders.values()), out)
    return _run(plan.of_recipe(recipe, folders), out, workers, progress, shard)


def merge(out: Path) -> Assembly:
    """Pass 2 over what shards have converted into `out`: the set that one run would have made.

    Raises `UserError` if `out` was not begun, or names the shards that are not done.
    """
    out = Path(os.path.abspath(out))
    if AssembledSet.exists(out):
        assembly = load(out)
        assembly.already_complete = True
        return assembly
    settings = out / _WORK / "settings.json"
    if not settings.exists():
        raise UserError(f"{out} holds no shards; begin with: mesocore assemble ... --shard 1/4")
    whole = plan.again(_begun(out), settings)
    try:
        left = convert.pending(whole.candidates, out, _journals(out))
        if left:
            raise UserError(
                f"{len(left)} of {len(whole.candidates)} inputs of {out} are not converted yet, "
                f"the first is {left[0].origin}; run the shards that are not done, then merge again"
            )
        return _finish(whole, out, None)
    except OSError as error:
        raise UserError(_cannot_write(out, error)) from error


def parse_shard(text: str) -> tuple[int, int]:
    """ "2/8" -> (2, 8). Raises `UserError`."""
    index, _, count = text.partition("/")
    whole = all(part.isascii() and part.isdecimal() and len(part) < 10 for part in (index, count))
    if not (whole and 1 <= int(index) <= int(count)):
        raise UserError(f"--shard {text!r} is no part of a whole; write 1/8 to 8/8 for eight parts")
    return int(index), int(count)


def load(out: Path) -> Assembly:
    """A complete assembled set from disk. Raises `UserError` if `out` is not one."""
    made = AssembledSet(out)
    return Assembly(made.folder, made.rows(), made.rejected(), made.about["counts"],
                    made.about.get("found", {}))  # fmt: skip


def _run(
    whole: Plan, out: Path, workers: int | None, progress: bool, shard: tuple[int, int] | None
) -> Assembly | Shard:
    try:
        if AssembledSet.exists(out):
            return _complete(out, whole)
        _open_work(out, whole.settings)
        index, count = shard or (1, 1)
        part = whole.candidates[index - 1 :: count]
        _convert(part, out, whole.settings, workers, progress, shard)
        if shard:
            return Shard(out, index, count, len(part))
        return _finish(whole, out, workers)
    except OSError as error:
        raise UserError(_cannot_write(out, error)) from error


def _begun_with(out: Path) -> dict[str, Path]:
    """The folders that a set was begun with: going on needs no network."""
    if AssembledSet.exists(out):
        return AssembledSet(out).sources
    begun = (out / _WORK / "settings.json").exists()
    sources = _begun(out)["sources"] if begun else {}
    return {name: Path(place) for name, place in sources.items()}


def _begun(out: Path) -> dict:
    """The settings that a set was begun with. Raises `UserError`."""
    fix = f"remove {out} and assemble it anew"
    return read_json(out / _WORK / "settings.json", Settings, fix)


def _finish(whole: Plan, out: Path, workers: int | None) -> Assembly:
    workers = workers or parallel.workers_for(len(whole.candidates))
    if hasattr(os, "sync"):  # Windows lacks it
        os.sync()  # a set that is complete is on the disk; each image by itself would take longer
    finalise.write_set(whole, out, _journals(out), workers)
    shutil.rmtree(out / _WORK)
    return load(out)


def _preparation(size: int, quality: int, native: bool, margin: float | None) -> Preparation:
    if size % 16 or size < 64:
        raise UserError(f"--size {size} is not a multiple of 16 from 64; write for example 256")
    try:
        return Preparation(size, "native" if native else "crop", quality=quality, margin=margin)
    except ValueError as error:
        raise UserError(str(error)) from None


def _complete(out: Path, whole: Plan) -> Assembly:
    made = AssembledSet(out)
    _same_settings(out, made.about, whole.settings)
    inputs.check(whole, made)
    shutil.rmtree(out / _WORK, ignore_errors=True)
    assembly = load(out)
    assembly.already_complete = True
    return assembly


def _same_settings(out: Path, written: dict, settings: dict) -> None:
    for key, value in settings.items():
        if written.get(key) == value:
            continue
        if key == "recipe":
            raise UserError(f"{out} was begun with another recipe, or another version of this one; "
                            "choose another --out or delete it")  # fmt: skip
        raise UserError(
            f"{out} was begun with {key} {written.get(key)}, not {value}; "
            "choose another --out, use the same settings, or delete it"
        )


def _open_work(out: Path, settings: dict) -> None:
    begun = out / _WORK / "settings.json"
    others = out.exists() and any(entry.name != _WORK for entry in out.iterdir())
    if begun.exists():  # looked at last: another shard may have begun in between
        _same_settings(out, _begun(out), settings)
    elif others:
        raise UserError(f"--out {out} is not empty; choose another folder or empty it")
    else:
        files.write_json(begun, settings)


def _journals(out: Path) -> list[Path]:
    return sorted((out / _WORK).glob("journal*.jsonl"))


def _convert(
    part: list,
    out: Path,
    settings: dict,
    workers: int | None,
    progress: bool,
    shard: tuple[int, int] | None,
) -> None:
    name = "journal-{}-of-{}.jsonl".format(*shard) if shard else "journal.jsonl"
    todo = convert.pending(part, out, _journals(out))
    workers = workers or parallel.workers_for(len(todo))
    prep = Preparation.from_dict(settings["preparation"])
    steps = convert.convert_all(todo, out, prep, out / _WORK / name, workers)
    with runtime.progress(None, "images", len(part)) as bar:
        bar.disable = bar.disable or not progress
        bar.update(len(part) - len(todo))
        for number in steps:
            bar.update(number)


def _cannot_write(out: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"the disk of {out} is full; make room and run the same command again to go on"
    reason = (error.strerror or str(error)).lower()
    return f"{error.filename or out} cannot be written: {reason}; fix that and run again to go on"
