"""Which set a word or a path means: `synthfaces`, `150k`, or the folder of an assembled set."""

import sys
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.core.runtime import project_root
from mesocore.data.assembled_set import AssembledSet

EMBEDDED, EMBEDDED_COUNT = "synthfaces", 4800
EMBEDDED_SIZE, EMBEDDED_QUALITY = 128, 95  # pixels a side; of its one JPEG setting
FULL = "150k"  # the tier of the recipe 150k.yaml


def resolve(data: "str | Path | AssembledSet", count: int | None = None) -> AssembledSet:
    """The assembled set behind the word `synthfaces` or `150k`, or a path.

    `synthfaces` is built on first use and kept in `data/synthfaces` (`data/synthfaces-COUNT` for
    another `count` than 4,800); `count` means nothing for a path. Raises `UserError` if a path
    holds no assembled set.
    """
    if str(data) == EMBEDDED:
        return build_embedded(EMBEDDED_COUNT if count is None else count)
    if str(data) == FULL and not AssembledSet.exists(FULL):
        folder = project_root() / "data" / FULL
        if not AssembledSet.exists(folder):
            raise UserError(f"{FULL} is not built yet; data/README.md says what it takes: "
                            f"mesocore assemble {FULL}.yaml "
                            f"--out {folder}")  # fmt: skip
        return AssembledSet(folder)
    return AssembledSet(data)


def is_raw(data: "str | Path | AssembledSet") -> bool:
    """True for what is neither a tier's word nor an assembled set: a folder as somebody has it."""
    return str(data) not in (EMBEDDED, FULL) and not AssembledSet.or_raw(data)


def build_embedded(count: int) -> AssembledSet:
    """Makes and assembles the embedded set of `count` images, or finds it done.

    One that another version of the course made is set aside under a name of its own, not removed.
    """
    from mesocore.data import synthfaces  # late: it draws with torch, and paths need none of it
    from mesocore.data.assembly.assemble import assemble

    name = EMBEDDED if count == EMBEDDED_COUNT else f"{EMBEDDED}-{count}"
    out, wanted = project_root() / "data" / name, synthfaces.version()
    if AssembledSet.exists(out):
        made_by = AssembledSet(out).sources.get(EMBEDDED, Path()).parent.name
        if made_by == wanted:
            return AssembledSet(out)
        _set_aside(out, made_by)
    if AssembledSet.exists(aside := out.with_name(f"{name}-by-{wanted}")):
        aside.rename(out)
        return AssembledSet(out)
    raw = raw_source(EMBEDDED, out, count)
    assemble([raw], out, size=EMBEDDED_SIZE, quality=EMBEDDED_QUALITY)
    return AssembledSet(out)


def _set_aside(out: Path, version: str) -> None:
    aside = out.with_name(f"{out.name}-by-{version or 'another'}")
    if aside.exists():
        raise UserError(f"{out} was made by another version of the course, and {aside} is taken; "
                        f"remove one of the two")  # fmt: skip
    out.rename(aside)
    print(f"{out} was made by another version of the course; it is {aside.name} now",
          file=sys.stderr)  # fmt: skip


def raw_source(source: str, out: Path, count: int) -> Path:
    """The folder behind one source of an assembly.

    A path is that path. `synthfaces` is made beside `out`, in `OUT-raw/VERSION/synthfaces`.
    """
    if source != EMBEDDED:
        return Path(source)
    from mesocore.data import synthfaces

    raw = out.with_name(f"{out.name}-raw") / synthfaces.version() / EMBEDDED
    synthfaces.build_raw(raw, count=count)
    return raw


def tier(data: "str | Path | AssembledSet") -> str:
    """`synthfaces` for the embedded set and raw pictures of it, `150k` for what that recipe made,
    else `path`."""
    if not AssembledSet.exists(data):
        return EMBEDDED if Path(data).name == EMBEDDED else "path"
    about = AssembledSet(data).about
    if about.get("recipe", {}).get("name") == FULL:
        return FULL
    return EMBEDDED if list(about["sources"]) == [EMBEDDED] else "path"
