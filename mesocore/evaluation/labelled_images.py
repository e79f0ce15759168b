"""Images with labels to measure a detector on: of an assembled set, or of a folder as it is."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mesocore.core.errors import UserError
from mesocore.core.files import sha256_file
from mesocore.data import dataset, tiers
from mesocore.data.assembled_set import SPLITS, AssembledSet, file_ids
from mesocore.data.sources import given_splits, overview, scanning
from mesocore.evaluation.prediction import NO_SCORE, UNKNOWN, predict
from mesocore.evaluation.record_types import Data
from mesocore.nets.detector import Detector
from mesocore.nets.inference.calibration import check_scores


class LabelledImages:
    """A split of an assembled set, or of a raw folder.

    data: a path, or the word `synthfaces`. split: train, val, test, or all; by default test, and
    all of a raw folder without a test folder. labels: what names in a raw folder mean
    (`labels.parse_given`). `set` is the `AssembledSet`, None for a raw folder. Raises `UserError`
    if there is no such folder, label or split.
    """

    def __init__(
        self,
        data: str | Path | AssembledSet,
        split: str | None = None,
        labels: Mapping[str, str] | None = None,
    ):
        self.rejected = 0
        if tiers.is_raw(data):
            self.set, self.folder = None, Path(data)
            self._found, self.split = _of_folder(self.folder, split, labels)
        else:
            if labels:
                raise UserError(f"{data} is an assembled set, whose labels are settled; leave out "
                                "--label, or assemble it anew with that")  # fmt: skip
            self.set = tiers.resolve(data)
            self.folder, self.split = self.set.folder, "test" if split is None else split

    def scored(self, detector: Detector) -> pd.DataFrame:
        """`label`, `source`, `group`, P(fake) in `probability`, and in `known` whether the image is
        like what was learnt (`Calibrated.knows`), one row an image.

        Of a set, with all columns of its manifest. Files that cannot be read count as `rejected`.
        """
        if self.set is not None:
            return scored(detector, self.set, self.split)
        by_path = {c.path: c for c in self._found.candidates}
        rows, self.rejected = [], len(self._found.unlabelled)
        for verdict in predict(detector, list(by_path)):
            if verdict.error == NO_SCORE:  # of no fault of the image's
                raise UserError(f"{verdict.path}: {NO_SCORE}")
            if verdict.error:
                self.rejected += 1
                continue
            candidate = by_path[verdict.path]
            rows.append(
                {
                    "label": candidate.label,
                    "source": candidate.source,
                    "group": candidate.group or (candidate.videos or (verdict.path,))[0],
                    "probability": verdict.probability_fake,
                    "known": verdict.reason != UNKNOWN,
                }
            )
        if not rows:
            raise UserError(f"{self.folder}: none of its {self.rejected} images could be read")
        return pd.DataFrame(rows)

    def faces(self, size: int) -> dataset.FaceSet:
        """The images of a set at `size` px. Raises `UserError` for a raw folder."""
        if self.set is None:
            raise UserError(f"{self.folder} is a raw folder, whose images cannot be degraded here; "
                            "assemble it first")  # fmt: skip
        return dataset.load(self.set, self.split, size)

    def about(self) -> Data:
        """The `data` part of a results record; of a raw folder after `scored`."""
        if self.set is not None:
            return about_data(self.set, self.split)
        return {"tier": tiers.tier(self.folder), "path": self.folder.name, "manifest_sha256": None,
                "split": self.split, "rejected": self.rejected}  # fmt: skip

    def originals(self) -> np.ndarray:
        """uint64 `(N,)`: which files they are, as `AssembledSet.original_ids` says it."""
        if self.set is not None:
            return self.set.original_ids(*(SPLITS if self.split == "all" else (self.split,)))
        paths = [Path(c.path) for c in self._found.candidates]
        return file_ids(sha256_file(path) for path in paths if path.is_file())

    def check_outside(self, own: AssembledSet) -> None:
        """Raises `UserError` if an image is in `own` too."""
        shared = int(np.isin(self.originals(), own.original_ids(*SPLITS)).sum())
        if self.set is not None:
            same = set(self.set.rows()["sha256"]) & set(own.rows()["sha256"])
            shared = max(shared, len(same))
        if shared:
            raise UserError(
                f"{self.folder} is not outside: {shared} of its images are in {own.folder}; "
                "name a set that shares none with it"
            )


def _of_folder(
    folder: Path, split: str | None, labels: Mapping[str, str] | None
) -> tuple[scanning.Scan, str]:
    """What a raw folder holds of a split, and the split's name."""
    if split is not None and split not in (*SPLITS, "all"):
        raise UserError(f"no split is called {split!r}; choose one of: {', '.join(SPLITS)}, all")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name an assembled set, or one of images")
    found = scanning.scan(folder, given=labels)
    if not found.candidates:
        overview.check_classes([found], [folder])
    there = [name for name in SPLITS if any(c.split == name for c in found.candidates)]
    if split is None:
        split = "test" if "test" in there else "all"
    if split == "all":
        return found, split
    if split not in there:
        has = f"it has {', '.join(there)}" if there else "it is not split"
        raise UserError(f"{folder} has no {split} folder ({has}); measure all of it: --split all")
    found.candidates = [c for c in found.candidates if c.split == split]
    found.unlabelled = [
        (origin, reason) for origin, reason in found.unlabelled
        if given_splits.of_path(origin.partition("/")[2]) == split
    ]  # fmt: skip
    return found, split


def scored(detector: Detector, data: Path | AssembledSet, split: str) -> pd.DataFrame:
    """The manifest's rows of one split of an assembled set, with P(fake) in `probability` and
    `known` (`Calibrated.knows`).

    Raises `UserError` if the set frames its faces in another way than the detector does.
    """
    check_framing(detector, AssembledSet(data))
    faces = dataset.load(data, split, detector.size)
    return judged(detector, faces)


def judged(detector: Detector, faces: dataset.FaceSet) -> pd.DataFrame:
    """The images' rows with P(fake) in `probability`, and `known` (`Calibrated.knows`)."""
    found = detector.examine(faces.images)
    check_scores(found.logits)
    known = True if found.kind is None else [detector.knows(kind) for kind in found.kind]
    return faces.table.assign(probability=detector.calibrated(found), known=known)


def check_framing(detector: Detector, data: AssembledSet) -> None:
    """Raises `UserError` if the set's pictures have another margin about the face than those that
    the detector judges: its scores would be of something that it never saw."""
    own, there = detector.preparation.margin, data.preparation.margin
    if own != there:
        how = "whole pictures" if own is None else f"faces cut out with a margin of {own:g}"
        fix = "without --face-margin" if own is None else f"with --face-margin {own:g}"
        raise UserError(f"the detector judges {how}, and {data.folder} was assembled otherwise; "
                        f"assemble it {fix}")  # fmt: skip


def about_data(data: Path | AssembledSet, split: str) -> Data:
    """The `data` part of a results record for one split of an assembled set."""
    assembled = AssembledSet(data)
    return {"tier": tiers.tier(assembled), "path": assembled.name,
            "manifest_sha256": assembled.manifest_sha256, "split": split,
            "rejected": 0}  # fmt: skip
