"""The tables of one record, real/openforensics-framing.json: each its header and its rows."""

import json
from pathlib import Path

from mesocore.core.bootstrap import shown

Table = tuple[list[str], list[list[str]]]


def record(results: Path) -> dict:
    path = results / "real" / "openforensics-framing.json"
    return json.loads(path.read_text(encoding="utf-8"))


def sizes(results: Path) -> Table:
    """How large faces are in their pictures, and what that gives away."""
    rows = [[f"{name}, {found['data']['split']}",
             *(" / ".join(f"{value:.2f}" for value in found["side_over_face"][label])
               for label in ("real", "fake")),
             f"{found['size_alone']:.3f}", f"{found['framing']:.3f}"]
            for name, found in _sets(results).items()]  # fmt: skip
    return ["set", *(f"picture over face, {label}s (10 %, median, 90 %)"
                     for label in ("real", "fake")),
            "ROC AUC of that size alone", "of size, place, shape and number"], rows  # fmt: skip


def models(results: Path) -> Table:
    """Every model over all pairs, and over those of like framing, the outside set first."""
    rows = [[model, f"{name}, {found['data']['split']}", f"{part['all']:.3f}",
             _shown(part["alike"]), _shown(part["against"], "+.3f") if "against" in part else ""]
            for name, found in _sets(results).items()
            for model, part in found["models"].items()]  # fmt: skip
    return ["model", "set", "ROC AUC", "of like framing", "minus the first model's"], rows


def alarms(results: Path) -> Table:
    """Reals called fake by the size of their face, in the outside set."""
    found = next(iter(_sets(results).values()))
    parts = next(iter(found["models"].values()))["reals_by_size"]
    rows = [[_range(part), str(part["reals"]),
             *(f"{of['reals_by_size'][n]['called_fake']:.1%}" for of in found["models"].values())]
            for n, part in enumerate(parts)]  # fmt: skip
    return ["picture over face", "reals", *(f"called fake by {name}" for name in found["models"])
            ], rows  # fmt: skip


def _sets(results: Path) -> dict:
    """The sets of the record, the last one, from outside, first."""
    return dict(reversed(record(results)["sets"].items()))


def _range(part: dict) -> str:
    if not part["from"]:
        return f"up to {part['to']}"
    return f"from {part['from']}" if part["to"] is None else f"{part['from']} to {part['to']}"


def _shown(found: dict, form: str = ".3f") -> str:
    return shown(found["value"], found["low"], found["high"], form)
