"""The command line: thin commands over the package, one line for a user's mistake.

What a command works with is imported when it runs: `--help` must answer at once, and `predict` must
not wait for what trains.
"""

import inspect
import sys
from pathlib import Path
from typing import Annotated

import typer

from mesocore import options
from mesocore.core import outputs, terminal
from mesocore.core.errors import UserError
from mesocore.core.ranges import COUNT, SEED, SHARE, Range
from mesocore.core.terminal import say as print
from mesocore.training.config import TrainConfig

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Face-forgery detection with MesoNet. MESO_THREADS sets the thread count (default 2). "
    + terminal.STATUSES,
)
SPLIT = "0.7/0.1/0.2"


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit status; a user's mistake is one line and status 2.

    `arguments`: those after `mesocore`; of this process unless given.
    """
    return terminal.run(
        "mesocore", lambda: _command(sys.argv[1:] if arguments is None else arguments)
    )


def _command(arguments: list[str]) -> int:
    from mesocore.core.runtime import threads

    terminal.setup()
    threads()
    group = typer.main.get_command(app)
    usage_error = typer.BadParameter.__base__  # of click, or of the copy of it in typer
    try:
        with group.make_context("mesocore", list(arguments) or ["--help"]) as context:
            group.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except usage_error as error:
        about = error.ctx.command_path if error.ctx else "mesocore"
        said = " ".join(error.format_message().split())
        raise UserError(f"{said.rstrip('.')}; see {about} --help") from None
    return 0


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


def train(model: str, out: Path, resume: bool, **settings: object) -> None:
    """Train a model; the best epoch by validation ROC AUC is what the run keeps.

    On several devices: torchrun --nproc-per-node N -m mesocore train ..., or accelerate launch.
    """
    from mesocore.training import distributed, trainer

    history = trainer.train(TrainConfig(model, **settings), out, resume)
    if not distributed.is_main_process():
        return
    best = history.loc[history["val_roc_auc"].idxmax()]
    print(f"{out}: best of {len(history)} epochs is {best['epoch']:.0f}, "
          f"validation ROC AUC {best['val_roc_auc']:.4f}")  # fmt: skip


train.__signature__ = inspect.Signature(options.of_training())
app.command()(train)


@app.command()
def prune(
    run: options.path("RUN", "the run to prune; it is not changed"),
    amount: options.number("--amount", "share of the weights", SHARE),
    data: options.Set,
    out: options.folder("--out", "the pruned run's folder"),
    method: options.text("--method", "global, layerwise, random or structured") = "global",
    epochs: options.number("--epochs", "of fine-tuning under the masks", COUNT) = 5,
    seed: options.number("--seed", "of order, augmentation and `random`", SEED) = 0,
    resume: options.Resume = False,
) -> None:
    """Mask the smallest weights, fine-tune under the masks, and say what is left."""
    from mesocore.nets import load_detector, pruning
    from mesocore.training import trainer

    changes = {"prune": amount, "prune_method": method, "seed": seed}
    history = trainer.train(trainer.fine_tuning_config(run, data, epochs, **changes), out, resume)
    before, after = load_detector(run), load_detector(out)
    zeros = pruning.sparsity(after.model).loc["all"]
    print(f"{out}: {zeros['zeros']:.0f} of {zeros['weights']:.0f} weights are zero "
          f"({zeros['share']:.1%}, {method})")  # fmt: skip
    print(f"validation ROC AUC {history['val_roc_auc'].max():.4f}, "
          f"before {before.description['best']['val_roc_auc']:.4f}")  # fmt: skip
    old = pruning.sizes(before.model)
    for name, value in pruning.sizes(after.model).items():
        print(f"bytes, {name}: {value:,}, before {old[name]:,}")


@app.command()
def ensemble(
    runs: options.path("RUN...", "runs that differ in their seed alone", many=True),
    data: options.text("--data", "the set that they learnt from"),
    out: options.folder("--out", "the ensemble's folder, a run like any other"),
) -> None:
    """Put several seeds of a model together: the mean of their logits is one detector."""
    from mesocore.core.runtime import setup
    from mesocore.nets import load_detector
    from mesocore.training import ensembles

    setup()
    made = ensembles.save_ensemble(runs, data, out)
    each = [load_detector(run).description["best"]["val_roc_auc"] for run in runs]
    print(f"{out}: {made.description['config']['model']}, validation ROC AUC "
          f"{made.description['best']['val_roc_auc']:.4f}; its members': "
          f"{', '.join(f'{value:.4f}' for value in each)}")  # fmt: skip


@app.command()
def evaluate(
    runs: options.path("RUN...", "a run, Keras' .h5 or .keras; or seeds", many=True),
    data: options.text("--data", "an assembled set, a raw real/fake folder, synthfaces"),
    split: options.text(
        "--split", "test, val, train or all (default: test, if there is one)"
    ) = None,
    outside: options.text("--outside", "another set or folder, measured too") = None,
    label: options.Labels = None,
    json_file: options.Record = None,
    card_file: options.Card = None,
    fake_class: options.FakeClass = None,
    robustness: options.Robustness = False,
) -> None:
    """Measure a model, each metric with a 95 % interval; of several seeds the mean.

    --robustness compresses, blurs, scales and crops the images of --outside (or of --data), which
    takes some 30 times as long.
    """
    from mesocore.core import runtime
    from mesocore.data.sources import labels
    from mesocore.evaluation import records
    from mesocore.evaluation.cards import model_card
    from mesocore.nets import load_detector

    read = [*runs, data] if outside is None else [*runs, data, outside]
    outputs.check({"--json": json_file, "--card": card_file}, read)
    runtime.setup()
    detectors = [load_detector(run, fake_class) for run in runs]
    given = labels.parse_given(label or [])
    record = records.evaluate(detectors, data, split, outside, given, robustness)
    print(records.summary(record), file=outputs.summary_stream(json_file, card_file))
    if json_file is not None:
        outputs.write_json(json_file, record)
    if card_file is not None:
        found = model_card.findings(detectors, data, record["data"]["split"], outside)
        outputs.write_text(card_file, model_card.render(record, detectors[0], found))


@app.command()
def predict(
    run: options.path("RUN", "a run's folder, or Keras' .h5 or .keras"),
    paths: options.text("PATH...", "images, globs, folders: all their files", many=True),
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="comma-separated, with a header")] = False,
    fake_class: options.FakeClass = None,
    no_crop: options.NoCrop = False,
) -> None:
    """Call each face in images real, fake or unsure, one line a face.

    Exit status: 0 all were judged, 1 some could not be, and those of mesocore --help.
    """
    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other; choose one")
    from mesocore.core.runtime import setup
    from mesocore.evaluation import prediction
    from mesocore.nets.detector import load_detector

    setup()
    verdicts = prediction.predict(load_detector(run, fake_class), paths, not no_crop)
    failed = prediction.show(verdicts, "json" if as_json else "csv" if as_csv else "text")
    raise typer.Exit(1 if failed else 0)


@app.command()
def doctor() -> None:
    """Check this machine and say how to fix what is wrong."""
    from mesocore import doctor as checks

    raise typer.Exit(checks.main())
