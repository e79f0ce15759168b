"""One runner for all experiments: rows x seeds are trained, with resume; measured; recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments import records
from experiments.scale import FULL, Scale
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.data import AssembledSet, resolve, tiers
from mesocore.nets import Detector, load_detector
from mesocore.training import TrainConfig, ensemble, train

SEEDS = (0, 1, 2)
Runs = Mapping[str, Sequence[Path]]  # row -> its run for each of `SEEDS`


@dataclass(frozen=True)
class Job:
    """What an experiment is asked for: its sets, its scale, and a set to test on besides."""

    sets: tuple[AssembledSet, ...]
    scale: Scale = FULL
    outside: AssembledSet | None = None

    @property
    def data(self) -> AssembledSet:
        """The set that is trained and measured on, or the first of several."""
        return self.sets[0]

    @property
    def folder(self) -> str:
        return str(Path(self.data))

    @property
    def title(self) -> str:
        return self.scale.title(self.data)

    @property
    def embedded(self) -> bool:
        return tiers.tier(self.data) == tiers.EMBEDDED


@dataclass(frozen=True)
class Experiment:
    """A table of rows, each trained with every one of `SEEDS`.

    `about`: what is asked, in its first line, then costs, where runs are kept, what is written.
    `rows(job)`: the table. `also`: rows that may be trained though the table of a scale lacks them.
    `trained(row, job, seed)`: the run of a row, which is trained now, or further.
    `measure(job, runs)`: what goes into the record, all but the command that made it.
    `sets`: how many it takes; None: any number, and rows follow `--train`. `scales`: may be
    `--reduced` or for `--epochs`. `embedded`: it takes no other set than synthfaces.
    `record(job, row)`: the path of the record that the row belongs to. `outside`: it may be tested
    on a set besides, of `--outside`. `seeds(row)`: those of a row, where not all have the same.
    """

    name: str
    about: str
    rows: Callable[[Job], Sequence[str]]
    trained: Callable[[str, Job, int], Path]
    measure: Callable[[Job, Runs], dict]
    also: Sequence[str] = ()
    sets: int | None = 1
    scales: bool = False
    embedded: bool = False
    record: Callable[[Job, str], Path] | None = None
    outside: bool = False
    seeds: Callable[[str], Sequence[int]] = lambda row: SEEDS

    @property
    def usage(self) -> str:
        sets = {1: "DATA", 2: "DATA SOURCE", None: "DATA..."}[self.sets]
        rows = "[--train ROW...]" if self.sets is None else "[ROW...]"
        scales = " [--reduced | --epochs N]" * self.scales
        return f"{self.name} {sets} {rows}{scales}" + " [--outside SET]" * self.outside

    def arguments(
        self,
        words: Sequence[str],
        train_rows: Sequence[str],
        scale: Scale,
        outside: Sequence[str] = (),
    ) -> tuple[list[str], list[str]]:
        """Sets and rows among the words after the name. Raises `UserError` if they do not fit."""
        if self.sets is None:
            sets, rows = list(words), list(train_rows)
        else:
            sets, rows = list(words[: self.sets]), list(words[self.sets :])
        if not sets and self.sets != 2:
            sets = [tiers.EMBEDDED]
        if len(sets) < (self.sets or 1) or len(outside) > self.outside:
            raise UserError(f"usage: python -m experiments {self.usage}")
        if train_rows and self.sets is not None:
            raise UserError(f"{self.name} takes its rows without --train: {self.usage}")
        if scale != FULL and not self.scales:
            raise UserError(f"{self.name} has one scale; leave {scale.options[0]} out")
        if self.embedded and tiers.tier(sets[0]) != tiers.EMBEDDED:
            raise UserError(f"{self.name} is made of {tiers.EMBEDDED} alone, not of {sets[0]}")
        scale.check(sets[0])
        return sets, rows

    def record_path(self, job: Job, row: str) -> Path:
        if self.record is not None:
            return self.record(job, row)
        return records.path_of(job.data, self.name, job.scale)

    def asked_for(self, job: Job, rows: Sequence[str]) -> Sequence[str]:
        """`rows`, or the table if there are none. Raises `UserError` for one that is unknown."""
        table = self.rows(job)
        known = dict.fromkeys([*table, *self.also])
        if unknown := [row for row in rows if row not in known]:
            raise UserError(f"no row is called {unknown[0]!r}; choose one of: {', '.join(known)}")
        return rows or table

    def run(
        self,
        words: Sequence[str],
        train_rows: Sequence[str] = (),
        scale: Scale = FULL,
        outside: Sequence[str] = (),
    ) -> None:
        """Trains what is missing and, unless rows are named, measures and writes the record."""
        sets, rows = self.arguments(words, train_rows, scale, outside)
        runtime.setup()
        job = Job(tuple(map(resolve, sets)), scale, resolve(outside[0]) if outside else None)
        wanted = self.asked_for(job, rows)
        runs = {row: [self.trained(row, job, seed) for seed in self.seeds(row)] for row in wanted}
        if rows:
            return
        by_record: dict[Path, dict] = {}
        for row, outs in runs.items():
            by_record.setdefault(self.record_path(job, row), {})[row] = outs
        for path, part in by_record.items():
            values = self.measure(job, part)
            named = [records.shown(data) for data in job.sets]  # no path of this machine
            more = ["--outside", records.shown(job.outside)] if job.outside else []
            values["command"] = records.command(self.name, *named, *scale.options, *more)
            records.write(path, values)


@dataclass(frozen=True)
class Command:
    """What is done with runs or pictures that are there: `main(*words)`, of `least` to `most`.

    `outside`: how many sets `--outside` has to name; they come last among the words.
    """

    name: str
    about: str
    words: str  # in the usage
    main: Callable[..., None]
    least: int = 0
    most: int | None = None
    outside: int = 0

    @property
    def usage(self) -> str:
        return f"{self.name} {self.words}".rstrip()

    def arguments(
        self,
        words: Sequence[str],
        train_rows: Sequence[str],
        scale: Scale,
        outside: Sequence[str] = (),
    ) -> None:
        """Raises `UserError` for too few or too many words, or options that mean nothing here."""
        few, many = len(words) < self.least, self.most is not None and len(words) > self.most
        if few or many or train_rows or scale != FULL or len(outside) != self.outside:
            raise UserError(f"usage: python -m experiments {self.usage}")

    def run(
        self,
        words: Sequence[str],
        train_rows: Sequence[str] = (),
        scale: Scale = FULL,
        outside: Sequence[str] = (),
    ) -> None:
        self.arguments(words, train_rows, scale, outside)
        runtime.setup()
        self.main(*words, *outside)


def folder_of(name: str) -> Path:
    """Where the run of that name is kept: runs/NAME."""
    return runtime.project_root() / "runs" / name


def trained(settings: TrainConfig, name: str) -> Path:
    """runs/NAME, which is trained now, or further, unless it is finished."""
    out = folder_of(name)
    train(settings, out, resume=out.exists())
    return out


def loaded(runs: Runs, data: AssembledSet, ensembles: bool = True) -> dict[str, list[Detector]]:
    """The detectors of every row; with `ensembles` its seeds a second time, as one: `3*ROW`."""
    detectors = {row: [load_detector(out) for out in outs] for row, outs in runs.items()}
    if ensembles:
        detectors |= {f"{len(seeds)}*{row}": [ensemble(seeds, data)]
                      for row, seeds in detectors.items()}  # fmt: skip
    return detectors


def split_for(data: AssembledSet, detector: Detector) -> str:
    """What of a set is measured on: "test" of the one that it was trained on, else "all"."""
    return "test" if data.learnt_by(detector.description["config"]) else "all"
