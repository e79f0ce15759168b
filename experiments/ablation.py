"""What each part of MesoNetPlus buys, and what size buys: every row over three seeds.

    python benchmarks/ablation.py DATA             # all rows, then the table
    python benchmarks/ablation.py DATA ROW...      # trains these rows alone
    python benchmarks/ablation.py DATA --reduced   # real faces at 128 px; also with ROW...
    python benchmarks/ablation.py DATA --epochs 24 # for a GPU; also with ROW...

DATA is `synthfaces`, at the course's settings, or the folder of a set of real faces assembled at
256 px: two rows, trained for 8 epochs, or for as many updates on fewer than 6,300 images (at most
40 epochs). `--reduced` is real faces at 128 px and the course's settings, for as few epochs: three
minutes of one core for a run of Meso-4 in place of 13. `--epochs` is real faces at 256 px for that
long, in batches of 32 and in bf16; there every row stands a second time, as the ensemble of its
three seeds (`3*ROW`, one detector, nothing trained). The record is results/synthfaces/ablation.json
or results/real/SET-ablation.json (SET-128-, SET-24-epochs-). Runs are kept in runs/ablation/SET
(SET-128, SET-24-epochs) and continued when interrupted, so two processes may train different rows
(MESO_THREADS=1 each); those that keep.py has put into results/runs are not trained again, and
MobileNetV3's row, whose runs are too large for that, is taken over from the record. Epoch,
temperature and threshold of every run are chosen on val; the test split is read once, at the end.
Times are taken side by side in this process; run nothing else meanwhile.
"""

import argparse
import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from mesocore.core import files, runtime
from mesocore.course.chapter import course_config
from mesocore.data import tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.evaluation import records
from mesocore.nets import models, profile
from mesocore.nets.detector import load_detector
from mesocore.training import trainer
from mesocore.training.config import TrainConfig

SEEDS = (0, 1, 2)
SYNTHFACES = ("meso4", "meso4+inverted", "meso4+eca", "meso4+highpass", models.CHOSEN)
REDUCED = (
    "meso4", "meso4+inverted", "meso4+se", "meso4+eca", "meso4+cbam", "meso4+coordinate",
    "meso4+highpass", "meso4+blur", "meso4+inverted+eca", "meso4+inverted+highpass",
    "mesoinception4", "mobilenet_v3_small",
)  # fmt: skip
LONG = ("meso4", "meso4+inverted", models.CHOSEN, "mesoinception4")
REAL = ("meso4", models.CHOSEN)
TOO_LARGE = ("mobilenet_v3_small",)  # to be kept: 6 MB a run
UPDATES, MOST_EPOCHS = 8 * 6300, 40  # counted in images
FULL, SMALL = "", "128"  # scales; a third kind is made by for_epochs


def config(row: str, folder: Path, seed: int, scale: str = FULL) -> TrainConfig:
    """The settings of a row; `scale` is `FULL`, `SMALL` or as `for_epochs` names it."""
    if tiers.tier(folder) == tiers.EMBEDDED:
        return course_config(row, str(folder), seed)
    images = len(AssembledSet(folder).rows("train"))
    epochs = min(MOST_EPOCHS, max(8, round(UPDATES / images)))
    if scale == SMALL:
        return course_config(row, str(folder), seed, epochs)
    if scale != FULL:
        epochs = int(scale.partition("-")[0])
        return TrainConfig(row, str(folder), epochs, dropout=0.2, precision="bf16", seed=seed)
    return TrainConfig(row, str(folder), epochs, batch_size=12, dropout=0.2, seed=seed)


def for_epochs(epochs: int) -> str:
    """The scale behind `--epochs`."""
    return f"{epochs}-epochs"


def trained(row: str, folder: Path, seed: int, scale: str = FULL) -> Path:
    """The run of a row: the committed one, or one that is trained now, or further."""
    settings, name = config(row, folder, seed, scale), f"{title(folder, scale)}/{row}-{seed}"
    committed = runtime.project_root() / "results" / "runs" / name
    if committed.exists():
        check(committed, settings, folder)
        return committed
    out = runtime.project_root() / "runs" / "ablation" / name
    trainer.train(settings, out, resume=out.exists())
    return out


def check(committed: Path, settings: TrainConfig, folder: Path) -> None:
    about = load_detector(committed).description["config"]
    wanted = asdict(settings) | {"manifest_sha256": AssembledSet(folder).manifest_sha256}
    other = [k for k, v in wanted.items() if k != "data" and about[k] != v]
    if other:
        sys.exit(f"{committed} was trained with other {', '.join(other)}; delete it to train anew")


def title(folder: Path, scale: str) -> str:
    return folder.name if scale == FULL else f"{folder.name}-{scale}"


def main(data: str, *rows: str, scale: str = FULL) -> None:
    runtime.setup()
    folder = tiers.resolve(data)
    own = tiers.tier(folder) == tiers.EMBEDDED
    real = {FULL: REAL, SMALL: REDUCED}.get(scale, LONG)
    wanted = rows or (SYNTHFACES if own else real)
    known = {} if rows else taken_over(folder, scale)
    places = {row: [trained(row, folder, seed, scale) for seed in SEEDS]
              for row in wanted if row not in known}  # fmt: skip
    if rows:
        return
    detectors = loaded(places, folder, ensembles=scale not in (FULL, SMALL))
    record = records.compare(detectors, folder, baseline="meso4")
    record["rows"] |= known
    record["command"] = command(__file__, data, scale)
    size = detectors["meso4"][0].size
    times(record["rows"], {row: models.build(row, size) for row in record["rows"]}, size)
    files.write_json(record_path(folder, "ablation", scale), record)


def taken_over(folder: Path, scale: str) -> dict:
    """Rows of `TOO_LARGE` in the present record, if their runs are not here and their settings and
    images are those of today."""
    path, root = record_path(folder, "ablation", scale), runtime.project_root()
    rows = json.loads(path.read_text())["rows"] if path.exists() else {}
    found = {}
    for row in set(rows) & set(TOO_LARGE):
        settings = asdict(config(row, folder, SEEDS[0], scale))
        wanted = settings | {
            "manifest_sha256": AssembledSet(folder).manifest_sha256,
            "data": folder.name,
        }
        same = all(rows[row]["model"].get(key, value) == value for key, value in wanted.items())
        if same and not (root / "runs/ablation" / title(folder, scale) / f"{row}-0").exists():
            found[row] = rows[row]
    return found


def loaded(places: dict[str, list[Path]], folder: Path, ensembles: bool = True) -> dict:
    """The detectors of every row; with `ensembles` its seeds a second time, as one: `3*ROW`."""
    detectors = {row: [load_detector(out) for out in outs] for row, outs in places.items()}
    if ensembles:
        detectors |= {f"{len(seeds)}*{row}": [ensembles.ensemble(seeds, folder)]
                      for row, seeds in detectors.items()}  # fmt: skip
    return detectors


def asked_for(rows: Sequence[str], known: Collection[str]) -> Collection[str]:
    """The rows named on the command line, or all that are known; ends with one line at another."""
    if unknown := [row for row in rows if row not in known]:
        sys.exit(f"no row is called {unknown[0]!r}; choose one of: {', '.join(known)}")
    return rows or known


def record_path(folder: Path, name: str, scale: str = FULL) -> Path:
    own = tiers.tier(folder) == tiers.EMBEDDED
    path = f"synthfaces/{name}.json" if own else f"real/{title(folder, scale)}-{name}.json"
    return runtime.project_root() / "results" / path


def command(file: str, data: str, scale: str) -> str:
    """The command that makes a record."""
    option = {FULL: "", SMALL: " --reduced"}.get(scale, f" --epochs {scale.partition('-')[0]}")
    return f"python benchmarks/{Path(file).name} {data}{option}"


def times(rows: dict, networks: dict, size: int) -> None:
    """Adds latency at batch 1 and 64 (ms) and training speed (images/s) to the rows."""
    for batch in (1, 64):
        for name, found in profile.latency(networks, size, batch).items():
            rows[name].setdefault("latency_ms", {})[str(batch)] = round(found, 2)
    for name, found in profile.training_rate(networks, size).items():
        rows[name]["training_images_per_second"] = round(found, 1)


def arguments(about: str, part: str) -> tuple[str, list[str], str]:
    """Data, the words called `part` in the help, and the scale, from the command line."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("data", nargs="?", default=tiers.EMBEDDED)
    parser.add_argument("parts", nargs="*", metavar=part)
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--reduced", action="store_true", help="real faces at 128 px")
    scale.add_argument("--epochs", type=int, help="real faces at 256 px, in bf16")
    given = parser.parse_intermixed_args()
    if given.epochs is not None and given.epochs < 1:
        parser.error(f"--epochs is {given.epochs}; it must be 1 or more")
    if given.data == tiers.EMBEDDED and (given.reduced or given.epochs):
        parser.error(f"{tiers.EMBEDDED} has one scale; leave --reduced and --epochs out")
    asked = for_epochs(given.epochs) if given.epochs else SMALL if given.reduced else FULL
    return given.data, given.parts, asked


if __name__ == "__main__":
    data, rows, scale = arguments(__doc__, "row")
    main(data, *rows, scale=scale)
