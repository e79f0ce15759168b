"""One results file: what was measured, on what, by what, with what beside it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mesocore.core.errors import UserError
from mesocore.core.files import sha256_file
from mesocore.core.runtime import command_line, environment
from mesocore.data import dataset, tiers
from mesocore.data.assembled_set import SPLITS, AssembledSet, file_ids
from mesocore.data.auditing import audit
from mesocore.data.sources import overview, scanning
from mesocore.evaluation import metrics
from mesocore.evaluation.prediction import predict
from mesocore.evaluation.record_types import Comparison, Data, Evaluation
from mesocore.evaluation.tables import interval
from mesocore.nets import profile
from mesocore.nets.detector import Detector


def evaluate(
    detector: Detector | Sequence[Detector],
    data: str | Path,
    split: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Evaluation:
    """Scores a split of an assembled set or of a raw folder with labels, and measures.

    `data` is a path, or the word `synthfaces`. `split` is the test split unless given; of a raw
    folder without one it is all. `labels`: what its folders' names mean (`labels.parse_given`).
    Several detectors are runs of one model that differ in their seed: then metrics are means over
    them, and threshold and temperature are lists.

    Returns the record of a results file. On an assembled set the AUC of trivial features, fitted on
    its train split, stands beside the model's. Raises `UserError` if the detectors differ in more
    than their seed, or if there is no such split.
    """
    detectors = [detector] if isinstance(detector, Detector) else list(detector)
    about = one_model(detectors)
    raw = tiers.is_raw(data)
    if raw:
        data = Path(data)
        found, split = _raw_split(data, split, labels)
        tables = [_score_raw(d, found) for d in detectors]
        originals = file_ids(sha256_file(Path(path)) for path in tables[0][0]["path"])
    else:
        data, split = tiers.resolve(data), split or "test"
        tables = [(scored(d, data, split), 0) for d in detectors]
        originals = data.original_ids(*(SPLITS if split == "all" else (split,)))
    seen = not raw and about["config"].get("manifest_sha256") == data.manifest_sha256
    record = {
        "model": about["config"],
        "data": _raw_data(data, split, tables[0][1]) if raw else about_data(data, split),
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
    number = 0 if seen and split == "test" else _seen(detectors, originals)
    record["seen_in_training"] = number
    warnings = _turned_round(record)
    if seen and split != "test":
        warnings.append(f"the {split} split took part in training or in choosing the threshold")
    elif number:
        warnings.append(f"the detector was trained or tuned on {number} of the {len(originals)} "
                        "images: its figures are too good")  # fmt: skip
    if warnings:
        record["warning"] = "; ".join(warnings)
    return record


def _seen(detectors: Sequence[Detector], originals: np.ndarray) -> int | None:
    """How many of the originals a run was trained or validated on; None if it does not say."""
    if any(detector.trained_on is None for detector in detectors):
        return None
    seen = np.unique(np.concatenate([detector.trained_on for detector in detectors]))
    return int(np.isin(originals, seen).sum())


def compare(
    rows: Mapping[str, Sequence[Detector]], data: str | Path, baseline: str, split: str = "test"
) -> Comparison:
    """Several models, each with one run per seed, on one split of an assembled set.

    Returns a record with `rows`: for each name its config, `seeds` (an ensemble has one, which
    lists those of its members: "0+1+2"), `val_roc_auc` of each run (what a choice may be based on),
    `trained_on` (the GPU or processor of each), metrics over all images as `metrics.overall` gives
    them, parameters and multiply-adds, and `against`: the paired difference of its ROC AUC to that
    of `baseline`, a name among the rows. The split is read once for all of them.
    """
    folder = tiers.resolve(data)
    tables = {
        name: [scored(detector, folder, split) for detector in runs] for name, runs in rows.items()
    }
    labels = (tables[baseline][0]["label"] == "fake").to_numpy(int)
    groups = tables[baseline][0]["group"].to_numpy()
    scores = {name: np.stack([t["probability"] for t in runs]) for name, runs in tables.items()}
    record = {"baseline": baseline, "rows": {}}
    for name, runs in rows.items():
        about = one_model(runs)
        record["rows"][name] = {
            "model": about["config"] | {"data": folder.name},
            "seeds": [run.description["config"]["seed"] for run in runs],
            "val_roc_auc": [run.description["best"]["val_roc_auc"] for run in runs],
            "trained_on": [_hardware(run) for run in runs],
            **profile.complexity(runs[0].model, runs[0].size),
            "metrics": {"all": metrics.overall(tables[name], [r.threshold for r in runs])},
            "against": metrics.paired_difference(labels, scores[name], scores[baseline], groups),
        }
    record["data"] = about_data(folder, split)
    record["trivial_baseline"] = audit.trivial_baseline(folder, split)
    return record | {"environment": environment(), "command": command_line()}


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


def _hardware(run: Detector) -> str:
    where = run.description["environment"]
    return where["gpu"] or where["processor"]


def about_data(data: Path | AssembledSet, split: str) -> Data:
    """The `data` part of a results record for one split of an assembled set."""
    assembled = AssembledSet(data)
    return {"tier": tiers.tier(assembled), "path": assembled.name,
            "manifest_sha256": assembled.manifest_sha256, "split": split,
            "rejected": 0}  # fmt: skip


def _raw_data(folder: Path, split: str, rejected: int) -> Data:
    return {"tier": tiers.tier(folder), "path": folder.name, "manifest_sha256": None,
            "split": split, "rejected": rejected}  # fmt: skip


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


def _raw_split(
    folder: Path, split: str | None, labels: Mapping[str, str] | None
) -> tuple[scanning.Scan, str]:
    """What a raw folder holds of a split, and its name; the default is test, or all without it."""
    if split is not None and split not in (*SPLITS, "all"):
        raise UserError(f"no split is called {split!r}; choose one of: {', '.join(SPLITS)}, all")
    found = scanning.scan(folder, given=labels)
    if not found.candidates:
        overview.check_classes([found], [folder])
    there = [name for name in SPLITS if any(c.split == name for c in found.candidates)]
    split = split or ("test" if "test" in there else "all")
    if split == "all":
        return found, split
    if split not in there:
        has = f"it has {', '.join(there)}" if there else "it is not split"
        raise UserError(f"{folder} has no {split} folder ({has}); measure all of it: --split all")
    own = [c for c in found.candidates if c.split == split]
    return dataclasses.replace(found, candidates=own, unlabelled=[]), split


def _score_raw(detector: Detector, found: scanning.Scan) -> tuple[pd.DataFrame, int]:
    """Path, label, source, group and P(fake) of each image, and the number of files left out."""
    by_path = {c.path: c for c in found.candidates}
    rows, rejected = [], len(found.unlabelled)
    for verdict in predict(detector, list(by_path)):
        if verdict.error:
            rejected += 1
            continue
        candidate = by_path[verdict.path]
        rows.append(
            {
                "path": verdict.path,
                "label": candidate.label,
                "source": candidate.source,
                "group": candidate.group or (candidate.videos or (verdict.path,))[0],
                "probability": verdict.probability_fake,
            }
        )
    if not rows:
        raise UserError(f"none of the {rejected} images could be read, the first is "
                        f"{found.candidates[0].path}")  # fmt: skip
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
    if record.get("seen_in_training", 0) is None:
        lines.append("whether the detector was trained on some of these images is not known")
    if "warning" in record:
        lines.append(f"warning: {record['warning']}")
    return "\n".join(lines)
