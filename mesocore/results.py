"""One results file: what was measured, on what, by what, with what beside it."""

import json
from pathlib import Path

import pandas as pd

from mesocore import audit, dataset, evaluate, sources
from mesocore.checkpoint import Detector
from mesocore.predict import predict
from mesocore.runtime import UserError, command_line, environment


def evaluate_detector(detector: Detector, data: str | Path, split: str = "test") -> dict:
    """Scores an assembled set's split, or a whole raw `real/` + `fake/` folder, and measures.

    `data` is a path, or the word `synthfaces`.

    Returns the record of a results file (DESIGN.md, contracts). On an assembled set the AUC of
    trivial features, fitted on its train split, stands beside the model's.
    """
    data = dataset.resolve(data) if str(data) == dataset.EMBEDDED else Path(data)
    raw = not dataset.is_assembled(data)
    scored, rejected = _score_raw(detector, data) if raw else _score(detector, data, split)
    about = detector.description
    seen = not raw and about["config"].get("manifest_sha256") == dataset.manifest_hash(data)
    record = {
        "model": about["config"],
        "data": {
            "tier": tier(data),
            "path": data.name,
            "manifest_sha256": None if raw else dataset.manifest_hash(data),
            "split": "all" if raw else split,
            "rejected": rejected,
        },
        "seeds": [about["config"]["seed"]] if "seed" in about["config"] else [],
        "threshold": {"value": detector.threshold, "from": about["threshold_from"]},
        "temperature": detector.temperature,
        "metrics": evaluate.measure(scored, detector.threshold),
        "trivial_baseline": None if raw else audit.trivial_baseline(data, split),
        "environment": environment(),
        "command": command_line(),
    }
    if seen and split != "test":
        record["warning"] = f"the {split} split took part in training or in choosing the threshold"
    return record


def tier(data: Path) -> str:
    """`synthfaces` for the embedded set and raw pictures of it, else `path` (DESIGN.md, tiers)."""
    file = Path(data) / "assembly.json"
    sources = json.loads(file.read_text())["sources"] if file.is_file() else [Path(data).name]
    return dataset.EMBEDDED if list(sources) == [dataset.EMBEDDED] else "path"


def _score(detector: Detector, data: Path, split: str) -> tuple[pd.DataFrame, int]:
    faces = dataset.load(data, split, detector.size)
    return faces.table.assign(probability=detector.probabilities(faces.images)), 0


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


def summary(record: dict) -> str:
    """The record's headline as a few lines for a person."""
    lines = []
    parts = {"all": record["metrics"]["all"], **record["metrics"]["by_source"]}
    for name, part in parts.items():
        lines.append(f"{name}: {part['images']} images, {part['fakes']} fake")
        for metric, value in part.items():
            if isinstance(value, dict) and value["value"] is not None:
                interval = f"[{value['low']:.3f}, {value['high']:.3f}]"
                lines.append(f"  {metric:<18} {value['value']:.3f}  95 % {interval}")
    if record["data"]["rejected"]:
        lines.append(f"rejected: {record['data']['rejected']} files that could not be used")
    baseline = record["trivial_baseline"]
    if baseline:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in baseline.items())
        lines.append(f"trivial features, ROC AUC: {scores}")
    threshold = record["threshold"]
    lines.append(f"threshold {threshold['value']:.3f}, from {threshold['from']}")
    if "warning" in record:
        lines.append(f"warning: {record['warning']}")
    return "\n".join(lines)
