"""The tables of one record, results/real/openforensics-gap.json: each its header and its rows."""

import json
from pathlib import Path

from mesocore.core.bootstrap import shown

Table = tuple[list[str], list[list[str]]]


def record(results: Path) -> dict:
    return json.loads((results / "real" / "openforensics-gap.json").read_text(encoding="utf-8"))


def folders(results: Path) -> Table:
    """Every model in every folder, the other one first, and with the other one's spectra."""
    found = record(results)
    names = list(found["folders"])[::-1]
    weighted = found["shift"]["weighted_to_the_spectrum_of_the_other"]
    rows = [[model, *(_auc(by[name]) for name in names), _auc(weighted[model]),
             *(_alarms(by[name]) for name in names)]
            for model, by in found["by_folder"].items()]  # fmt: skip
    split = [f"{name}, {found['folders'][name]['split']}" for name in names]
    return ["model", *(f"ROC AUC, {name}" for name in split),
            f"the last two together, weighted to the spectra of {names[0]}",
            *(f"reals called fake, {name}" for name in split)], rows  # fmt: skip


def distances(results: Path) -> Table:
    """How far thumbnails are from each other, by how far the numbers of their files are."""
    by_label = record(results)["mates"]["thumbnail_distance"]
    rows = [[apart, *(_shown(by_label[label][apart], ".1f") for label in ("real", "fake"))]
            for apart in by_label["real"]]  # fmt: skip
    return ["numbers apart", "reals", "fakes"], rows


def mates(results: Path) -> Table:
    """ROC AUC in the training folder by how near the next training image's number is."""
    by_model = record(results)["mates"]["by_nearest_training_number"]
    parts = next(iter(by_model.values()))
    rows = [[name, f"{part['images']:,}", *(_auc(found[name]) for found in by_model.values())]
            for name, part in parts.items()]  # fmt: skip
    return ["nearest number in the train split", "images",
            *(f"ROC AUC, {model}" for model in by_model)], rows  # fmt: skip


def shift(results: Path) -> Table:
    """Can trivial features tell the folders of an image apart?"""
    between = record(results)["shift"]["roc_auc_between_folders"]
    rows = [[pair, *(_shown(found[label]["together"]) for label in ("real", "fake"))]
            for pair, found in between.items()]  # fmt: skip
    return ["folders", "reals", "fakes"], rows


def sharpness(results: Path) -> Table:
    """The first model at equal sharpness, in the other folder and in its own."""
    found = record(results)["shift"]["sharpness"]["by_fifth"]
    there, here = (next(iter(found[name].values())) for name in ("other folder", "same folder"))
    header = [f"{what}, {where}" for where in ("other folder", "same folder")
              for what in ("images", "ROC AUC", "reals called fake")]  # fmt: skip
    rows = [[fifth, *_cells(there[fifth]), *_cells(here[fifth])] for fifth in there]
    return ["fifth, from soft to sharp", *header], rows


def _cells(part: dict) -> list[str]:
    return [f"{part['images']:,}", _auc(part), _alarms(part)]


def _auc(part: dict) -> str:
    return _shown(part["roc_auc"])


def _alarms(part: dict) -> str:
    return f"{part['called_fake']['real']:.1%}"


def _shown(found: dict, form: str = ".3f") -> str:
    return shown(found["value"], found["low"], found["high"], form)
