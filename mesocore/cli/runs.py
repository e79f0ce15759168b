"""Commands that make runs of a model, and measure them."""

import inspect
from pathlib import Path

from mesocore.cli import options
from mesocore.cli.application import app
from mesocore.core import outputs
from mesocore.core.ranges import COUNT, SEED, SHARE
from mesocore.core.terminal import say as print
from mesocore.training.config import TrainConfig


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
    runs: options.path(
        "RUN...", "a run, Keras' .h5 or .keras, or a name of mesocore models; or seeds", many=True
    ),
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
    from mesocore.nets.inference import shipped

    read = [*map(shipped.place, runs), data, *([] if outside is None else [outside])]
    outputs.check({"--json": json_file, "--card": card_file}, read)
    runtime.setup()
    detectors = [load_detector(shipped.find(run), fake_class) for run in runs]
    given = labels.parse_given(label or [])
    record = records.evaluate(detectors, data, split, outside, given, robustness)
    print(records.summary(record), file=outputs.summary_stream(json_file, card_file))
    if json_file is not None:
        outputs.write_json(json_file, record)
    if card_file is not None:
        found = model_card.findings(detectors, data, record["data"]["split"], outside)
        outputs.write_text(card_file, model_card.render(record, detectors[0], found))
