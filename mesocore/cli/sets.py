"""Commands that make sets of images, and doubt them."""

from typing import Annotated

import typer

from mesocore.cli import options
from mesocore.cli.application import app
from mesocore.core import outputs
from mesocore.core.errors import UserError
from mesocore.core.ranges import COUNT, SEED, Range
from mesocore.core.terminal import say as print

SPLIT = "0.7/0.1/0.2"


@app.command()
def assemble(
    source: options.text(
        "SOURCE...",
        "folders with real/ and fake/ at any depth, the word synthfaces, or a recipe: your own "
        "FILE.yaml, or 150k.yaml, mini.yaml or openforensics.yaml, which come with the package",
        many=True,
    ),
    out: options.folder("--out", "the set's folder: new, empty, or one to resume"),
    size: options.number(
        "--size", "pixels a side (default: 256; with synthfaces 128)", Range(int, 64, 4096)
    ) = None,
    split: options.text("--split", f"shares of train/val/test (default: {SPLIT})") = None,
    seed: options.number(
        "--seed", "decides which group goes to which split (default: 0)", SEED
    ) = None,
    quality: options.number(
        "--quality",
        "JPEG quality of both classes (default: 90; with synthfaces 95)",
        Range(int, 1, 95),
    ) = None,
    count: options.number(
        "--count", "images of synthfaces (default: 4800)", Range(int, 2, COUNT.most)
    ) = None,
    native: Annotated[bool, typer.Option("--native", help="cut the middle out, unscaled")] = False,
    margin: options.FaceMargin = None,
    have: options.text(
        "--source", "NAME=FOLDER or NAME=FILE.zip: a recipe's source, on disk", many=True
    ) = None,
    shard: options.text("--shard", "do part i/n of the work; then: mesocore merge") = None,
    label: options.Labels = None,
    group_by: options.text(
        "--group-by", "video: frames of one stay together; image: all are independent"
    ) = "video",
    keep_splits: Annotated[
        bool, typer.Option("--keep-splits", help="those of folders called train, val and test")
    ] = False,
) -> None:
    """Verify, match, deduplicate and split images into a training set."""
    from mesocore.data import tiers
    from mesocore.data.assembly import assemble as assembly
    from mesocore.data.assembly import fetch, recipe
    from mesocore.data.sources import labels

    part = None if shard is None else assembly.parse_shard(shard)
    if source[0].endswith((".yaml", ".yml")):
        decided = (size, split, seed, quality, count, margin, label)
        if len(source) > 1 or native or keep_splits or any(v is not None for v in decided):
            raise UserError(f"{source[0]} decides sources, size, split, seed and quality; give it "
                            "alone, or write a recipe of your own")  # fmt: skip
        wanted = recipe.read(recipe.find(source[0]))
        given = fetch.parse_given(have or [], [c.name for c in wanted.sources])
        print(assembly.assemble_recipe(wanted, out, given, shard=part).to_text())
        return
    own = tiers.EMBEDDED in source
    if have or (own and part):
        raise UserError("--source goes with a recipe.yaml" if have else
                        "synthfaces is made by one machine; leave out --shard")  # fmt: skip
    if count is not None and not own:
        raise UserError("--count goes with synthfaces; of folders all images are taken")
    defaults = {"size": tiers.EMBEDDED_SIZE if own else 256, "split": SPLIT, "seed": 0,
                "quality": tiers.EMBEDDED_QUALITY if own else 90,
                "count": tiers.EMBEDDED_COUNT}  # fmt: skip
    given = {"size": size, "split": split, "seed": seed, "quality": quality, "count": count}
    chosen = defaults | {name: value for name, value in given.items() if value is not None}
    done = assembly.assemble(
        [tiers.raw_source(item, out, chosen["count"]) for item in source], out, chosen["size"],
        chosen["split"], chosen["seed"], chosen["quality"], native=native, margin=margin,
        shard=part, labels=labels.parse_given(label or []), group_by=group_by,
        keep_splits=keep_splits,
    )  # fmt: skip
    print(done.to_text())


@app.command()
def merge(
    out: options.folder("OUT", "the folder into which all shards were assembled"),
) -> None:
    """Finish a set whose shards are all done; the result is that of one run."""
    from mesocore.data.assembly import assemble as assembly

    print(assembly.merge(out).to_text())


@app.command()
def audit(
    folder: options.path("FOLDER", "an assembled set, or a raw real/fake folder"),
    label: options.Labels = None,
    json_file: options.Record = None,
) -> None:
    """Look for shortcuts and leaks. Exit status: 0 none, 4 shortcut, 8 leak, 12 both."""
    from mesocore import data
    from mesocore.core import runtime
    from mesocore.data.sources import labels

    outputs.check({"--json": json_file}, [folder])
    runtime.setup()
    report = data.audit(folder, labels=labels.parse_given(label or []))
    print(report.to_text(), file=outputs.summary_stream(json_file))
    if json_file is not None:
        made = {"environment": runtime.environment(), "command": runtime.command_line()}
        outputs.write_json(json_file, report.to_dict() | made)
    raise typer.Exit(report.exit_code)
