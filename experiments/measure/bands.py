"""On which scale does a detector of real faces look: without an octave of waves, and with it alone?

Several RUNs are seeds of one model, of which the mean is taken. DATA is an assembled set that RUN
did not learn from; 400 of its images of each label are drawn. Taken out, and kept alone, are the
octaves from 2 pixels to half the side, and the mesoscopic band as a whole: longer than those of
single pixels, shorter than a quarter of the picture. ROC AUC over all pairs of a real and a fake,
and over those whose faces are `alike` in size, which may give the label away (`framing`). Scores
are kept in runs/bands/NAME. Writes results/real/SET-bands.json, SET being what RUN learnt from, in
7 minutes of a core at 256 px.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from experiments import records, runner
from experiments.measure.framing import ALIKE, Pairs, framing
from experiments.runner import Command
from mesocore import evaluation
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.data import FaceSet, load, resolve
from mesocore.evaluation import frequency_bands, robustness
from mesocore.nets import Detector, load_detector

EACH = 400  # images of each label
FINEST = 2  # pixels: the shortest wave that pixels can hold
CHANGES = {"without": frequency_bands.without_band, "alone": frequency_bands.only_band}
Band = tuple[int, ...]  # wavelengths in pixels, from and below


def bands(side: int) -> list[Band]:
    """The octaves from 2 to half of `side` pixels, and the mesoscopic band as the last."""
    count = int(np.log2(side // 4))
    return [(FINEST << n, FINEST << (n + 1)) for n in range(count)] + [(2 * FINEST, side // 4)]


def drawn(faces: FaceSet, each: int = EACH) -> FaceSet:
    """So many images of each label, always the same, in their order; all of a label with fewer."""
    rng, labels = np.random.default_rng(0), faces.labels.numpy()
    rows = [rng.permutation(np.flatnonzero(labels == label))[:each] for label in (0, 1)]
    kept = np.sort(np.concatenate(rows))
    return FaceSet(faces.images[kept], faces.labels[kept], faces.table.iloc[kept])


def scores(
    detectors: Sequence[Detector], faces: FaceSet, folder: Path, change: str = "", band: Band = ()
) -> np.ndarray:
    """P(fake) `(R, N)` of the untouched images, or with a band taken out or alone; as far as
    possible from an earlier call."""
    name = "-".join(map(str, (change or "untouched", *band))) + ".npy"
    files = [folder / f"{d.description['weights_sha256'][:12]}-{name}" for d in detectors]
    if not all(file.exists() for file in files):
        folder.mkdir(parents=True, exist_ok=True)
        images = CHANGES[change](faces.images, *band) if change else faces.images
        for detector, file in zip(detectors, files, strict=True):
            half = file.with_suffix(".part.npy")
            np.save(half, detector.probabilities(images))
            half.replace(file)
    return np.stack([np.load(file) for file in files])


def face_sizes(faces: FaceSet, root: Path, folder: Path) -> np.ndarray:
    """The logarithm of the picture's side over the face's `(N,)`, of the set in `root`; NaN where
    no face is found."""
    file = folder / "log-sizes.npy"
    if not file.exists():
        found = [framing(str(root / path)) for path in faces.table["path"]]
        sizes = [one["log size"] if one["faces"] else np.nan for one in found]
        folder.mkdir(parents=True, exist_ok=True)
        np.save(file, sizes)
    return np.load(file)


def measure(detectors: Sequence[Detector], faces: FaceSet, sizes: np.ndarray, folder: Path) -> dict:
    """`untouched` and `bands`: `robustness.level_metrics` of each change, with its ROC AUC over
    pairs `alike` in size, and the band's share of the `contrast`; `size_alone`: ROC AUC of the
    `face_sizes` alone."""
    thresholds = [detector.threshold for detector in detectors]
    seen = np.isfinite(sizes)
    fake, groups = faces.labels.numpy()[seen] == 1, faces.table["group"].to_numpy()[seen]
    pairs = Pairs(fake, sizes[seen], groups)

    def levels(found: np.ndarray) -> dict:
        by_label = robustness.level_metrics(faces.table, found, thresholds)
        return by_label | {"alike": pairs.share(*found[:, seen])}

    rows = []
    for band in bands(detectors[0].size):
        row = {"band": list(band),
               "contrast": frequency_bands.power_share(faces.images, *band)}  # fmt: skip
        for change in CHANGES:
            row[change] = levels(scores(detectors, faces, folder, change, band))
            auc = row[change]["roc_auc"]["value"]
            print(f"{band[0]} to {band[1]} px {change}: {auc:.3f}", flush=True)
        rows.append(row)
    alone = {"all": float(roc_auc_score(fake, -sizes[seen])),
             "alike": pairs.share(-sizes[seen])["value"]}  # fmt: skip
    return {"size_alone": alone, "without_a_face": int((~seen).sum()), "pairs": len(pairs.real),
            "untouched": levels(scores(detectors, faces, folder)), "bands": rows}  # fmt: skip


def main(*words: str) -> None:
    *runs, word = words
    data = resolve(word)
    detectors = [load_detector(run) for run in runs]
    about = evaluation.records.one_model(detectors)
    split = runner.split_for(data, detectors[0])
    if split != "all":
        raise UserError(f"{word} is what {runs[0]} learnt from; name a set from outside")
    faces = drawn(load(data, split, detectors[0].size))
    folder = runner.folder_of(f"bands/{data.manifest_sha256[:12]}-{len(faces)}")
    records.write(records.path_of(Path(about["config"]["data"]).name, "bands"), {
        "model": about["config"],
        "weights_sha256": [d.description["weights_sha256"] for d in detectors],
        "data": evaluation.labelled_images.about_data(data, split),
        "images": len(faces),
        "seeds": [d.description["config"]["seed"] for d in detectors],
        "alike": ALIKE,
        **measure(detectors, faces, face_sizes(faces, data.folder, folder), folder),
        "environment": runtime.environment(),
        "command": records.command("bands", *runs, records.shown(data)),
    })  # fmt: skip


BANDS = Command("bands", __doc__, "RUN... DATA", main, least=2)
