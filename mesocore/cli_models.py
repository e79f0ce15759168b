"""The commands that train models, measure them and use them."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from mesocore.core.errors import UserError
from mesocore.core.files import write_json, write_text
from mesocore.evaluation import model_card, prediction, records
from mesocore.nets import detector, pruning
from mesocore.training import distributed, ensembles, trainer
from mesocore.training.config import TrainConfig


def train_model(
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
    ] = TrainConfig.epochs,
    size: Annotated[int, typer.Option(help="pixels a side")] = TrainConfig.size,
    batch_size: Annotated[
        int, typer.Option(min=2, help="images of all processes together")
    ] = TrainConfig.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="the peak of the schedule")
    ] = TrainConfig.learning_rate,
    schedule: Annotated[
        str, typer.Option(help="of the learning rate: cosine, one-cycle or constant")
    ] = TrainConfig.schedule,
    warmup: Annotated[
        float, typer.Option(help="share of the steps over which the learning rate rises")
    ] = TrainConfig.warmup,
    accumulate: Annotated[
        int, typer.Option(min=1, help="batches whose gradients make one step")
    ] = TrainConfig.accumulate,
    weight_decay: Annotated[float, typer.Option(help="of AdamW")] = TrainConfig.weight_decay,
    dropout: Annotated[float | None, typer.Option(help="share  [default: the model's own]")] = None,
    augment: Annotated[
        str, typer.Option(help="none, or some of flip+jpeg+blur+resize+noise+colour")
    ] = TrainConfig.augment,
    images: Annotated[
        int, typer.Option(min=0, help="train on so many, in whole groups; 0: all")
    ] = TrainConfig.images,
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
    ] = TrainConfig.precision,
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
    config = TrainConfig(
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
    history = trainer.train(config, out, resume)
    if not distributed.is_main_process():
        return
    best = history.loc[history["val_roc_auc"].idxmax()]
    print(
        f"{out}: best of {len(history)} epochs is {best['epoch']:.0f}, "
        f"validation ROC AUC {best['val_roc_auc']:.4f}"
    )


def prune_model(
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
    history = trainer.train(trainer.fine_tuning_config(run, data, epochs, **changes), out, resume)
    before, after = detector.load_detector(run), detector.load_detector(out)
    zeros = pruning.sparsity(after.model).loc["all"]
    print(f"{out}: {zeros['zeros']:.0f} of {zeros['weights']:.0f} weights are zero "
          f"({zeros['share']:.1%}, {method})")  # fmt: skip
    print(f"validation ROC AUC {history['val_roc_auc'].max():.4f}, "
          f"before {before.description['best']['val_roc_auc']:.4f}")  # fmt: skip
    old = pruning.sizes(before.model)
    for name, value in pruning.sizes(after.model).items():
        print(f"bytes, {name}: {value:,}, before {old[name]:,}")


def ensemble_models(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="runs that differ in their seed alone")
    ],
    data: Annotated[str, typer.Option(help="the set that they learnt from")],
    out: Annotated[Path, typer.Option(help="the ensemble's folder, a run like any other")],
) -> None:
    """Put several seeds of a model together: their mean judges better than any of them."""
    made = ensembles.save_ensemble(runs, data, out)
    each = [detector.load_detector(run).description["best"]["val_roc_auc"] for run in runs]
    print(
        f"{out}: {made.description['config']['model']}, validation ROC AUC "
        f"{made.description['best']['val_roc_auc']:.4f}; its members': "
        f"{', '.join(f'{value:.4f}' for value in each)}"
    )


def evaluate_model(
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
    detectors = [detector.load_detector(run) for run in runs]
    record = records.evaluate(detectors, data, split)
    print(records.summary(record))
    if json_file:
        write_json(json_file, record)
    if card_file:
        found = model_card.findings(detectors, data, split)
        write_text(card_file, model_card.render(record, detectors[0], found))


def predict_images(
    run: Annotated[Path, typer.Argument(help="a run's folder, or published .h5 weights")],
    paths: Annotated[list[str], typer.Argument(help="images, folders, globs")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="comma-separated, with a header")] = False,
) -> None:
    """Judge images of faces, one line an image. Exit status 1 if any could not be read."""
    if as_json and as_csv:
        raise UserError("--json and --csv exclude each other; choose one")
    verdicts = prediction.predict(detector.load_detector(run), paths)
    failed = 0
    rows = []
    writer = csv.writer(sys.stdout)
    if as_csv:
        writer.writerow(prediction.Verdict("").to_dict())
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
