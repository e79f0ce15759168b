"""One results file: what was measured, on what, by what, with what beside it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mesocore.core.errors import UserError
from mesocore.core.runtime import command_line, environment
from mesocore.data import tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.data.auditing import audit
from mesocore.evaluation import metrics, robustness, thresholds
from mesocore.evaluation.labelled_images import LabelledImages
from mesocore.evaluation.record_types import Comparison, Evaluation, Outside
from mesocore.evaluation.tables import interval
from mesocore.nets import profile
from mesocore.nets.detector import Detector

FEW_GROUPS = 20  # videos, people, photographs; a bootstrap over fewer says little


def evaluate(
    detector: Detector | Sequence[Detector],
    data: str | Path,
    split: str | None = None,
    outside: str | Path | None = None,
    labels: Mapping[str, str] | None = None,
    degraded: bool = False,
) -> Evaluation:
    """Scores a split of an assembled set or of a raw folder with labels, and measures.

    `data` is a path, or the word `synthfaces`. `split` is the test split unless given; of a raw
    folder without one it is all. `labels`: what its folders' names mean (`labels.parse_given`).
    Several detectors are runs of one model that differ in their seed: then metrics are means over
    them, and threshold and temperature are lists.

    Returns the record of a results file. On an assembled set the AUC of trivial features, fitted on
    its train split, stands beside the model's, and of several sources on the images of each.
    `outside`: another set or raw folder; `outside` of the record has the figures over all of its
    images. `degraded`: the record has `robustness` too, of all images of `outside`, or of the
    split. Raises `UserError` if the detectors differ in more
    than their seed, if there is no such split, `outside` is not outside, or a raw folder is to be
    degraded.
    """
    detectors = [detector] if isinstance(detector, Detector) else list(detector)
    about = one_model(detectors)
    own = LabelledImages(data, split, labels)
    elsewhere = None if outside is None else _outside(outside, own.set)
    swept = elsewhere or own
    faces = swept.faces(detectors[0].size) if degraded else None  # before the work: it may refuse
    found = _found(detectors, own)
    trained_there = own.set is not None and own.set.learnt_by(about["config"])
    record = {
        "model": about["config"],
        "data": own.about(),
        "seeds": [d.description["config"]["seed"] for d in detectors if "seed" in about["config"]],
        "threshold": {
            "value": _one_or_all([d.threshold for d in detectors]),
            "from": about["threshold_from"],
        },
        "temperature": _one_or_all([d.temperature for d in detectors]),
        **found,
        "trivial_baseline": own.set and audit.trivial_baseline(own.set.folder, own.split),
        **_trivial_by_source(own),
        "environment": environment(),
        "command": command_line(),
    }
    originals = own.originals()
    untouched = trained_there and own.split == "test"
    record["seen_in_training"] = 0 if untouched else _seen(detectors, originals)
    warnings = _turned_round(record) + _touched(record, trained_there, len(originals))
    if warnings:
        record["warning"] = "; ".join(warnings)
    if elsewhere is not None:
        found = _found(detectors, elsewhere)
        record["outside"] = _about_outside(elsewhere, own.set) | found
    if faces is not None:
        found = robustness.sweeps(detectors, faces.images, faces.table)
        record["robustness"] = {"data": swept.about(), "sweeps": found}
    return record


def _trivial_by_source(own: LabelledImages) -> dict:
    sources = [] if own.set is None else sorted(set(own.set.rows(own.split)["source"]))
    if len(sources) < 2:
        return {}
    found = {name: audit.trivial_baseline(own.set.folder, own.split, scored=[name])
             for name in sources}  # fmt: skip
    return {"trivial_by_source": found}


def _found(detectors: Sequence[Detector], images: LabelledImages) -> dict:
    """`metrics` and `verdicts` of a record on these images."""
    tables = [images.scored(detector) for detector in detectors]
    return {
        "metrics": metrics.measure(tables, [d.threshold for d in detectors]),
        "verdicts": thresholds.verdicts(tables, [d.band for d in detectors]),
    }


def _outside(data: str | Path | AssembledSet, own: AssembledSet | None) -> LabelledImages:
    """All images of `data`. Raises `UserError` if one is in `own`, the set measured on, too."""
    found = LabelledImages(data, "all")
    if own is not None:
        found.check_outside(own)
    return found


def _about_outside(found: LabelledImages, own: AssembledSet | None) -> Outside:
    """The `outside` part of a record, without metrics; after `scored`."""
    both = own is not None and found.set is not None
    trivial = audit.trivial_baseline(own, "all", found.set) if both else None
    return {"data": found.about(), "trivial_baseline": trivial}


def _seen(detectors: Sequence[Detector], originals: np.ndarray) -> int | None:
    """How many of the originals a run was trained or validated on; None if it does not say."""
    if any(detector.trained_on is None for detector in detectors):
        return None
    seen = np.unique(np.concatenate([detector.trained_on for detector in detectors]))
    return int(np.isin(originals, seen).sum())


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
    images = LabelledImages(tiers.resolve(data), split)
    elsewhere = None if outside is None else _outside(outside, images.set)
    own = _measured(rows, images.scored, baseline)
    record = {"baseline": baseline, "rows": {}}
    for name, runs in rows.items():
        about = one_model(runs)
        record["rows"][name] = {
            "model": about["config"] | {"data": images.set.name},
            "seeds": [run.description["config"]["seed"] for run in runs],
            "val_roc_auc": [run.description["best"]["val_roc_auc"] for run in runs],
            "trained_on": [_hardware(run) for run in runs],
            **profile.complexity(runs[0].model, runs[0].size),
            **own[name],
        }
    record["data"] = images.about()
    record["trivial_baseline"] = audit.trivial_baseline(images.set.folder, split)
    if elsewhere:
        for name, found in _measured(rows, elsewhere.scored, baseline).items():
            record["rows"][name]["outside"] = found
        record["outside"] = _about_outside(elsewhere, images.set)
    return record | {"environment": environment(), "command": command_line()}


def _touched(record: Evaluation, trained_there: bool, images: int) -> list[str]:
    """What to say if the figures are of images that decided the run."""
    split, number = record["data"]["split"], record["seen_in_training"]
    if trained_there and split != "test":
        return [f"the {split} split took part in training or in choosing the threshold"]
    if number:
        return [f"the detector was trained or tuned on {number} of the {images} images: its "
                "figures are too good"]  # fmt: skip
    return []


def _turned_round(record: Evaluation) -> list[str]:
    """What to say if an interval of ROC AUC lies below .5: such scores are no chance."""
    found = record["metrics"]
    parts = {"all": found["all"], **found["by_source"], **found.get("by_kind", {})}
    highs = {name: part["roc_auc"]["high"] for name, part in parts.items()}
    below = [name for name, high in highs.items() if high is not None and high < 0.5]
    if not below:
        return []
    where = "" if "all" in below else f" on {', '.join(below)}"
    said = f"the scores are turned round{where}, with a ROC AUC below .5: "
    fake_class = record["model"].get("fake_class")  # of Keras weights
    if fake_class is None or where:
        return [f"{said}the model ranks the classes the wrong way on this data"]
    other = 1 - fake_class
    return [f"{said}if class {other} of these weights means fake, give --fake-class {other}"]


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


def _hardware(run: Detector) -> str:
    where = run.description["environment"]
    return where["gpu"] or where["processor"]


def one_model(detectors: Sequence[Detector]) -> dict:
    """The first one's description, if the others differ from it in their seed alone.

    Raises `UserError` if they do not.
    """
    if not detectors:
        raise UserError("no run is given; name one")
    configs = [d.description["config"] for d in detectors]
    for config in configs[1:]:
        if _recipe(config) != _recipe(configs[0]):
            raise UserError("the runs differ in more than their seed; use each by itself")
    if len({config.get("seed") for config in configs}) < len(configs):
        raise UserError("two of the runs have the same seed; name each run once")
    return detectors[0].description


def _recipe(config: dict) -> dict:
    """The settings that are on: a run that is older than one of them has it off.

    Folders may have moved (manifest_sha256 says which set it is), and each seed may have been
    pretrained, or taught, with that seed.
    """
    on = {name: value for name, value in config.items() if value}
    on |= dict.fromkeys(set(on) & {"init", "init_sha256", "teacher", "teacher_sha256"})
    return {name: value for name, value in on.items() if name not in ("seed", "data")}


def _verdict_lines(record: Evaluation) -> list[str]:
    """What the verdicts are worth, of detectors that may be unsure."""
    parts = [record, *([record["outside"]] if "outside" in record else [])]
    lines = []
    for part in parts:
        found = part["verdicts"]
        if any(low < high for low, high in found["band"]):
            share, wrong = (interval(found[name], ".1%") for name in ("coverage", "error"))
            lines.append(f"{part['data']['path']}: unsure of all but {share} of the images; of "
                         f"the verdicts {wrong or 'none'} are wrong")  # fmt: skip
    return lines


def _one_or_all(values: list[float]) -> float | list[float]:
    return values[0] if len(values) == 1 else values


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
    lines += _verdict_lines(record)
    lines.append("in brackets: 95 % intervals over test images")
    if (groups := found["all"]["groups"]) < FEW_GROUPS:
        lines.append(f"only {groups} groups of images: such intervals are too narrow")
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
    if record.get("seen_in_training", 0) is None:
        lines.append("whether the detector was trained on some of these images is not known")
    if "warning" in record:
        lines.append(f"warning: {record['warning']}")
    return "\n".join(lines)
