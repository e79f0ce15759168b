"""What a detector says of each image, so that limits can be tried without the images.

RUN learnt from DATA. Of the images of DATA's validation split, on which limits are chosen, and of
the set of `--outside`: whether each is fake, its source and group, P(fake) as the temperature makes
it, and how probable its likeliest kind is (1 of a detector without kinds). No image can be told
from that. Writes results/real/RUN-scores.json in a minute of a core.
"""

from pathlib import Path

import numpy as np

from experiments import records
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.data import AssembledSet, load, resolve
from mesocore.evaluation.labelled_images import about_data, check_framing
from mesocore.nets import Detector, load_detector
from mesocore.nets.inference import shipped
from mesocore.nets.inference.calibration import check_scores, to_probability

DIGITS = 4


def scores(detector: Detector, data: AssembledSet, split: str) -> dict[str, list]:
    """The columns, image by image."""
    check_framing(detector, data)
    faces = load(data, split, detector.size)
    found = detector.examine(faces.images)
    probability = to_probability(check_scores(found.logits), detector.temperature)
    kind = np.ones(len(faces)) if found.kind is None else found.kind
    groups = np.unique(faces.table["group"], return_inverse=True)[1]
    return {"fake": faces.labels.tolist(), "source": faces.table["source"].tolist(),
            "group": groups.tolist(), "probability": probability.round(DIGITS).tolist(),
            "probability_kind": kind.round(DIGITS).tolist()}  # fmt: skip


def measure(run: str, named: str, outside: str) -> None:
    data, other = resolve(named), resolve(outside)
    detector, name = load_detector(shipped.find(run)), Path(run).name
    low, high = detector.band
    records.write(records.path(f"real/{name}-scores.json"), {
        "weights_sha256": detector.description["weights_sha256"],
        "limits": {"real_below": low, "fake_from": high, "kind_from": detector.kind_from},
        "data": about_data(data, "val"), "outside": about_data(other, "all"),
        "val": scores(detector, data, "val"), other.name: scores(detector, other, "all"),
        "environment": runtime.environment(),
        "command": records.command("scores", name, records.shown(data),
                                   "--outside", records.shown(other)),
    })  # fmt: skip


SCORES = Command("scores", __doc__, "RUN DATA --outside SET", measure, least=2, most=2, outside=1)
