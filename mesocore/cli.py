"""The command line: thin commands over the package, one line for a user's mistake."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from mesocore import assemble as assembling
from mesocore import audit as auditing
from mesocore import (
    card,
    checkpoint,
    dataset,
    devices,
    doctor,
    embedded,
    fetch,
    predict,
    prune,
    recipe,
    results,
    train,
)
from mesocore.runtime import UserError, command_line, environment, setup, write_json, write_text


class Commands(TyperGroup):
    """The commands; Ctrl-C ends any of them with one line and exit status 130."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            said = str(stop) or "interrupted; the same command goes on"
            print(f"mesocore: {said}", file=sys.stderr)
            raise typer.Exit(130) from stop


typer_app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Face-forgery detection with MesoNet. MESO_THREADS sets the thread count (default 2).",
)


def app() -> None:
    """The entry point: turns a user's mistake into one line and exit status 2."""
    try:
        setup()
        typer_app()
    except UserError as error:
        print(f"mesocore: {error}", file=sys.stderr)
        sys.exit(2)


@typer_app.command()
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
    count: Annotated[int, typer.Option(help="images of synthfaces")] = dataset.EMBEDDED_COUNT,
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
    own = dataset.EMBEDDED in source
    if have or (own and part):
        raise UserError("--source goes with a recipe.yaml" if have else
                        "synthfaces is made by one machine; leave out --shard")  # fmt: skip
    size = size or (embedded.SIZE if own else 256)
    quality = quality or (embedded.QUALITY if own else 90)
    folders = [dataset.raw_source(item, out, count) for item in source]
    done = assembling.assemble(
        folders, out, size, split or "0.7/0.1/0.2", seed or 0, quality, native=native, shard=part
    )
    print(done.to_text())


@typer_app.command()
def merge(
    out: Annotated[Path, typer.Argument(help="the folder into which all shards were assembled")],
) -> None:
    """Finish a set whose shards are all done; the result is that of one run."""
    print(assembling.merge(out).to_text())


@typer_app.command()
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


@typer_app.command("train")
def train_command(
    model: Annotated[
        str,
        typer.Argument(
            help="meso4, mesoinception4, mesonetplus, or meso4 with parts: meso4+inverted+se"
        ),
    ],
    data: Annotated[str, typer.Option(help="an assembled set, or the word synthfaces")],
    out: Annotated[Path, typer.Option(help="the run's folder")],
    epochs: Annotated[
        int, typer.Option(min=1, help="passes over the training split")
    ] = train.TrainConfig.epochs,
    size: Annotated[int, typer.Option(help="pixels a side")] = train.TrainConfig.size,
    batch_size: Annotated[
        int, typer.Option(min=2, help="images of all processes together")
    ] = train.TrainConfig.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="the peak of the schedule")
    ] = train.TrainConfig.learning_rate,
    schedule: Annotated[
        str, typer.Option(help="of the learning rate: cosine, one-cycle or constant")
    ] = train.TrainConfig.schedule,
    warmup: Annotated[
        float, typer.Option(help="share of the steps over which the learning rate rises")
    ] = train.TrainConfig.warmup,
    accumulate: Annotated[
        int, typer.Option(min=1, help="batches whose gradients make one step")
    ] = train.TrainConfig.accumulate,
    weight_decay: Annotated[float, typer.Option(help="of AdamW")] = train.TrainConfig.weight_decay,
    dropout: Annotated[float | None, typer.Option(help="share  [default: the model's own]")] = None,
    augment: Annotated[
        str, typer.Option(help="none, or some of flip+jpeg+blur+resize+noise+colour")
    ] = train.TrainConfig.augment,
    images: Annotated[
        int, typer.Option(min=0, help="train on so many, in whole groups; 0: all")
    ] = train.TrainConfig.images,
    balanced_sampling: Annotated[
        bool, typer.Option("--balanced-sampling", help="draw both classes equally often")
    ] = False,
    label_smoothing: Annotated[float, typer.Option(help="0.1: targets 0.05 and 0.95")] = 0.0,
    clip_norm: Annotated[float, typer.Option(help="largest norm of a gradient; 0: any")] = 0.0,
    ema: Annotated[
        float, typer.Option(help="decay a step of the weights' moving average, as 0.99; 0: none")
    ] = 0.0,
    patience: Annotated[
        int, typer.Option(help="stop after so many epochs without a better one; 0: never")
    ] = 0,
    precision: Annotated[
        str, typer.Option(help="of training: fp32, bf16, or on a GPU fp16")
    ] = train.TrainConfig.precision,
    channels_last: Annotated[
        bool, typer.Option("--channels-last", help="lay weights out as images are; may be faster")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="of weights, order and augmentation")] = 0,
    init: Annotated[
        Path | None, typer.Option(help="a run of the same model to start from (fine-tuning)")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in --out")] = False,
) -> None:
    """Train a model; the best epoch by validation ROC AUC is what the run keeps.

    On several devices: torchrun --nproc-per-node N -m mesocore train ..., or accelerate launch.
    """
    config = train.TrainConfig(
        model,
        data,
        epochs,
        size,
        batch_size,
        learning_rate,
        schedule,
        warmup,
        accumulate,
        weight_decay,
        dropout,
        augment,
        images,
        balanced_sampling,
        label_smoothing=label_smoothing,
        clip_norm=clip_norm,
        ema=ema,
        patience=patience,
        precision=precision,
        channels_last=channels_last,
        seed=seed,
        init=str(init) if init else None,
    )
    history = train.train(config, out, resume)
    if not devices.is_main_process():
        return
    best = history.loc[history["val_roc_auc"].idxmax()]
    print(
        f"{out}: best of {len(history)} epochs is {best['epoch']:.0f}, "
        f"validation ROC AUC {best['val_roc_auc']:.4f}"
    )


@typer_app.command("prune")
def prune_command(
    run: Annotated[Path, typer.Argument(help="the run to prune; it is not changed")],
    amount: Annotated[float, typer.Option(help="share of the weights, from 0.0 to below 1.0")],
    data: Annotated[str, typer.Option(help="an assembled set, or the word synthfaces")],
    out: Annotated[Path, typer.Option(help="the pruned run's folder")],
    method: Annotated[str, typer.Option(help="global, layerwise, random or structured")] = "global",
    epochs: Annotated[int, typer.Option(min=1, help="of fine-tuning under the masks")] = 5,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in --out")] = False,
) -> None:
    """Mask the smallest weights, fine-tune under the masks, and say what is left."""
    changes = {"prune": amount, "prune_method": method, "seed": seed}
    history = train.train(train.fine_tuning_config(run, data, epochs, **changes), out, resume)
    before, after = checkpoint.load_detector(run), checkpoint.load_detector(out)
    zeros = prune.sparsity(after.model).loc["all"]
    print(f"{out}: {zeros['zeros']:.0f} of {zeros['weights']:.0f} weights are zero "
          f"({zeros['share']:.1%}, {method})")  # fmt: skip
    print(f"validation ROC AUC {history['val_roc_auc'].max():.4f}, "
          f"before {before.description['best']['val_roc_auc']:.4f}")  # fmt: skip
    old = prune.sizes(before.model)
    for name, value in prune.sizes(after.model).items():
        print(f"bytes, {name}: {value:,}, before {old[name]:,}")


@typer_app.command()
def evaluate(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="a run's folder, or published .h5 weights; several seeds of a model: their mean",
        ),
    ],
    data: Annotated[str, typer.Option(help="an assembled set, a raw real/fake folder, synthfaces")],
    split: Annotated[str, typer.Option(help="test, val, train or all")] = "test",
    json_file: Annotated[Path | None, typer.Option("--json", help="write the results here")] = None,
    card_file: Annotated[
        Path | None, typer.Option("--card", help="write a model card here, in Markdown")
    ] = None,
) -> None:
    """Measure a model, each metric with a 95 % interval."""
    detectors = [checkpoint.load_detector(run) for run in runs]
    record = results.evaluate_detector(detectors, data, split)
    print(results.summary(record))
    if json_file:
        write_json(json_file, record)
    if card_file:
        found = card.findings(detectors, data, split)
        write_text(card_file, card.render(record, detectors[0], found))


@typer_app.command("predict")
def predict_command(
    run: Annotated[Path, typer.Argument(help="a run's folder, or published .h5 weights")],
    paths: Annotated[list[str], typer.Argument(help="images, folders, globs")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="comma-separated, with a header")] = False,
) -> None:
    """Judge images of faces, one line an image. Exit status 1 if any could not be read."""
    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other; choose one")
    verdicts = predict.predict(checkpoint.load_detector(run), paths)
    failed = 0
    rows = []
    writer = csv.writer(sys.stdout)
    if as_csv:
        writer.writerow(predict.Verdict("").to_dict())
    for verdict in verdicts:
        failed += verdict.error is not None
        if as_json:
            rows.append(verdict.to_dict())
        elif as_csv:
            writer.writerow(verdict.to_dict().values())
        else:
            print(verdict)
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    raise typer.Exit(1 if failed else 0)


@typer_app.command("doctor")
def doctor_command() -> None:
    """Check this machine and say how to mend what is wrong."""
    raise typer.Exit(doctor.main())
