"""What runs do on the family that they did not learn from, and on those that they did.

RUNs were trained on DATA without a family (`leave-one-out`, rows ROW-without-FAMILY); those that
differ in their seed alone are one row, of which the mean is taken. Measured are all images of the
family left out, and the test images of the others; beside each row stands what trivial features
reach on that family that were fitted on the others, and what its verdicts there would be by P(fake)
alone (`by_band_alone`). Writes results/real/DATA-left-out.json; five minutes of a core a run.
"""

from dataclasses import replace

from experiments import by_family, records
from experiments.by_family import Scores, check_framing, columns, families
from experiments.runner import Command, Job
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.data import AssembledSet, load, resolve
from mesocore.data.auditing import audit
from mesocore.evaluation.labelled_images import about_data
from mesocore.nets import Detector, load_detector


def by_row(runs: tuple[str, ...], data: AssembledSet) -> dict[str, list[Detector]]:
    """The runs by the family that they lack. Raises `UserError` for one that lacks none, or that
    was trained on another set."""
    found: dict[str, list[Detector]] = {}
    for run in runs:
        detector = load_detector(run)
        config = detector.description["config"]
        missing = (config.get("leave_out") or "").split("+")
        family = [name for name, own in families(data).items() if own == missing]
        if not family or not data.learnt_by(config):
            raise UserError(f"{run} is no run that lacks one family of {data.folder}; train some: "
                            "python -m experiments leave-one-out")  # fmt: skip
        found.setdefault(family[0], []).append(detector)
    return found


def measure(*words: str) -> None:
    *runs, named = words
    data = resolve(named)
    found, rows, scores = by_row(tuple(runs), data), {}, Scores()
    for family, detectors in found.items():
        check_framing(detectors[0], Job((data,)))
        images = load(data, "all", detectors[0].size)
        parts = columns(data, images, family)
        parts |= {name: part for name, part in columns(data, images, "").items() if name != family}
        others = [name for other, names in families(data).items() if other != family
                  for name in names]  # fmt: skip
        own = families(data)[family]
        rows[family] = by_family.row(detectors, data) | {
            "seeds": [run.description["config"]["seed"] for run in detectors],
            "columns": {name: scores.of(family, detectors, name, part)
                        for name, part in parts.items()},
            "trivial_baseline": audit.trivial_baseline(
                data.folder, "all", fitted_on=others, scored=own
            ),
        }  # fmt: skip
        without_kinds = [replace(detector, kind_from=None) for detector in detectors]
        by_band = scores.of("by band", without_kinds, family, parts[family])
        rows[family]["by_band_alone"] = by_band
        print(family, *(f"{each['roc_auc']['value']:.3f} {each['verdicts']['confident']['value']}"
                        for each in (by_band, rows[family]["columns"][family])))  # fmt: skip
    values = {"rows": rows, "families": families(data), "data": about_data(data, "all"),
              "environment": runtime.environment(),
              "command": records.command("left-out", *runs, records.shown(data))}  # fmt: skip
    records.write(records.path_of(data, "left-out"), values)


LEFT_OUT = Command("left-out", __doc__, "RUN... DATA", measure, least=2)
