"""A case: a set, a detector and the paper about them, in a folder.

README.md     the paper, one page
claims.json   the numbers of that page
case.json     the seed
set/          the assembled set
detector/     the run folder, for `nets.load_detector`
"""

import json
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import pandas as pd
import torch

from mesocore.core.errors import UserError
from mesocore.core.files import check_free, write_json, write_text
from mesocore.core.schemas import read_json
from mesocore.course.project import pictures, planted_detector, planted_set
from mesocore.course.project.catalogue import CATALOGUE, DATA, planted
from mesocore.data import AssembledSet
from mesocore.nets import Detector, load_detector

_FIX = "make the case anew"
EXTRA = (4, 13)  # pictures that a paper claims too many, the upper end left out


class Case:
    """A case on disk. Raises `UserError` if `folder` holds none."""

    def __init__(self, folder: "str | Path | Case"):
        self.folder = Path(folder.folder if isinstance(folder, Case) else folder)
        if not (self.folder / "case.json").is_file():
            raise UserError(f"{self.folder} holds no case; make one with make_case(seed, folder)")
        self.seed = read_json(self.folder / "case.json", dict[str, int], _FIX)["seed"]

    def __repr__(self) -> str:
        return f"Case({str(self.folder)!r})"

    @property
    def paper(self) -> str:
        """The page that says what was done and what is claimed, in Markdown."""
        return (self.folder / "README.md").read_text(encoding="utf-8")

    @cached_property
    def claims(self) -> dict:
        """The paper's numbers: `pictures` (split -> label -> count), `parameters`, `sparsity`,
        `threshold`, `accuracy` (`right` of `of` test pictures)."""
        return json.loads((self.folder / "claims.json").read_text(encoding="utf-8"))

    @cached_property
    def set(self) -> AssembledSet:
        """The assembled set."""
        return AssembledSet(self.folder / "set")

    @cached_property
    def detector(self) -> Detector:
        """The detector, as the file says what its output means."""
        return load_detector(self.folder / "detector")


def make_case(seed: int, out: str | Path) -> Case:
    """Writes the case `seed` to the folder `out`, which must be new or empty.

    The same seed gives the same bytes on one machine; it takes 5 to 20 s on one core. Raises
    `UserError` for a negative seed or a folder that holds something else.
    """
    return write(seed, planted(seed), Path(out))


def write(seed: int, flaws: Collection[str], out: Path) -> Case:
    """A case with these flaws of `CATALOGUE`; with none it is a sound paper."""
    check_free(out, "folder")
    of_data = frozenset(name for name in flaws if CATALOGUE[name].side == DATA) - {"counts"}
    rows = planted_set.draw(seed, of_data)
    assembled = planted_set.write(rows, out / "set", seed)
    splits = {split: _split([row for row in rows if row.split == split])
              for split in planted_set.PEOPLE}  # fmt: skip
    made = planted_detector.make(seed, flaws, splits)
    planted_detector.save(made, out / "detector", assembled.manifest_sha256, seed)
    claims = _claims(assembled, made, seed if "counts" in flaws else None)
    write_text(out / "README.md", _paper(seed, claims))
    write_json(out / "claims.json", claims)
    write_json(out / "case.json", {"seed": seed})
    return Case(out)


def _split(rows: list[planted_set.Picture]) -> planted_detector.Split:
    images = torch.from_numpy(pictures.pixels([row.saved.matched for row in rows]))
    labels = pd.Series([row.label == "fake" for row in rows]).to_numpy(int)
    return planted_detector.Split(images, labels)


def _claims(assembled: AssembledSet, made: planted_detector.Made, wrong: int | None) -> dict:
    """What the paper says. `wrong`: the seed by which one of the counts is too large."""
    counts = json.loads(json.dumps(assembled.about["counts"]["splits"]))
    tested = sum(counts["test"].values())
    if wrong is not None:
        extra = EXTRA[0] + wrong % (EXTRA[1] - EXTRA[0])
        counts[("train", "val", "test")[wrong % 3]][("real", "fake")[wrong % 2]] += extra
    return {
        "pictures": counts,
        "model": planted_detector.MODEL,
        "size": pictures.SIZE,
        "parameters": made.parameters,
        "sparsity": planted_detector.SPARSITY,
        "threshold": made.about["threshold"],
        "accuracy": {"right": made.right, "of": tested, "split": "test"},
    }


def _paper(seed: int, claims: dict) -> str:
    rows = "\n".join(f"| {split} | {of['real']} | {of['fake']} | {sum(of.values())} |"
                     for split, of in claims["pictures"].items())  # fmt: skip
    total = sum(sum(of.values()) for of in claims["pictures"].values())
    found = claims["accuracy"]
    return f"""# Case {seed}: a small detector of generated parts of faces

**Data.** {total} pictures of faces that a program drew, two of each person. In a forged picture a
part of the face was made anew by a generator. Either both pictures of a person are forged, or
neither is. All originals of both classes were saved as JPEG in the same way, then brought to
{claims["size"]} pixels and one quality (`set/`). People were divided among the splits, so that
nobody is in two of them, and no picture is there twice.

| split | real | fake | all |
|---|---|---|---|
{rows}

**Detector.** `{claims["model"]}` at {claims["size"]} pixels with {claims["parameters"]:,} trainable
parameters (`detector/`): Meso-4 with a high-pass front, a BatchNorm layer of its own behind each
convolution, and squeeze-and-excitation, whose gates follow the picture. It was trained on the
training split. Its output is the logit of P(fake).

**Pruning.** {claims["sparsity"]:.0%} of the weights of its convolutions and dense layers were set
to 0 by global magnitude, under masks that held through fine-tuning.

**Threshold.** {claims["threshold"]:.3f}, fitted for balanced accuracy on the validation split. The
test split was looked at once.

**Result.** {found["right"]} of {found["of"]} test pictures are judged rightly: an accuracy of
{found["right"] / found["of"]:.1%} on faces that the detector has not seen.
"""
