"""What a model card says against its model: known failures and limits, by rules from the numbers.

A kind of fake whose interval reaches chance, a slice that is mostly missed, a trivial feature that
does as well, a sweep that turns every verdict, and whatever was not measured.
"""

from mesocore.data import tiers
from mesocore.evaluation.record_types import Evaluation, Interval
from mesocore.evaluation.tables import interval

SIGNIFICANT = 0.05  # q up to which a slice counts as found


def known_limits(record: Evaluation, found: dict, sweeps: dict | None = None) -> list[str]:
    """Known failures and limits, one sentence each, by rules from the numbers."""
    return [*_failures(record, found, sweeps), *_unknown(record, found, sweeps)]


def _failures(record: Evaluation, found: dict, sweeps: dict | None) -> list[str]:
    everything = record["metrics"]["all"]
    parts = record["metrics"].get("by_kind") or record["metrics"]["by_source"]
    lines = [
        f"Fakes of the kind *{name}* are not told from reals: {interval(part['roc_auc'])} ROC AUC."
        for name, part in parts.items()
        if part["roc_auc"]["value"] is not None and part["roc_auc"]["low"] <= 0.5
    ]
    trivial = max((record["trivial_baseline"] or {}).values(), default=None)
    auc = everything["roc_auc"]
    if trivial is not None and auc["value"] is not None and trivial >= auc["low"]:
        lines.append(
            f"It is not shown to be better than trivial features, which reach {trivial:.3f}."
        )
    if there := record.get("outside"):
        lines += _lost_outside(auc, there["metrics"]["all"]["roc_auc"], there["data"]["path"])
    if "confusion" in found:
        lines.append(_base_rate(found["confusion"]) + " (Outside.)" * ("outside" in record))
    lines += [
        f"Most fakes of {row['fact']} *{row['value']}* are missed: {row['rate']:.0%}."
        for row in found.get("slices", [])
        if row["label"] == "fake" and row["low"] > 0.5 and (row["q"] or 1) <= SIGNIFICANT
    ]
    for name, sweep in (sweeps or {}).get("sweeps", {}).items():
        lines += _broken(name, sweep)
    return lines


def _lost_outside(own: Interval, there: Interval, name: str) -> list[str]:
    if None in (own["value"], there["value"]) or there["high"] >= own["low"]:
        return []
    return [f"On *{name}*, which nothing was fitted to, it does worse than on its own test split: "
            f"{interval(there)} ROC AUC against {interval(own)}."]  # fmt: skip


def _broken(name: str, sweep: dict) -> list[str]:
    lines = []
    lost = [level for level in sweep["levels"] if level["roc_auc"]["low"] <= 0.5]
    if lost:
        lines.append(
            f"After *{name}* at {sweep['unit']} {lost[0]['level']:g} nothing is left: "
            f"{interval(lost[0]['roc_auc'])} ROC AUC."
        )
    alarming = [level for level in sweep["levels"] if level["called_fake"]["real"] > 0.5]
    if alarming:
        lines.append(
            f"After *{name}* at {sweep['unit']} {alarming[0]['level']:g} it calls "
            f"{alarming[0]['called_fake']['real']:.0%} of the reals fake."
        )
    return lines


def _base_rate(confusion: dict) -> str:
    hits, alarms = (
        confusion[k]["fake"] / max(1, sum(confusion[k].values())) for k in ("fake", "real")
    )
    right = 0.01 * hits / (0.01 * hits + 0.99 * alarms) if hits + alarms else 0.0
    return (f"Of the images that it calls fake, {right:.0%} are, if one image in a hundred is: it "
            f"finds {hits:.0%} of the fakes and calls {alarms:.0%} of the reals fake.")  # fmt: skip


def _unknown(record: Evaluation, found: dict, sweeps: dict | None) -> list[str]:
    lines = []
    if record["data"]["tier"] == tiers.EMBEDDED:
        lines.append(
            "All figures are of pictures that a program drew: no evidence about real faces."
        )
    if len(record["seeds"]) < 2:
        together = "*" in record["model"]["model"]
        what = "One ensemble was made" if together else "One seed was trained"
        lines.append(f"{what}: how the figures move with another is not known.")
    for point in found.get("operating_points", []):
        if point["allowed"] == 0:
            lines.append(
                f"A false-positive rate of {point['limit']:.1%} is finer than the reals of "
                "validation can tell; the threshold given for it is a guess."
            )
    if not found:
        lines.append(
            "Not measured: operating points and errors by slice; the folder has no splits."
        )
    if not sweeps:
        lines.append("Not measured here: compression, blur, scaling, noise, crops, recapture.")
    if record["trivial_baseline"] is None:
        lines.append("Not measured: what trivial features reach on these images.")
    if "warning" in record:
        lines.append(f"Warning: {record['warning']}.")
    return [
        *lines,
        "Other kinds of forgery than *Data* names, and attacks, are beyond these figures.",
    ]
