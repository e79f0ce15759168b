"""Sources -> verified, deduplicated, matched, group-split images with a manifest.

Pass 1 (`convert`) makes one matched JPEG per input, with a journal. Pass 2 (`publish`) looks at all
of them together: exact duplicates, near-duplicates, groups, splits. `assembly.json` is written
last; a folder that has it is complete. Until then `.assembly/` holds the settings and the journal,
and the same call goes on where the last one stopped, to the same files byte for byte.
"""

import errno
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mesocore import convert, publish, runtime, splits
from mesocore.pixels import Preparation
from mesocore.runtime import UserError
from mesocore.sources import Candidate, scan, source_names

_WORK = ".assembly"
_PARALLEL_FROM = 200  # files; below it, starting processes costs more than it saves


@dataclass
class Assembly:
    """An assembled set. `counts` has inputs, accepted, rejected, reasons, groups and splits."""

    out: Path
    manifest: pd.DataFrame
    rejected: pd.DataFrame
    counts: dict
    already_complete: bool = False

    def to_text(self) -> str:
        """The summary for the terminal."""
        counts = self.counts
        lines = [f"{self.out}: already complete, nothing done"] if self.already_complete else []
        lines.append(
            f"inputs {counts['inputs']} = accepted {counts['accepted']} "
            f"+ rejected {counts['rejected']}; {counts['groups']} groups"
        )
        lines += [f"  {number:7d} rejected: {text}" for text, number in counts["reasons"].items()]
        for name, labels in counts["splits"].items():
            shown = " ".join(f"{number:7d} {label}" for label, number in labels.items())
            lacks = "   (lacks a class: add images or change the shares)" * (0 in labels.values())
            lines.append(f"  {name:5s} {shown}{lacks}")
        return "\n".join(lines)


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
) -> Assembly:
    """Assembles source folders into `out`; goes on with an interrupted run of the same settings.

    split: shares of train, val and test, as numbers or "0.7/0.1/0.2". workers: processes; by
    default one per core where there is enough to do. native: the middle `size` pixels are cut out
    instead of scaling the whole. Raises `UserError`.
    """
    shares = splits.parse(split) if isinstance(split, str) else splits.check(tuple(split))
    prep = _preparation(size, quality, native)
    out = Path(os.path.abspath(out))
    names = source_names(list(sources))
    _check_places(list(names), out)
    scans = [scan(folder, name) for folder, name in names.items()]
    candidates = sorted((c for s in scans for c in s.candidates), key=lambda c: c.origin)
    unlabelled = sorted(pair for s in scans for pair in s.unlabelled)
    _check_classes({c.label for c in candidates}, list(names), len(unlabelled))
    settings = {
        "preparation": prep.to_dict(),
        "split": list(shares),
        "seed": seed,
        "sources": {name: str(folder) for folder, name in names.items()},
    }
    settings["sources"] = dict(sorted(settings["sources"].items()))
    try:
        if (out / "assembly.json").exists():
            return _complete(out, settings, len(candidates) + len(unlabelled))
        _open_work(out, settings)
        _convert(candidates, out, prep, workers, progress)
        journal = out / _WORK / "journal.jsonl"
        publish.publish(candidates, unlabelled, out, settings, journal)
        shutil.rmtree(out / _WORK)
        return load(out)
    except OSError as error:
        raise UserError(_cannot_write(out, error)) from error


def load(out: Path) -> Assembly:
    """A complete assembled set from disk. Raises `UserError` if `out` is not one."""
    out = Path(out)
    if not (out / "assembly.json").exists():
        raise UserError(f"{out} is not an assembled set; make one with: mesocore assemble")
    return Assembly(
        out,
        pd.read_csv(out / "manifest.csv", keep_default_na=False, dtype={"phash": str}),
        pd.read_csv(out / "rejected.csv", keep_default_na=False),
        json.loads((out / "assembly.json").read_text())["counts"],
    )


def _preparation(size: int, quality: int, native: bool) -> Preparation:
    if size % 16 or size < 64:
        raise UserError(f"--size {size} is not a multiple of 16 from 64; write for example 256")
    try:
        return Preparation(size, "native" if native else "crop", quality=quality)
    except ValueError as error:
        raise UserError(str(error)) from None


def _check_places(folders: list[Path], out: Path) -> None:
    for folder in folders:
        inside, around = out.resolve(), folder.resolve()
        if inside.is_relative_to(around) or around.is_relative_to(inside):
            raise UserError(f"--out {out} and the source {folder} overlap; choose another --out")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")


def _check_classes(labels: set[str], folders: list[Path], unlabelled: int) -> None:
    for label in ("real", "fake"):
        if label not in labels:
            places = ", ".join(map(str, folders))
            more = f" ({unlabelled} files without a label)" if unlabelled else ""
            raise UserError(f"no {label} image in {places}{more}; put them into a folder {label}/")


def _complete(out: Path, settings: dict, inputs: int) -> Assembly:
    written = json.loads((out / "assembly.json").read_text())
    _same_settings(out, {key: written[key] for key in settings}, settings)
    if written["counts"]["inputs"] != inputs:
        raise UserError(
            f"{out} was assembled from {written['counts']['inputs']} files and the sources now "
            f"have {inputs}; choose another --out or delete it"
        )
    shutil.rmtree(out / _WORK, ignore_errors=True)
    assembly = load(out)
    assembly.already_complete = True
    return assembly


def _same_settings(out: Path, written: dict, settings: dict) -> None:
    for key, value in settings.items():
        if written.get(key) != value:
            raise UserError(
                f"{out} was begun with {key} {written.get(key)}, not {value}; "
                "choose another --out, use the same settings, or delete it"
            )


def _open_work(out: Path, settings: dict) -> None:
    begun = out / _WORK / "settings.json"
    if begun.exists():
        _same_settings(out, json.loads(begun.read_text()), settings)
    elif out.exists() and any(entry.name != _WORK for entry in out.iterdir()):
        raise UserError(f"--out {out} is not empty; choose another folder or empty it")
    else:
        runtime.write_json(begun, settings)


def _convert(
    candidates: list[Candidate], out: Path, prep: Preparation, workers: int | None, progress: bool
) -> None:
    journal = out / _WORK / "journal.jsonl"
    todo = convert.pending(candidates, out, journal)
    if workers is None:
        workers = (os.cpu_count() or 1) if len(todo) >= _PARALLEL_FROM else 1
    steps = convert.convert_all(todo, out, prep, journal, workers)
    with runtime.progress(None, "images", len(candidates)) as bar:
        bar.disable = bar.disable or not progress
        bar.update(len(candidates) - len(todo))
        for number in steps:
            bar.update(number)


def _cannot_write(out: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"the disk of {out} is full; make room and run the same command again to go on"
    reason = (error.strerror or str(error)).lower()
    return f"{error.filename or out} cannot be written: {reason}; mend that and run again to go on"
