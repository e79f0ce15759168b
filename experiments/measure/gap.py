"""Why a detector does worse in another folder of the collection that it was trained on.

RUNs were trained on DATA; those that differ in their seed alone are one model, of which the mean is
taken. MORE has further images of the folder that DATA is a sample of, OTHER those of another folder
of the collection. Every figure is of DATA's test split and of all images of MORE and OTHER.

`folders`: would MORE, of which no near-duplicate is in DATA, be as hard as OTHER? `mates`: a
collection numbers the faces of one photograph in a row, so how alike are images whose numbers are
near (mean difference of their 16 px thumbnails, grey levels), and is an image with a near number in
the train split an easier one? `shift`: do trivial features tell the folders apart, and how much of
the difference is left at equal sharpness, and when images are weighted to the spectra of OTHER?
Writes results/real/DATA-gap.json; no image is written anywhere. About 10 minutes on two cores for 7
runs, one of them an ensemble, and 7,400 images at 256 px.
"""

import numpy as np
import pandas as pd

from experiments import records, runner
from experiments.measure import shift
from experiments.runner import Command
from mesocore.core import bootstrap, runtime
from mesocore.core.errors import UserError
from mesocore.core.images import resize
from mesocore.data import AssembledSet, load, resolve
from mesocore.evaluation import robustness, scored
from mesocore.evaluation.labelled_images import LabelledImages, about_data
from mesocore.evaluation.metrics import RESAMPLES
from mesocore.evaluation.records import one_model
from mesocore.nets import Detector, load_detector

THUMBNAIL = 16  # pixels a side
APART = (1, 2, 3, 5, 10, 50)
RANDOM_PAIRS = 3000
NEAREST = {"1": (1, 1), "2": (2, 2), "3": (3, 3), "4 to 5": (4, 5), "6 or more": (6, np.inf)}


def by_model(runs: tuple[str, ...], data: AssembledSet) -> dict[str, list[Detector]]:
    """The detectors, by the name of their model. Raises `UserError` for one of other images."""
    found: dict[str, list[Detector]] = {}
    for run in runs:
        detector = load_detector(run)
        if runner.split_for(data, detector) != "test":
            raise UserError(f"{run} was not trained on {data.folder}; name a run that was")
        found.setdefault(detector.description["config"]["model"], []).append(detector)
    for detectors in found.values():
        one_model(detectors)
    return found


def numbers(table: pd.DataFrame) -> np.ndarray:
    """The number at the end of each original's name. Raises `UserError` for one without."""
    found = table["origin"].str.extract(r"(\d+)\.\w+$")[0]
    if found.isna().any():
        raise UserError(f"{table['origin'][found.isna()].iloc[0]} has no number in its name, so "
                        "nothing says which faces come from one photograph")  # fmt: skip
    return found.to_numpy(int)


def check_numbers(sets: list[AssembledSet]) -> None:
    """Raises `UserError` unless the sets number their images, each of a label with its own."""
    for label, part in pd.concat(data.rows() for data in sets).groupby("label"):
        found, times = np.unique(numbers(part), return_counts=True)
        if (times > 1).any():
            raise UserError(f"two {label} images have the number {found[times > 1][0]}; give "
                            "samples of one folder, whose names number its images")  # fmt: skip


def distances(thumbnails: np.ndarray, at: np.ndarray) -> dict[str, dict]:
    """How far images are from each other, by how far their numbers are; and random pairs.

    `thumbnails` `(N, D)` in 0..255, `at` int `(N,)`, each number once.
    """
    place = pd.Series(np.arange(len(at)), index=at)
    pairs = {}
    for apart in APART:
        there = place.reindex(at + apart)
        known = there.notna().to_numpy()
        pairs[str(apart)] = np.stack([np.flatnonzero(known), there[known].to_numpy(int)])
    pairs["random"] = np.random.default_rng(0).integers(0, len(at), (2, RANDOM_PAIRS))
    found = {}
    for name, (first, second) in pairs.items():
        if not len(first):
            continue
        each = np.abs(thumbnails[first] - thumbnails[second]).mean(1)
        drawn = [(w @ each) / w.sum(1) for w in bootstrap.draws(np.arange(len(each)), RESAMPLES, 0)]
        low, high = bootstrap.interval(np.concatenate(drawn))
        found[name] = {"pairs": len(each), "value": float(each.mean()), "low": low, "high": high}
    return found


def alike(sets: list[AssembledSet], size: int) -> dict[str, dict]:
    """`distances` among all images of the sets, by label."""
    faces = [load(data, "all", size) for data in sets]
    table = pd.concat([part.table for part in faces], ignore_index=True)
    small = [resize(part.images[n : n + 500], THUMBNAIL).numpy()
             for part in faces for n in range(0, len(part), 500)]  # fmt: skip
    thumbnails = np.concatenate(small).reshape(len(table), -1).astype(np.float32)
    found = {}
    for label in ("real", "fake"):
        rows = (table["label"] == label).to_numpy()
        found[label] = distances(thumbnails[rows], numbers(table[rows]))
    return found


def nearest(table: pd.DataFrame, train: pd.DataFrame) -> np.ndarray:
    """How far each image's number is from the nearest of its label in the train split, `(N,)`."""
    found, at = np.empty(len(table)), numbers(table)
    for label, part in train.groupby("label"):
        known, rows = np.sort(numbers(part)), (table["label"] == label).to_numpy()
        after = np.searchsorted(known, at[rows])
        around = [known[np.clip(after + side, 0, len(known) - 1)] for side in (-1, 0)]
        found[rows] = np.abs(np.stack(around) - at[rows]).min(0)
    return found


def figures(
    table: pd.DataFrame, scores: np.ndarray, thresholds: list[float], rows: np.ndarray
) -> dict:
    """Of the images in `rows`, bool `(N,)`; `scores` `(R, N)`: how many, ROC AUC, verdicts."""
    part = table[rows]
    found = robustness.level_metrics(part, scores[:, rows], thresholds, RESAMPLES)
    return {"images": len(part), "fakes": int((part["label"] == "fake").sum())} | found


def main(*words: str) -> None:
    *runs, own, more, other = words
    own, more, other = map(resolve, (own, more, other))
    for data in (more, other):
        LabelledImages(data, "all").check_outside(own)
    check_numbers([own, more])
    models = by_model(tuple(runs), own)
    tables, scores = [], {name: [] for name in models}
    for data in (own, more, other):
        split = "test" if data is own else "all"
        tables.append(data.rows(split).assign(folder=data.name, root=str(data.folder)))
        for name, detectors in models.items():
            found = [scored(detector, data, split)["probability"] for detector in detectors]
            scores[name].append(np.stack(found))
            print(f"{name} on {data.name}: done", flush=True)
    table = pd.concat(tables, ignore_index=True)
    scores = {name: np.concatenate(parts, axis=1) for name, parts in scores.items()}
    thresholds = {name: [d.threshold for d in found] for name, found in models.items()}

    def by(parts: dict[str, np.ndarray]) -> dict[str, dict]:
        """Figures of every model on every part of the images that has both classes."""
        both = {n: rows for n, rows in parts.items() if table["label"][rows].nunique() == 2}
        return {name: {part: figures(table, scores[name], thresholds[name], rows)
                       for part, rows in both.items()} for name in models}  # fmt: skip

    same = (table["folder"] != other.name).to_numpy()
    away = np.where(same, nearest(table, own.rows("train")), 0)
    size = next(iter(models.values()))[0].size
    values = {
        "folders": {data.name: about_data(data, "test" if data is own else "all")
                    for data in (own, more, other)},
        "models": {name: {
            "seeds": [d.description["config"]["seed"] for d in found],
            "weights_sha256": [d.description["weights_sha256"] for d in found],
        } for name, found in models.items()},
        "by_folder": by({data.name: (table["folder"] == data.name).to_numpy()
                         for data in (own, more, other)}),
        "mates": {
            "thumbnail_distance": alike([own, more], size),
            "by_nearest_training_number": by({
                name: same & (low <= away) & (away <= high)
                for name, (low, high) in NEAREST.items()
            }),
        },
        "shift": shift.measure(table, scores, thresholds, by, other.name),
        "environment": runtime.environment(),
        "command": records.command("gap", *runs, records.shown(own), "--outside",
                                   records.shown(more), records.shown(other)),
    }  # fmt: skip
    records.write(records.path_of(own, "gap"), values)


GAP = Command(
    "gap", __doc__, "RUN... DATA --outside MORE OTHER", main, least=2, outside=2
)  # fmt: skip
