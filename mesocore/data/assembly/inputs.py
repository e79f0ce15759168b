"""Are the inputs of a complete set what they were when it was made?

The manifest and rejected.csv know their names and labels, originals.csv the content of those that
were accepted. `.cache/inputs.json` remembers their stamps (size and time), so that normally no file
has to be read; without it, or where a stamp has changed, content is compared.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from typing_extensions import TypedDict

from mesocore.core.errors import UserError
from mesocore.core.files import sha256_file, write_json
from mesocore.core.schemas import Sha256, parse_json
from mesocore.data.assembled_set import CACHE, INPUTS, AssembledSet
from mesocore.data.assembly import convert
from mesocore.data.assembly.plan import Plan
from mesocore.data.sources.scanning import Candidate


class Inputs(TypedDict):
    """`facts`: a digest of what tables and names say of all inputs; `stamps` by origin."""

    facts: Sha256
    stamps: dict[str, str]


def remember(plan: Plan, out: Path, stamps: Iterable[str]) -> None:
    """Writes the stamps that the plan's candidates had when they were converted, in their order."""
    origins = (candidate.origin for candidate in plan.candidates)
    _write(out, _facts(plan), dict(zip(origins, stamps, strict=True)))


def _write(out: Path, facts: str, stamps: dict[str, str]) -> None:
    write_json(out / CACHE / INPUTS, {"facts": facts, "stamps": stamps})


def check(plan: Plan, made: AssembledSet) -> None:
    """Raises `UserError` naming the first input that has changed since `made` was assembled."""
    accepted, rejected = made.rows(), made.rejected()
    before = dict(zip(rejected["origin"], rejected["label"], strict=True))
    before |= dict(zip(accepted["origin"], accepted["label"], strict=True))
    now = {origin: "" for origin, _ in plan.unlabelled} | {
        c.origin: c.label for c in plan.candidates
    }
    if len(now) != len(before):
        raise _stale(made, f"from {len(before)} files and the sources now have {len(now)}")
    for origin in sorted(now):
        if origin not in before:
            raise _stale(made, f"without {origin}, which the sources have now")
        if now[origin] != before[origin]:
            was, is_now = (label or "without a label" for label in (before[origin], now[origin]))
            raise _stale(made, f"with {origin} as {was}, and it is {is_now} now")
    _check_content(plan, made)


def _check_content(plan: Plan, made: AssembledSet) -> None:
    known, facts = _remembered(made.folder), _facts(plan)
    if known and known["facts"] != facts:
        raise _stale(made, "with other groups, videos, edits, splits or masks of its inputs than "
                           "their tables and names give now")  # fmt: skip
    before = known["stamps"] if known else {}
    stamps = {candidate.origin: convert.stamp(candidate) for candidate in plan.candidates}
    if known and stamps == before:
        return
    table = made.originals()
    originals: pd.Series = table.drop_duplicates("origin").set_index("origin")["original"]
    for candidate in plan.candidates:
        origin = candidate.origin
        if known and stamps[origin] == before.get(origin):
            continue
        if origin in originals:
            same = originals[origin] == _content(candidate)
        else:  # it was rejected: nobody knows what was in it
            same = origin not in before
        if not same:
            raise _stale(made, f"before {origin} was changed")
    with contextlib.suppress(OSError):  # a set that can only be read
        _write(made.folder, facts, stamps)


def _content(candidate: Candidate) -> str:
    """`original` of a journal's record; of an edit by its photograph, as its donor is an input."""
    try:
        original = sha256_file(Path(candidate.path))
    except OSError:
        return ""
    return convert.hash_of_edit(original) if candidate.retouch else original


def _remembered(folder: Path) -> Inputs | None:
    try:
        return parse_json((folder / CACHE / INPUTS).read_text(encoding="utf-8"), Inputs)
    except (OSError, ValueError):  # it is a cache: without it content is compared
        return None


def _facts(plan: Plan) -> str:
    """A digest of what decides groups and splits, and of masks."""
    digest = hashlib.sha256()
    for c in plan.candidates:
        facts = [c.origin, c.group, c.edit, c.videos, c.split, c.mask]
        digest.update(json.dumps(facts).encode())
    return digest.hexdigest()


def _stale(made: AssembledSet, how: str) -> UserError:
    return UserError(f"{made.folder} was assembled {how}; choose another --out or delete it")
