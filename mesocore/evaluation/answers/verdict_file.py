"""A CSV file of verdicts on many pictures: it grows while they are judged, and can go on later."""

import csv
import io
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.core.files import printable, write_text
from mesocore.core.runtime import progress
from mesocore.core.schemas import read_text
from mesocore.evaluation import prediction
from mesocore.evaluation.prediction import EVEN, Verdict, find_images, judged
from mesocore.nets.inference.calibration import Calibrated

COLUMNS = list(Verdict("").to_dict())
FIX = "write to another file"
LIMITS = ("prior", "real_below", "fake_from", "kind_from")  # the same in every judged row


class VerdictFile:
    """Verdicts in `path`, a row a face, with the columns of `Verdict`, in UTF-8.

    With `resume` the file is one that an earlier call began, and pictures that it answers are not
    judged once more. Those of the last batch are: what a batch gives depends on all of it in the
    last bit, and the file shall end as if nothing had happened. Raises `UserError` if the file is
    there and `resume` is not, or if it is none of verdicts.
    """

    def __init__(self, path: Path, resume: bool = False):
        self.path = path
        self.rows: list[dict[str, str]] = []
        self.begun: list[dict[str, str]] = []  # `rows`, and those of the last batch
        if not path.exists():
            return
        if not resume:
            raise UserError(f"{path} is there already; add --resume to go on, or {FIX}")
        lines = csv.reader(read_text(path, FIX).splitlines(keepends=True))
        if (header := next(lines, COLUMNS)) != COLUMNS:
            raise UserError(f"{path} begins with {','.join(header)[:60]!r}, so it holds no verdicts"
                            f" of this version; {FIX}")  # fmt: skip
        whole = itertools.takewhile(lambda row: len(row) == len(COLUMNS), lines)
        self.begun = [dict(zip(COLUMNS, row, strict=True)) for row in whole]
        self.rows = self.begun[: _whole_batches([row["path"] for row in self.begun])]

    def add(
        self,
        detector: Calibrated,
        paths: Sequence[str],
        crop: bool = True,
        prior: float = EVEN,
    ) -> Counter:
        """Judges what is missing of the files behind `paths`, as `prediction.predict` does.

        Returns how many rows of the file say "real", "fake", "unsure", and "error". Raises
        `UserError` if earlier rows are of other limits, or of another prior.
        """
        self._check_limits(detector, prior)
        done = {row["path"] for row in self.rows}
        items = [item for item in find_images(paths) if printable(item[0]) not in done]
        kept = io.StringIO(newline="")
        csv.writer(kept).writerows([COLUMNS, *(row.values() for row in self.rows)])
        write_text(self.path, kept.getvalue())  # at once: nothing that was judged is lost
        with (
            open(self.path, "a", encoding="utf-8", newline="") as file,
            progress(None, "pictures", len(items)) as bar,
        ):
            last, writer = None, csv.writer(file)
            for verdict, _ in judged(detector, items, crop, prior):
                writer.writerow(verdict.to_dict().values())
                file.flush()
                bar.update(verdict.path != last)
                last = verdict.path
        return self.counts()

    def _check_limits(self, detector: Calibrated, prior: float) -> None:
        limits = prior, *detector.band, detector.kind_from
        now = {name: "" if value is None else str(value)
               for name, value in zip(LIMITS, limits, strict=True)}  # fmt: skip
        for row in self.begun:
            before = {name: row[name] for name in LIMITS}
            if not row["error"] and before != now:
                was = ", ".join(f"{name} {before[name]}, now {now[name]}" for name in LIMITS
                                if before[name] != now[name])  # fmt: skip
                raise UserError(f"{self.path} was begun with {was}; {FIX}")

    def counts(self) -> Counter:
        """How many rows of the file say what."""
        with open(self.path, encoding="utf-8", newline="") as file:
            return Counter(row["verdict"] or "error" for row in csv.DictReader(file))


def _whole_batches(paths: list[str]) -> int:
    """How many rows, by their pictures, are whole batches and end with a picture's last face."""
    batch = prediction.BATCH
    ends = (k for k in range(len(paths) // batch * batch, 0, -batch)
            if k < len(paths) and paths[k] != paths[k - 1])  # fmt: skip
    return next(ends, 0)
