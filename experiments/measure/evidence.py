"""Whether a map of the evidence says which part of a face was replaced.

MODEL is a detector of cut-out faces, DATA a set of them that holds the Photoshop composites of
ciplab, whose names say which parts were replaced: `mid_12_0010.jpg` the nose (left eye, right eye,
nose, mouth). A part is a disc about YuNet's point for it, of .35 of the distance of the eyes. Of
the composites in the test split: the share of the map's evidence (`saliency.gradcam`) in the parts
that were replaced, beside what a map without any preference has there, and what the same map has in
the parts of the other composites. Only where it gains on the last does it know which parts these
are. Writes results/real/DATA-evidence.json; a minute.
"""

import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from experiments import records
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.data import load, resolve
from mesocore.evaluation import saliency
from mesocore.evaluation.labelled_images import about_data, check_framing
from mesocore.faces import find_faces
from mesocore.nets import load_detector
from mesocore.nets.inference import shipped

NAMED = re.compile(r"(?:easy|mid|hard)_\d+_([01]{4})\.jpg$")
RADIUS = 0.35  # of a part, in distances of the eyes
POINTS = ((1,), (0,), (2,), (3, 4))  # of YuNet, for left eye, right eye, nose, mouth


def replaced(origin: str) -> list[bool]:
    """Whether left eye, right eye, nose and mouth are of another face; none for other names."""
    found = NAMED.search(origin)
    return [digit == "1" for digit in found[1]] if found else []


def mask(points: np.ndarray, parts: Sequence[bool], side: int) -> np.ndarray:
    """Discs about the points `(5, 2)` of the parts that count: bool `(side, side)`."""
    y, x = np.indices((side, side)) + 0.5
    radius = RADIUS * np.linalg.norm(points[0] - points[1])
    chosen = [points[list(of)].mean(0) for of, part in zip(POINTS, parts, strict=True) if part]
    return np.any([np.hypot(x - px, y - py) <= radius for px, py in chosen], axis=0)


def measure(model: str, data: str) -> None:
    detector, images = load_detector(shipped.find(model)), resolve(data)
    check_framing(detector, images)
    test = load(images, "test", detector.size)
    masks, rows, faceless = [], [], 0
    for row, origin in enumerate(test.table["origin"]):
        if any(parts := replaced(origin)):
            faces = find_faces(test.images[row].permute(1, 2, 0).numpy())
            faceless += not faces
            if faces:
                masks.append(mask(faces[0].points, parts, detector.size))
                rows.append(row)
    if len(rows) < 2:
        raise UserError(f"{data} has no composites with named parts in its test split; assemble it "
                        "of photoshop too")  # fmt: skip
    chosen: Tensor = test.images[rows]
    found = saliency.against_chance(
        saliency.gradcam(detector.model, chosen), torch.from_numpy(np.stack(masks))
    )
    for name in ("inside", "shuffled", "uniform", "gain"):
        value = found[name]
        print(f"{name}: {value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]")
    values = {"composites": found, "without_a_face": faceless,
              "weights_sha256": detector.description["weights_sha256"],
              "data": about_data(images, "test"), "environment": runtime.environment(),
              "command": records.command("evidence", model, records.shown(images))}  # fmt: skip
    records.write(records.path_of(images, "evidence"), values)


EVIDENCE = Command("evidence", __doc__, "MODEL DATA", measure, least=2, most=2)
