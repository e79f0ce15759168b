"""Does the place of the face in its picture give the label away, and what is left without that?

RUNs were trained on DATA; those that differ in their seed alone are one model, of which the mean is
taken. DATA's test split is read, and every image of the set of `--outside`. For each: how large the
largest face is that is found (the picture's side over the longer side of the face's box), in both
classes; ROC AUC of that number alone, and of a logistic regression on size, place, shape and number
of the faces that was fitted on DATA's train split.

Then, for each model, `all`: ROC AUC over all pairs of a real and a fake; `alike`: over pairs whose
faces differ in size by less than 5 %, where a model that looks at the framing gains nothing; and
the share of reals that are called fake by the size of their face, at the model's own threshold.
Intervals are over groups of images, and `against` is the paired difference of `alike` to the first
model's. Writes results/real/DATA-framing.json. 10 minutes of two cores for 7 runs, one of them an
ensemble, and 3,400 images at 256 px.
"""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from experiments import records
from experiments.measure.gap import by_model
from experiments.runner import Command
from mesocore.core import bootstrap, runtime
from mesocore.core.errors import UserError
from mesocore.core.images import open_rgb
from mesocore.core.parallel import in_parallel, workers_for
from mesocore.data import AssembledSet, resolve
from mesocore.data.auditing import shortcuts
from mesocore.evaluation import scored, tables
from mesocore.evaluation.labelled_images import LabelledImages, about_data
from mesocore.faces import find_faces
from mesocore.nets import Detector

ALIKE = 0.05  # difference of the logarithms of sizes
SIZES = (0, 1.5, 1.8, 2.2, np.inf)  # of the picture's side over the face's
RESAMPLES = 500
FEATURES = ["log size", "x", "y", "shape", "faces"]


def framing(image: str) -> dict[str, float]:
    """`FEATURES` of an image file, all 0 if no face is found; places are shares of the side."""
    pixels = np.asarray(open_rgb(image))
    faces = find_faces(pixels)
    if not faces:
        return dict.fromkeys(FEATURES, 0.0)
    side, face = max(pixels.shape[:2]), faces[0]
    return {"log size": float(np.log(side / face.side)), "x": (face.left + face.width / 2) / side,
            "y": (face.top + face.height / 2) / side, "shape": face.width / face.height,
            "faces": float(len(faces))}  # fmt: skip


def measured(data: AssembledSet, split: str) -> pd.DataFrame:
    """The manifest's rows of a split with `FEATURES`, without images in which no face is found."""
    table = data.rows(split).reset_index(drop=True)
    paths = [os.path.join(data.folder, path) for path in table["path"]]
    chunks = [(k, paths[k : k + 32]) for k in range(0, len(paths), 32)]
    found: dict[int, list] = {}
    for first, rows in runtime.progress(
        in_parallel(_chunk, chunks, workers_for(len(paths))), f"faces of {data.name}", len(chunks)
    ):
        found[first] = rows
    rows = [row for first in sorted(found) for row in found[first]]
    table = pd.concat([table, pd.DataFrame(rows)], axis=1)
    return table[table["faces"] > 0]


def _chunk(chunk: tuple[int, list[str]]) -> tuple[int, list[dict]]:
    first, paths = chunk
    return first, [framing(path) for path in paths]


class Pairs:
    """Pairs of a real and a fake whose faces are alike in size, and the share that is ranked right.

    fake, size, groups: of the images.
    """

    def __init__(self, fake: np.ndarray, size: np.ndarray, groups: np.ndarray):
        reals, fakes = np.flatnonzero(~fake), np.flatnonzero(fake)
        near = np.abs(size[reals][:, None] - size[fakes][None]) < ALIKE
        rows, columns = np.nonzero(near)
        self.real, self.fake, self.groups = reals[rows], fakes[columns], groups

    def right(self, score: np.ndarray) -> np.ndarray:
        """1 for a pair whose fake has the higher score, 0.5 for equal ones: `(P,)`."""
        return (np.sign(score[self.fake] - score[self.real]) + 1) / 2

    def share(self, *scores: np.ndarray) -> dict:
        """The mean over runs with its interval: `value`, `low`, `high`."""
        return self._interval(np.mean([self.right(score) for score in scores], axis=0))

    def difference(self, ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> dict:
        """`share` of one model's runs minus that of another's."""
        means = [np.mean([self.right(s) for s in scores], axis=0) for scores in (ours, theirs)]
        return self._interval(means[0] - means[1])

    def _interval(self, values: np.ndarray) -> dict:
        drawn = []
        for block in bootstrap.draws(self.groups, RESAMPLES, seed=0):
            for weights in block:
                weight = weights[self.real] * weights[self.fake]
                if weight.any():
                    drawn.append(weight @ values / weight.sum())
        low, high = bootstrap.interval(np.array(drawn))
        return {"value": float(values.mean()), "low": low, "high": high}


def sizes(table: pd.DataFrame) -> dict:
    """The picture's side over the face's in both classes: 10 %, median, 90 %."""
    ratio = np.exp(table["log size"])
    return {label: ratio[table["label"] == label].quantile([0.1, 0.5, 0.9]).round(3).tolist()
            for label in ("real", "fake")}  # fmt: skip


def alarms(table: pd.DataFrame, called: np.ndarray) -> list[dict]:
    """The share of reals called fake (mean over runs), by the size of their face."""
    ratio, real = np.exp(table["log size"]).to_numpy(), (table["label"] == "real").to_numpy()
    rows = []
    for low, high in zip(SIZES, SIZES[1:], strict=False):
        some = real & (ratio >= low) & (ratio < high)
        rows.append({
            "from": low, "to": None if high == np.inf else high, "reals": int(some.sum()),
            "called_fake": float(called[some].mean()) if some.any() else None,
        })  # fmt: skip
    return rows


def _probability(run: Detector, data: AssembledSet, split: str, table: pd.DataFrame) -> np.ndarray:
    """P(fake) of the images in `table`."""
    return scored(run, data, split).set_index("path")["probability"][table["path"]].to_numpy()


def of_set(
    data: AssembledSet, split: str, models: dict[str, list[Detector]], by_framing: Pipeline
) -> dict:
    """All figures of one set; `by_framing` is fitted on `FEATURES`."""
    table = measured(data, split)
    fake = (table["label"] == "fake").to_numpy()
    pairs = Pairs(fake, table["log size"].to_numpy(), table["group"].to_numpy())
    if not len(pairs.real):
        raise UserError(f"{data.folder}: no real and fake have faces alike in size, so nothing can "
                        "be said beside the framing")  # fmt: skip
    scores = {name: [_probability(run, data, split, table) for run in runs]
              for name, runs in models.items()}  # fmt: skip
    found, first = {}, next(iter(models))
    for name, runs in scores.items():
        judged = zip(runs, models[name], strict=True)
        called = np.mean([score >= run.threshold for score, run in judged], axis=0)
        found[name] = {
            "all": float(np.mean([roc_auc_score(fake, score) for score in runs])),
            "alike": pairs.share(*runs),
            "reals_by_size": alarms(table, called),
        }
        if name != first:
            found[name]["against"] = pairs.difference(runs, scores[first])
    decision = by_framing.decision_function(table[FEATURES].to_numpy())
    return {
        "data": about_data(data, split),
        "without_a_face": len(data.rows(split)) - len(table),
        "side_over_face": sizes(table),
        "size_alone": float(roc_auc_score(fake, -table["log size"])),
        "framing": float(roc_auc_score(fake, decision)),
        "size_alone_alike": pairs.share(-table["log size"].to_numpy())["value"],
        "pairs": len(pairs.real),
        "models": found,
    }


def main(*words: str) -> None:
    *runs, word, elsewhere = words
    own, other = resolve(word), resolve(elsewhere)
    LabelledImages(other, "all").check_outside(own)
    models = by_model(tuple(runs), own)
    train = measured(own, "train")
    fitted = shortcuts.classifier().fit(train[FEATURES].to_numpy(), train["label"] == "fake")
    sets = {}
    for data, split in ((own, "test"), (other, "all")):
        sets[data.name] = found = of_set(data, split, models, fitted)
        print(f"{data.name}: size alone {found['size_alone']:.3f}, framing {found['framing']:.3f}")
        for name, part in found["models"].items():
            print(f"  {name}: all {part['all']:.3f}, alike {tables.interval(part['alike'])}")
    values = {
        "models": {name: {
            "seeds": [d.description["config"]["seed"] for d in found],
            "weights_sha256": [d.description["weights_sha256"] for d in found],
        } for name, found in models.items()},
        "alike": ALIKE,
        "sets": sets,
        "environment": runtime.environment(),
        "command": records.command("framing", *runs, records.shown(own), "--outside",
                                   records.shown(other)),
    }  # fmt: skip
    records.write(records.path_of(own, "framing"), values)


FRAMING = Command("framing", __doc__, "RUN... DATA --outside OTHER", main, least=2, outside=1)
