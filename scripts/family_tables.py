"""The tables of a detector of many forgeries: each its header and its rows.

A family is a collection with those named after it; one column of a record is its test images, all
images of one that was left out, or all of a set besides.
"""

import json
from pathlib import Path

from mesocore.core.bootstrap import shown

Table = tuple[list[str], list[list[str]]]


def recommended(results: Path) -> Table:
    """The detector to use, family by family, and what pruning costs it."""
    record = _read(results / "real/joint-faces-recommended.json")
    rows = record.get("rows", {})
    lines = [
        [_named(name, record), f"{whole['images']:,}", _auc(whole), _shown(whole["accuracy"]),
         _shown(whole["verdicts"]["coverage"], ".0%"), _shown(whole["verdicts"]["error"], ".1%"),
         _shown(whole["confident_errors"], ".1%"),
         _shown(rows["pruned"]["columns"][name]["against"], "+.3f"),
         _trivial(record, name)]
        for name, whole in rows.get("recommended", {}).get("columns", {}).items()
    ]  # fmt: skip
    header = ["tested on", "images", "ROC AUC", "accuracy", "gets a verdict", "wrong among those",
              "confident errors", "pruned by 20 %, minus the control",
              "trivial features"]  # fmt: skip
    return header, lines


def left_out(results: Path) -> Table:
    """Families that a detector knows, and the same ones when it has never seen them."""
    record = _read(results / "real/joint-faces-leave-one-out.json")
    rows, lines = record.get("rows", {}), []
    settings = [row for row in rows if f"{row}-without-{_first(record)}" in rows]
    for name in record.get("families", {}):
        for row in settings:
            known = rows[row]["columns"][name]
            unseen = rows[f"{row}-without-{name}"]["columns"][name]
            lines.append([name, _model(rows[row]),
                          _auc(known), _shown(known["confident_errors"], ".1%"),
                          _auc(unseen), _shown(unseen["confident_errors"], ".1%"),
                          _trivial(record, name, "left_out")])  # fmt: skip
    header = ["family", "network", "known: ROC AUC", "known: confident errors",
              "left out: ROC AUC", "left out: confident errors",
              "left out: trivial features"]  # fmt: skip
    return header, lines


def tried(results: Path) -> Table:
    """Every row trained on all families, each family's test images in a column."""
    record = _read(results / "real/joint-faces-leave-one-out.json")
    whole = {row: found for row, found in record.get("rows", {}).items() if "-without-" not in row}
    columns = [*record.get("families", {}), *_outside(record)]
    lines = [[row, _model(found), ", ".join(map(str, found["seeds"])),
              *(_auc(found["columns"][name]) for name in columns)]
             for row, found in whole.items()]  # fmt: skip
    return ["row", "network", "seeds", *(_named(name, record) for name in columns)], lines


def _named(name: str, record: dict) -> str:
    return f"{name}, {'outside' if name in _outside(record) else 'test'}"


def _outside(record: dict) -> list[str]:
    return [record["outside"]["path"]] if record.get("outside") else []


def _first(record: dict) -> str:
    return next(iter(record.get("families", {})), "")


def _model(row: dict) -> str:
    return row["model"]["model"].replace("meso4+inverted+highpass", "mesonetplus")


def _trivial(record: dict, name: str, which: str = "known") -> str:
    found = record["trivial_baseline"][which].get(name)
    return f"{max(found.values()):.3f}" if found else ""


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _auc(column: dict) -> str:
    return _shown(column["roc_auc"])


def _shown(metric: dict, form: str = ".3f") -> str:
    if metric["value"] is None:
        return ""
    return shown(metric["value"], metric["low"], metric["high"], form)
