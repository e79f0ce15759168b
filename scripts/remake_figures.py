"""Every figure of the course anew: `make figures` or `python scripts/remake_figures.py [06 ...]`.

Runs the chapters, in full and on the embedded set, into build/figures/ (the notebooks stay as they
are); they write figures/NAME.png, NAME.pdf and figures/manifest.json. Then says what has changed,
and removes what no chapter makes any more. A second run changes nothing: the same inputs give the
same bytes on one machine, and trained networks are found again or trained to the same bits.
"""

import argparse
import json
import sys
from pathlib import Path

from course import ChapterError, choose, find_chapters, run_chapter

from mesocore.core.files import sha256_file, write_json
from mesocore.core.runtime import project_root

ROOT = project_root()
ENDINGS = (".png", ".pdf")


def hashes(folder: Path) -> dict[str, str]:
    """File name -> SHA-256 of everything in the folder."""
    return {path.name: sha256_file(path) for path in sorted(folder.glob("*")) if path.is_file()}


def read_manifest(folder: Path) -> dict:
    """figures/manifest.json: figure name -> its record."""
    file = folder / "manifest.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def remove_stale(folder: Path, chapters: set[str], made: set[str]) -> list[str]:
    """Removes figures of `chapters` that are not among `made`, and files that belong to none.

    A figure is in the manifest and has both endings. Returns the names of the files that are gone.
    """
    figures = read_manifest(folder)
    kept = {name: about for name, about in figures.items()
            if about["chapter"] not in chapters or name in made}  # fmt: skip
    if kept != figures:
        write_json(folder / "manifest.json", kept)
    gone = []
    for path in sorted(folder.glob("*")):
        if path.suffix in ENDINGS and path.stem not in kept:
            path.unlink()
            gone.append(path.name)
    return gone


def remake(wanted: list[Path], folder: Path, run=run_chapter) -> dict[str, list[str]]:
    """Runs the chapters and returns file names: `new`, `changed` and `gone`.

    Raises `ChapterError` if a chapter stops, or ends without one of the two files of a figure.
    """
    before = hashes(folder)
    made: set[str] = set()
    for number, source in enumerate(wanted, start=1):
        print(f"[{number}/{len(wanted)}] {source.stem} ...", flush=True)
        stamps = {path.name: path.stat().st_mtime_ns for path in folder.glob("*")}
        run(source, project_root() / "build" / "figures")
        written = [path for path in folder.glob("*")
                   if path.stat().st_mtime_ns != stamps.get(path.name)]  # fmt: skip
        made |= {path.stem for path in written if path.suffix in ENDINGS}
    for name in sorted(made):
        if not all((folder / (name + ending)).is_file() for ending in ENDINGS):
            raise ChapterError(
                f"figure {name} has no PNG or no PDF; save it with plots.save_figure"
            )
    gone = remove_stale(folder, {source.stem[:2] for source in wanted}, made)
    after = hashes(folder)
    return {"new": [name for name in after if name not in before],
            "changed": [name for name in after if name in before and after[name] != before[name]],
            "gone": gone}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("chapter", nargs="*", help="01, 02, ...; all unless given")
    wanted = choose(parser.parse_args().chapter, find_chapters())
    folder = ROOT / "figures"
    try:
        found = remake(wanted, folder)
    except ChapterError as error:
        print(f"figures: {error}", file=sys.stderr)
        return 1
    for what, names in found.items():
        print(f"{what}: {', '.join(names) or 'none'}")
    print(f"{len(read_manifest(folder))} figures in {folder.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
