"""The commands that make data sets and look into them."""

from pathlib import Path
from typing import Annotated

import typer

from mesocore.core.errors import UserError
from mesocore.core.files import write_json
from mesocore.core.runtime import command_line, environment
from mesocore.data import synthfaces, tiers
from mesocore.data.assembly import assemble as assembling
from mesocore.data.assembly import fetch, recipe
from mesocore.data.auditing import audit as auditing


def assemble(
    source: Annotated[
        list[str],
        typer.Argument(
            help="folders with real/ and fake/ at any depth, the word synthfaces, or a recipe.yaml"
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="the assembled set's folder; new, empty, or one to resume")
    ],
    size: Annotated[
        int | None, typer.Option(help="pixels a side  [default: 256; with synthfaces 128]")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="shares of train/val/test  [default: 0.7/0.1/0.2]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="decides which group goes to which split  [default: 0]")
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(help="JPEG quality of both classes  [default: 90; with synthfaces 95]"),
    ] = None,
    count: Annotated[int, typer.Option(help="images of synthfaces")] = tiers.EMBEDDED_COUNT,
    native: Annotated[
        bool, typer.Option("--native", help="cut the middle out instead of scaling the whole")
    ] = False,
    have: Annotated[
        list[str] | None,
        typer.Option("--source", help="NAME=FOLDER or NAME=FILE.zip: a recipe's source, on disk"),
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="do part i/n of the work; then: mesocore merge")
    ] = None,
) -> None:
    """Verify, match, deduplicate and split images into a training set."""
    part = assembling.parse_shard(shard) if shard else None
    if source[0].endswith((".yaml", ".yml")):
        decided = (size, split, seed, quality, native or None)
        if len(source) > 1 or any(value is not None for value in decided):
            raise UserError(f"{source[0]} decides sources, size, split, seed and quality; give it "
                            "alone, or write a recipe of your own")  # fmt: skip
        wanted = recipe.read(Path(source[0]))
        given = fetch.parse_given(have or [], [c.name for c in wanted.sources])
        print(assembling.assemble_recipe(wanted, out, given, shard=part).to_text())
        return
    own = tiers.EMBEDDED in source
    if have or (own and part):
        raise UserError("--source goes with a recipe.yaml" if have else
                        "synthfaces is made by one machine; leave out --shard")  # fmt: skip
    size = size or (synthfaces.SIZE if own else 256)
    quality = quality or (synthfaces.QUALITY if own else 90)
    folders = [tiers.raw_source(item, out, count) for item in source]
    done = assembling.assemble(
        folders, out, size, split or "0.7/0.1/0.2", seed or 0, quality, native=native, shard=part
    )
    print(done.to_text())


def merge(
    out: Annotated[Path, typer.Argument(help="the folder into which all shards were assembled")],
) -> None:
    """Finish a set whose shards are all done; the result is that of one run."""
    print(assembling.merge(out).to_text())


def audit(
    folder: Annotated[Path, typer.Argument(help="an assembled set, or a raw real/fake folder")],
    json_file: Annotated[Path | None, typer.Option("--json", help="write the report here")] = None,
) -> None:
    """Look for shortcuts and leaks. Exit status: 0 none, 4 shortcut, 8 leak, 12 both."""
    report = auditing.audit(folder)
    print(report.to_text())
    if json_file:
        made = {"environment": environment(), "command": command_line()}
        write_json(json_file, report.to_dict() | made)
    raise typer.Exit(report.exit_code)
