"""One results file: what was measured, on what, by what, with what beside it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mesocore.core.errors import UserError
from mesocore.core.runtime import command_line, environment
from mesocore.data import dataset, tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.data.assembly import sources
from mesocore.data.auditing import audit
from mesocore.evaluation import metrics
from mesocore.evaluation.prediction import predict
from mesocore.evaluation.record_types import Comparison, Data, Evaluation, Outside
from mesocore.evaluation.tables import interval
from mesocore.nets import profile
from mesocore.nets.detector import Detector


def evaluate(
    detector: Detector | Sequence[Detector],
    data: str | Path,
    split: str = "test",
    outside: str | Path | None = None,
) -> Evaluation:
    """Scores an assembled set's split, or a whole raw `real/` + `fake/` folder, and measures.

    `data` is a path, or the word `synthfaces`. Several detectors are runs of one model that differ
    in their seed: then metrics are means over them, and threshold and temperature are lists.

    Returns the record of a results file. On an assembled set the AUC of
    trivial features, fitted on its train split, stands beside the model's. `outside`: another set
    or raw folder; `outside` of the record has the figures over all of its images. Raises
    `UserError` if the detectors differ in more than their seed, or `outside` is not outside.
    """
    detectors = [detector] if isinstance(detector, Detector) else list(detector)
    about = one_model(detectors)
    raw = tiers.is_raw(data)
    data = Path(data) if raw else tiers.resolve(data)
    elsewhere = None if outside is None else Elsewhere(outside, None if raw else data)
    tables = [_score_raw(d, data) if raw else (scored(d, data, split), 0) for d in detectors]
    seen = not raw and about["config"].get("manifest_sha256") == data.manifest_sha256
    record = {
        "model": about["config"],
        "data": _raw_data(data, tables[0][1]) if raw else about_data(data, split),
        "seeds": [d.description["config"]["seed"] for d in detectors if "seed" in about["config"]],
        "threshold": {
            "value": _one_or_all([d.threshold for d in detectors]),
            "from": about["threshold_from"],
        },
        "temperature": _one_or_all([d.temperature for d in detectors]),
        "metrics": metrics.measure(
            [table for table, _ in tables], [d.threshold for d in detectors]
        ),
        "trivial_baseline": None if raw else audit.trivial_baseline(data, split),
        "environment": environment(),
        "command": command_line(),
    }
    if seen and split != "test":
        record["warning"] = f"the {split} split took part in training or in choosing the threshold"
    if elsewhere:
        others = [elsewhere.scored(d) for d in detectors]
        found = metrics.measure(others, [d.threshold for d in detectors])
        record["outside"] = elsewhere.about() | {"metrics": found}
    return record


def compare(
    rows: Mapping[str, Sequence[Detector]],
    data: str | Path,
    baseline: str,
    split: str = "test",
    outside: str | Path | None = None,
) -> Comparison:
    """Several models, each with one run per seed, on one split of an assembled set.

    Returns a record with `rows`: for each name its config, `seeds` (an ensemble has one, which
    lists those of its members: "0+1+2"), `val_roc_auc` of each run (what a choice may be based on),
    `trained_on` (the GPU or processor of each), metrics over all images as `metrics.overall` gives
    them, parameters and multiply-adds, and `against`: the paired difference of its ROC AUC to that
    of `baseline`, a name among the rows. The split is read once for all of them. `outside`: another
    set or raw folder, over all images of which each row has `metrics` and `against` too, in its
    `outside`. Raises `UserError` if it is not outside.
    """
    folder = tiers.resolve(data)
    elsewhere = None if outside is None else Elsewhere(outside, folder)
    own = _measured(rows, lambda detector: scored(detector, folder, split), baseline)
    record = {"baseline": baseline, "rows": {}}
    for name, runs in rows.items():
        about = one_model(runs)
        record["rows"][name] = {
            "model": about["config"] | {"data": folder.name},
            "seeds": [run.description["config"]["seed"] for run in runs],
            "val_roc_auc": [run.description["best"]["val_roc_auc"] for run in runs],
            "trained_on": [_hardware(run) for run in runs],
            **profile.complexity(runs[0].model, runs[0].size),
            **own[name],
        }
    record["data"] = about_data(folder, split)
    record["trivial_baseline"] = audit.trivial_baseline(folder, split)
    if elsewhere:
        for name, found in _measured(rows, elsewhere.scored, baseline).items():
            record["rows"][name]["outside"] = found
        record["outside"] = elsewhere.about()
    return record | {"environment": environment(), "command": command_line()}


def _measured(
    rows: Mapping[str, Sequence[Detector]],
    score: Callable[[Detector], pd.DataFrame],
    baseline: str,
) -> dict[str, dict]:
    """`metrics` and `against` of each row, on the images of which `score` gives P(fake)."""
    tables = {name: [score(run) for run in runs] for name, runs in rows.items()}
    labels = (tables[baseline][0]["label"] == "fake").to_numpy(int)
    groups = tables[baseline][0]["group"].to_numpy()
    scores = {name: np.stack([t["probability"] for t in runs]) for name, runs in tables.items()}
    return {
        name: {
            "metrics": {"all": metrics.overall(tables[name], [run.threshold for run in runs])},
            "against": metrics.paired_difference(labels, scores[name], scores[baseline], groups),
        }
        for name, runs in rows.items()
    }


def check_outside(data: AssembledSet, own: AssembledSet) -> None:
    """Raises `UserError` if an image of `data` is in `own` too."""
    if shared := len(set(data.rows()["sha256"]) & set(own.rows()["sha256"])):
        raise UserError(
            f"{data.folder} is not outside: {shared} of its images are in {own.folder}; "
            "name a set that shares none with it"
        )


class Elsewhere:
    """Every image of a set or a raw folder that is not `own`, an assembled set or None.

    Raises `UserError` if it is `own`, or shares images with it.
    """

    def __init__(self, data: str | Path | AssembledSet, own: AssembledSet | None):
        self.raw = tiers.is_raw(data)
        self.data = Path(data) if self.raw else tiers.resolve(data)
        self.own, self.rejected = own, 0
        if self.raw and not self.data.is_dir():
            raise UserError(f"{data}: no such folder; name an assembled set, or one of images")
        if not self.raw and own:
            check_outside(self.data, own)

    def scored(self, detector: Detector) -> pd.DataFrame:
        """`label`, `source`, `group` and P(fake) of every image."""
        if not self.raw:
            return scored(detector, self.data, "all")
        table, self.rejected = _score_raw(detector, self.data)
        return table

    def about(self) -> Outside:
        """The `outside` part of a record, without metrics; after `scored`."""
        if self.raw:
            return {"data": _raw_data(self.data, self.rejected), "trivial_baseline": None}
        trivial = audit.trivial_baseline(self.own, "all", self.data) if self.own else None
        return {"data": about_data(self.data, "all"), "trivial_baseline": trivial}


def _hardware(run: Detector) -> str:
    where = run.description["environment"]
    return where["gpu"] or where["processor"]


def about_data(data: Path | AssembledSet, split: str) -> Data:
    """The `data` part of a results record for one split of an assembled set."""
    assembled = AssembledSet(data)
    return {"tier": tiers.tier(assembled), "path": assembled.name,
            "manifest_sha256": assembled.manifest_sha256, "split": split,
            "rejected": 0}  # fmt: skip


def _raw_data(folder: Path, rejected: int) -> Data:
    return {"tier": tiers.tier(folder), "path": folder.name, "manifest_sha256": None,
            "split": "all", "rejected": rejected}  # fmt: skip


def one_model(detectors: Sequence[Detector]) -> dict:
    """The first one's description, if the others differ from it in their seed alone.

    Raises `UserError` if they do not.
    """
    if not detectors:
        raise UserError("no run is given; name one")
    # folders may have moved (manifest_sha256 says which set it is), and each seed may have been
    # pretrained with that seed
    own = dict.fromkeys(("seed", "data", "init", "init_sha256"))
    configs = [d.description["config"] for d in detectors]
    for config in configs[1:]:
        if config | own != configs[0] | own:
            raise UserError("the runs differ in more than their seed; use each by itself")
    if len({config.get("seed") for config in configs}) < len(configs):
        raise UserError("two of the runs have the same seed; name each run once")
    return detectors[0].description


def _one_or_all(values: list[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else values


def scored(detector: Detector, data: Path | AssembledSet, split: str) -> pd.DataFrame:
    """The manifest's rows of one split of an assembled set, with P(fake) in `probability`."""
    faces = dataset.load(data, split, detector.size)
    return faces.table.assign(probability=detector.probabilities(faces.images))


def _score_raw(detector: Detector, folder: Path) -> tuple[pd.DataFrame, int]:
    found = sources.scan(folder)
    by_path = {str(c.path): c for c in found.candidates}
    if not by_path:
        raise UserError(f"{folder}: no image below a folder called real or fake")
    rows, rejected = [], len(found.unlabelled)
    for verdict in predict(detector, list(by_path)):
        if verdict.error:
            rejected += 1
            continue
        candidate = by_path[verdict.path]
        rows.append(
            {
                "label": candidate.label,
                "source": candidate.source,
                "group": candidate.group or verdict.path,
                "probability": verdict.probability_fake,
            }
        )
    if not rows:
        raise UserError(f"{folder}: none of its {rejected} images could be read")
    return pd.DataFrame(rows), rejected


def summary(record: Evaluation) -> str:
    """The record's headline as a few lines for a person."""
    lines = []
    found = record["metrics"]
    parts = {"all": found["all"], **found["by_source"], **found.get("by_kind", {})}
    for name, part in parts.items():
        lines.append(f"{name}: {part['images']} images, {part['fakes']} fake")
        for metric, value in part.items():
            if isinstance(value, dict) and value["value"] is not None:
                spread = f"  sd over seeds {value['sd']:.3f}" if "sd" in value else ""
                lines.append(f"  {metric:<18} {interval(value)}{spread}")
    if "outside" in record:
        there = record["outside"]
        auc, right = (interval(there["metrics"]["all"][key]) for key in ("roc_auc", "accuracy"))
        lines.append(f"outside, {there['data']['path']}: {there['metrics']['all']['images']} "
                     f"images, ROC AUC {auc}, accuracy {right}")  # fmt: skip
    lines.append("in brackets: 95 % intervals over test images")
    if len(record["seeds"]) > 1:
        lines.append(f"means over the seeds {', '.join(map(str, record['seeds']))}")
    if record["data"]["rejected"]:
        lines.append(f"rejected: {record['data']['rejected']} files that could not be used")
    baseline = record["trivial_baseline"]
    if baseline:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in baseline.items())
        lines.append(f"trivial features, ROC AUC: {scores}")
    threshold = record["threshold"]
    values = np.atleast_1d(threshold["value"])
    lines.append(f"threshold {', '.join(f'{v:.3f}' for v in values)}, from {threshold['from']}")
    if "warning" in record:
        lines.append(f"warning: {record['warning']}")
    return "\n".join(lines)
