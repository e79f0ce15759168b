"""Renders tables from results/, of README.md, RESULTS.md and data/README.md, and the figures of the
detector that comes with the package: `make results`."""

import json
import sys
from functools import partial
from pathlib import Path

import detector_tables
import framing_tables
import gap_tables
import pruning_tables

from experiments.records import COMMANDS
from mesocore.core.bootstrap import shown
from mesocore.core.files import write_json, write_text
from mesocore.nets.inference import shipped

ROOT = Path(__file__).resolve().parents[1]
FIGURES = shipped.FOLDER / "recommended" / shipped.FIGURES
METRICS = {
    "roc_auc": "ROC AUC",
    "balanced_accuracy": "balanced accuracy",
    "tpr_at_1_fpr": "TPR at 1 % FPR",
}
KINDS = "generalisation"  # the record of one forgery against the others
GAP = ("folders", "distances", "mates", "shift", "sharpness")
FRAMING = ("sizes", "models", "alarms")
DETECTOR = ("degraded", "left_out", "verdicts", "evidence")
NONE = "Nothing has been measured yet."


def headline(results: Path) -> str:
    """The detector to use, as `detector_tables.worth` has it."""
    rows = detector_tables.worth(results)
    return _markdown([*rows[0]], [[*row.values()] for row in rows]) if rows else NONE


def detector(name: str, results: Path) -> str:
    """One of the tables of detector_tables.py."""
    return _markdown(*getattr(detector_tables, name)(results))


def _outside_first(columns: dict) -> list[str]:
    """Names of sets, those first of which every image was measured: no row was trained on them."""
    return sorted(columns, key=lambda name: columns[name]["split"] != "all")


def table(results: Path) -> str:
    """A markdown table, one row for each file that holds an evaluation, and one for its outside.

    Files of another kind (what a chapter measured, an audit) are left out.
    """
    rows = [row for path in sorted(results.glob("*/*.json")) for row in _rows(path)]
    header = ["model", "data", "images", "seeds", *METRICS.values(), "trivial features", "file"]
    return _markdown(header, rows)


def builds(results: Path) -> str:
    """Time and memory of building the embedded set, one row per size."""
    path = results / "synthfaces" / "build.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["builds"] if path.exists() else []
    header = ["images", "seconds", "seconds per 1,000", "largest process, MiB"]
    columns = ("images", "seconds", "seconds_per_1000", "peak_mib")
    return _markdown(header, [[f"{row[column]:,}" for column in columns] for row in rows])


def distances(results: Path) -> str:
    """How far generated faces are from photographs, and what that distance is for others."""
    path = results / "synthfaces" / "generator.json"
    found = (
        json.loads(path.read_text(encoding="utf-8"))["frechet_distance_meso4_features"]
        if path.exists()
        else {}
    )
    return _markdown(["images", "distance"], [[name, f"{d:.3f}"] for name, d in found.items()])


def generalisation(results: Path) -> str:
    """ROC AUC on real faces by the set that a network was trained on (rows) and tested on."""
    path = results / "real" / f"{KINDS}.json"
    record = (
        json.loads(path.read_text(encoding="utf-8"))
        if path.exists()
        else {"rows": {}, "columns": {}}
    )
    rows, columns = record["rows"], _outside_first(record["columns"])
    cells = [[name, *(_interval(row[c]["roc_auc"]) for c in columns)] for name, row in rows.items()]
    return _markdown(["trained on", *(f"tested on {name}" for name in columns)], cells)


def ablation(results: Path) -> str:
    """Every architecture at both scales of OpenForensics, against Meso-4 at the same one."""
    lines = []
    for path in sorted((results / "real").glob("openforensics-*-ablation.json")):
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        lines += [_ablation_row(name, row, path) for name, row in rows.items()]
    header = ["model", "trained for", "parameters", "training, images a second",
              "outside: ROC AUC", "outside: minus Meso-4's", "outside: accuracy",
              "own split: ROC AUC", "own split: minus Meso-4's", "file"]  # fmt: skip
    return _markdown(header, lines)


def _ablation_row(name: str, row: dict, path: Path) -> list[str]:
    model, own, there = row["model"], row["metrics"]["all"], row.get("outside")
    outside = [""] * 3  # of a row whose weights are not kept
    if there:
        metrics = there["metrics"]["all"]
        outside = [_interval(metrics["roc_auc"]), _difference(there["against"]),
                   _interval(metrics["accuracy"])]  # fmt: skip
    return [name, f"{model['epochs']} epochs of {model['size']} px", f"{row['parameters']:,}",
            f"{row['training_images_per_second']:.0f}", *outside, _interval(own["roc_auc"]),
            _difference(row["against"]), _link(path)]  # fmt: skip


def pruning(name: str, results: Path) -> str:
    """One of the tables of pruning_tables.py."""
    return _markdown(*getattr(pruning_tables, name)(results))


def scale(results: Path) -> str:
    """Assembly at 15,000 and 150,000 images: pace, memory, and what became of planted copies."""
    path = results / "assembly-scale.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    header = ["files", "seconds", "files a second", "bare limit", "share of it", "peak, MiB",
              "planted copies found", "false pairs", "groups in two splits",
              "killed, resumed"]  # fmt: skip
    return _markdown(header, [_scale_row(run) for run in runs])


def _scale_row(run: dict) -> list[str]:
    bare, found = run["bare"]["to disk"], run["dedup"]
    planted = [sum(found[key].values()) for key in ("found", "planted")]
    same = "the same bytes" if run["killed"]["same_bytes"] else "other bytes"
    return [f"{run['inputs']:,}", f"{run['seconds']:,.0f}", f"{run['images_per_second']:,.0f}",
            f"{bare['images_per_second']:,.0f}", f"{bare['share_reached']:.0%}",
            f"{run['peak_mib']:,}", "{:,} of {:,}".format(*planted), str(found["false_pairs"]),
            str(found["groups_in_two_splits"]), same]  # fmt: skip


def small(results: Path) -> str:
    """Of every comparison on a small set the row that validation prefers, as it is on test."""
    lines = []
    for path in sorted((results / "real").glob("*.json")):
        if path.stem.endswith(("-transfer", "-resolution")):
            record = json.loads(path.read_text(encoding="utf-8"))
            compared = {k: v for k, v in record["rows"].items() if "val_roc_auc" in v}
            name = max(compared, key=lambda row: _mean(compared[row]["val_roc_auc"]))
            lines.append(_chosen_row(name, len(compared), record, path))
    header = ["set", "rows", "chosen on validation", "network", "validation ROC AUC",
              "test ROC AUC", "accuracy", "trivial features", "file"]  # fmt: skip
    return _markdown(header, lines)


def _chosen_row(name: str, compared: int, record: dict, path: Path) -> list[str]:
    row = record["rows"][name]
    model, metrics = row["model"], row["metrics"]["all"]
    return [f"{record['data']['path']}, {metrics['images']} images", str(compared), name,
            f"{model['model']}, {model['size']} px", f"{_mean(row['val_roc_auc']):.3f}",
            _interval(metrics["roc_auc"]), _interval(metrics["accuracy"]),
            f"{max(record['trivial_baseline'].values()):.3f}", _link(path)]  # fmt: skip


def gap(name: str, results: Path) -> str:
    """One of the tables of gap_tables.py."""
    return _markdown(*getattr(gap_tables, name)(results))


def framing(name: str, results: Path) -> str:
    """One of the tables of framing_tables.py."""
    return _markdown(*getattr(framing_tables, name)(results))


def commands(results: Path) -> str:
    """Every record and the command that makes it now, whatever name of it the record holds."""
    rows = [[f"[{name}](results/{name})", f"`{command}`"] for name, command in COMMANDS.items()
            if (results / name).exists()]  # fmt: skip
    return _markdown(["record", "command"], rows)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


TABLES = {"README.md": {"headline": headline},
          "RESULTS.md": {"results": table, "ablation": ablation,
                         **{name: partial(detector, name) for name in DETECTOR},
                         **{name: partial(pruning, name) for name in ("pruning", "combination")},
                         "generalisation": generalisation, "small": small, "commands": commands,
                         **{f"gap, {name}": partial(gap, name) for name in GAP},
                         **{f"framing, {name}": partial(framing, name) for name in FRAMING}},
          "data/README.md": {"builds": builds, "distances": distances, "scale": scale}}  # fmt: skip


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return NONE
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rows(path: Path) -> list[list[str]]:
    record = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(record, dict) or "all" not in record.get("metrics", {}):
        return []
    parts = {"{path}, {split}": record}
    if "outside" in record:  # it comes first: it is the figure that counts
        parts = {"{path}, outside": record["outside"]} | parts
    return [_row(record, form.format(**part["data"]), part, path) for form, part in parts.items()]


def _row(record: dict, data: str, part: dict, path: Path) -> list[str]:
    metrics, trivial = part["metrics"]["all"], part.get("trivial_baseline")
    augment = record["model"].get("augment", "flip")  # the course's own goes without saying
    return [
        record["model"]["model"] + (f", {augment}" if augment != "flip" else ""),
        data,
        str(metrics["images"]),
        str(len(record["seeds"])),
        *(_interval(metrics[name]) for name in METRICS),
        f"{max(trivial.values()):.3f}" if trivial else "",
        _link(path),
    ]


def _link(path: Path) -> str:
    return f"[{path.stem}](results/{path.parent.name}/{path.name})"


def _interval(metric: dict, form: str = ".3f") -> str:
    if metric["value"] is None:
        return ""
    return shown(metric["value"], metric["low"], metric["high"], form)


def _difference(gap: dict) -> str:
    return shown(gap["value"], gap["low"], gap["high"], "+.3f")


def markers(name: str) -> tuple[str, str]:
    """The lines between which a table stands."""
    start = f"<!-- {name}: rendered by `make results`, do not edit -->"
    return start, f"<!-- end of {name} -->"


def render(text: str, name: str, table: str) -> str:
    """The text with the table between its markers. Raises ValueError without them."""
    start, end = markers(name)
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the text lacks the lines {start!r} and {end!r}")
    return f"{before}{start}\n{table}\n{end}{after}"


def rendered(path: str, results: Path) -> str:
    """One of the documents in `TABLES` with all of its tables made anew."""
    text = (ROOT / path).read_text(encoding="utf-8")
    for name, make in TABLES[path].items():
        text = render(text, name, make(results))
    return text


def main() -> int:
    for path in TABLES:
        write_text(ROOT / path, rendered(path, ROOT / "results"))
    write_json(FIGURES, {"rows": detector_tables.worth(ROOT / "results")})
    return 0


if __name__ == "__main__":
    sys.exit(main())
