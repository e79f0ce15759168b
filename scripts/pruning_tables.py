"""The tables of pruned networks: each its header and its rows."""

import json
from pathlib import Path

from mesocore.core.bootstrap import shown

Table = tuple[list[str], list[list[str]]]
ROWS = ("before", "dense", "global-0.2", "global-0.5", "global-0.8", "global-0.9",
        "structured-0.5", "structured-0.8")  # fmt: skip


def pruning(results: Path) -> Table:
    """What pruning leaves of both networks, against a control that was trained as long."""
    lines = []
    for path in sorted((results / "real").glob("openforensics-128-pruning-*.json")):
        rows, model = _rows(path), path.stem.rpartition("-")[2]
        lines += [_pruned(f"{model}, {name}", rows[name], path) for name in ROWS]
    return ["network and pruning", "parameters", "zeros", "own split: ROC AUC",
            "minus the control's", "bytes, gzip", "64 images, ms", "file"], lines  # fmt: skip


def _pruned(name: str, row: dict, path: Path) -> list[str]:
    milliseconds = row.get("latency_ms")
    return [name, f"{row['parameters']:,}", f"{_zeros(row):.1%}",
            _shown(row["metrics"]["all"]["roc_auc"]), _shown(row["against"], "+.3f"),
            f"{row['bytes']['gzip']:,}", f"{milliseconds:.0f}" if milliseconds else "",
            f"[{path.stem}](results/{path.parent.name}/{path.name})"]  # fmt: skip


def combination(results: Path) -> Table:
    """Inverted residuals, attention and a fifth pruned, beside the control and Meso-4."""
    path = results / "real" / "openforensics-24-epochs-combination.json"
    lines = [_combined(name, row) for name, row in _rows(path).items()]
    return ["network", "zeros", "bytes, gzip", "outside: accuracy", "outside: ROC AUC",
            "outside: minus Meso-4's", "own split: accuracy",
            "own split: ROC AUC"], lines  # fmt: skip


def _combined(name: str, row: dict) -> list[str]:
    model, own, there = row["model"]["model"], row["metrics"]["all"], row["outside"]
    outside = there["metrics"]["all"]
    return [model if name == model else f"{model}, {name}", f"{_zeros(row):.0%}",
            f"{row['bytes']['gzip']:,}", _shown(outside["accuracy"]), _shown(outside["roc_auc"]),
            _shown(there["against"], "+.3f"), _shown(own["accuracy"]),
            _shown(own["roc_auc"])]  # fmt: skip


def _rows(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}


def _zeros(row: dict) -> float:
    return sum(row["sparsity"]) / len(row["sparsity"])


def _shown(metric: dict, form: str = ".3f") -> str:
    return shown(metric["value"], metric["low"], metric["high"], form)
