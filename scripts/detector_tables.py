"""The tables of the detector to use: each its header and its rows."""

import json
from pathlib import Path

from mesocore.core.bootstrap import shown

Table = tuple[list[str], list[list[str]]]


def worth(results: Path) -> list[dict[str, str]]:
    """Its figures: outside, which nothing was fitted to, then each source's test."""
    if not (record := _record(results, "recommended")):
        return []
    there, known = record["outside"], record["metrics"]["by_source"]
    tested = [
        (f"{there['data']['path']}, outside", there["metrics"]["all"], there["trivial_baseline"]),
        *((f"{name}, test", part, record["trivial_by_source"][name])
          for name, part in known.items()),
    ]  # fmt: skip
    return [{"tested on": name, "images": f"{part['images']:,}",
             "ROC AUC": _interval(part["roc_auc"]), "accuracy": _interval(part["accuracy"]),
             "confident errors": _interval(part["confident_errors"], ".1%"),
             "ROC AUC of trivial features": f"{max(trivial.values()):.3f}"}
            for name, part, trivial in tested]  # fmt: skip


def degraded(results: Path) -> Table:
    """The images outside, degraded: ROC AUC at each level of each sweep."""
    record = _record(results, "recommended")
    sweeps = record["robustness"]["sweeps"] if record else {}
    rows = [[name, sweep["unit"],
             ", ".join(f"{level['level']:g}: {level['roc_auc']['value']:.3f}"
                       for level in sweep["levels"]),
             _interval(sweep["levels"][-1]["roc_auc"])]
            for name, sweep in sweeps.items()]  # fmt: skip
    return ["degradation", "level", "ROC AUC by level", "at the last"], rows


def left_out(results: Path) -> Table:
    """All images of a family that a network did not learn from: what verdicts by P(fake) alone are
    worth, and what they are where an image has to be of a known kind too."""
    record = _record(results, "joint-faces-left-out")
    lines = []
    for family, row in (record["rows"] if record else {}).items():
        found = row["columns"][family]
        verdicts, trivial = found["verdicts"], row["trivial_baseline"]
        alone = row["by_band_alone"]["verdicts"]
        shares = (alone["coverage"], alone["confident"], verdicts["known"], verdicts["coverage"],
                  verdicts["confident"])  # fmt: skip
        lines.append([family, f"{found['images']:,}", str(len(row["seeds"])),
                      _interval(found["roc_auc"]), f"{max(trivial.values()):.3f}",
                      *(_interval(share, ".1%") for share in shares)])  # fmt: skip
    return ["left out", "images", "seeds", "ROC AUC", "trivial features",
            "by P(fake) alone: a verdict", "by P(fake) alone: wrong, P over .9",
            "like what was learnt", "by both rules: a verdict",
            "by both rules: wrong, P over .9"], lines  # fmt: skip


def verdicts(results: Path) -> Table:
    """What verdicts are worth on what was learnt: outside first."""
    record = _record(results, "recommended")
    parts = [record["outside"], record] if record else []
    lines = [[f"{part['data']['path']}, {part['data']['split']}",
              *(_interval(part["verdicts"][name], ".1%")
                for name in ("known", "coverage", "error", "confident"))]
             for part in parts]  # fmt: skip
    return ["images", "like what was learnt", "get a verdict", "of which wrong",
            "wrong with a P over .9, of all"], lines  # fmt: skip


def evidence(results: Path) -> Table:
    """How much of its maps lies in the parts of a composite that were replaced."""
    record = _record(results, "joint-faces-evidence")
    found = record["composites"] if record else {}
    rows = [[str(found["images"]),
             *(_interval(found[name]) for name in ("inside", "shuffled", "uniform")),
             _interval(found["gain"], "+.3f")]] if found else []  # fmt: skip
    return ["composites", "in the parts that were replaced", "in those of other composites",
            "share of the picture", "gain on other composites' parts"], rows  # fmt: skip


def _record(results: Path, name: str) -> dict:
    path = results / "real" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _interval(metric: dict, form: str = ".3f") -> str:
    return shown(metric["value"], metric["low"], metric["high"], form)
