"""The command line: `python -m experiments NAME ...`."""

import argparse
import inspect
from collections.abc import Sequence

from experiments import (
    ablation,
    augmentation,
    combination,
    generalisation,
    keep,
    learning_curve,
    leave_one_out,
    pruning,
    receptive_field,
    recommended,
)
from experiments import comparisons as tables
from experiments.measure import (
    bands,
    errors,
    evidence,
    face_finder,
    framing,
    gap,
    generator_distance,
    int8,
    left_out,
    parity,
    retouch_traces,
    robustness,
    scores,
)
from experiments.records import COMMANDS
from experiments.runner import Command, Experiment
from experiments.scale import Scale
from mesocore.core import terminal
from mesocore.core.errors import UserError
from mesocore.core.ranges import COUNT

EXPERIMENTS: dict[str, Experiment | Command] = {
    found.name: found
    for found in (
        ablation.ABLATION,
        tables.TRANSFER,
        tables.RESOLUTION,
        tables.SCHEDULES,
        tables.DROPOUT,
        tables.MESO4_SEEDS,
        augmentation.AUGMENTATION,
        learning_curve.LEARNING_CURVE,
        generalisation.GENERALISATION,
        leave_one_out.LEAVE_ONE_OUT,
        pruning.PRUNING,
        receptive_field.RECEPTIVE_FIELD,
        combination.COMBINATION,
        recommended.RECOMMENDED,
        robustness.ROBUSTNESS,
        bands.BANDS,
        errors.ERRORS,
        evidence.EVIDENCE,
        face_finder.FACE_FINDER,
        framing.FRAMING,
        gap.GAP,
        int8.INT8,
        left_out.LEFT_OUT,
        parity.PARITY,
        generator_distance.GENERATOR_DISTANCE,
        retouch_traces.RETOUCH_TRACES,
        scores.SCORES,
        keep.KEEP,
        keep.SHIP,
    )
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> None:
        raise UserError(message)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """`name`, `words`, `train`, `scale`, `outside`, `list`, `help` from the command line.

    Raises `UserError` for an unknown experiment or arguments that it does not take.
    """
    parser = Parser(prog="python -m experiments", add_help=False, allow_abbrev=False)
    parser.add_argument("name", nargs="?")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--epochs")
    parser.add_argument("--train", nargs="+", default=[])
    parser.add_argument("--outside", nargs="+", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    given = parser.parse_intermixed_args(list(words))
    if given.epochs is not None:
        given.epochs = COUNT.parse("--epochs", given.epochs)
    given.scale = Scale(given.reduced, given.epochs)
    if given.name is not None and given.name not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise UserError(f"no experiment is called {given.name!r}; choose one of: {known}")
    if given.name is not None and not given.help:
        EXPERIMENTS[given.name].arguments(given.words, given.train, given.scale, given.outside)
    return given


def listing() -> str:
    """Every experiment in a line, and every committed record with the command that makes it."""
    usages = {found.usage: found.about.strip().partition("\n")[0] for found in EXPERIMENTS.values()}
    width = max(map(len, usages))
    lines = [f"{usage:{width}}  {about}" for usage, about in usages.items()]
    width = max(map(len, COMMANDS))
    made = [f"{record:{width}}  {command}" for record, command in COMMANDS.items()]
    return "\n".join(["python -m experiments", *lines, "", "records in results/", *made])


def main(words: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    return terminal.run("experiments", lambda: _run(parse(words)))


def _run(given: argparse.Namespace) -> None:
    if given.list or given.name is None:
        print(listing())
    elif given.help:
        found = EXPERIMENTS[given.name]
        print(f"usage: python -m experiments {found.usage}\n\n{inspect.cleandoc(found.about)}")
    else:
        EXPERIMENTS[given.name].run(given.words, given.train, given.scale, given.outside)
