"""Renders the README's table of results from results/*/*.json: `make readme`."""

import json
import sys
from pathlib import Path

from mesocore.runtime import write_text

ROOT = Path(__file__).resolve().parents[1]
START = "<!-- results: rendered by `make readme`, do not edit -->"
END = "<!-- end of results -->"
METRICS = {
    "roc_auc": "ROC AUC",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_1_fpr": "TPR at 1 % FPR",
}
NONE = "Nothing has been measured yet."


def table(results: Path) -> str:
    """A markdown table, one row for each file that holds an evaluation.

    Files of another kind (what a chapter measured, an audit) are left out.
    """
    rows = [row for path in sorted(results.glob("*/*.json")) if (row := _row(path))]
    if not rows:
        return NONE
    header = ["model", "data", "images", "seeds", *METRICS.values(), "trivial features", "file"]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(path: Path) -> list[str] | None:
    record = json.loads(path.read_text())
    if not isinstance(record, dict) or "all" not in record.get("metrics", {}):
        return None
    data, metrics = record["data"], record["metrics"]["all"]
    trivial = record.get("trivial_baseline")
    return [
        record["model"]["model"],
        f"{data['path']}, {data['split']}",
        str(metrics["images"]),
        str(len(record["seeds"])),
        *(_interval(metrics[name]) for name in METRICS),
        f"{max(trivial.values()):.3f}" if trivial else "",
        f"[{path.stem}](results/{path.parent.name}/{path.name})",
    ]


def _interval(metric: dict) -> str:
    if metric["value"] is None:
        return ""
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"


def render(readme: str, results: Path) -> str:
    """The README's text with the table between its markers. Raises ValueError without them."""
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"the README lacks the lines {START!r} and {END!r}")
    return f"{before}{start}\n{table(results)}\n{end}{after}"


def main() -> int:
    path = ROOT / "README.md"
    write_text(path, render(path.read_text(), ROOT / "results"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
