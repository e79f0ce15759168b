"""The dataset card of a set that a recipe made: what it is, where from, and under which terms."""

import pandas as pd

from mesocore.recipe import EDITS, Recipe
from mesocore.sources import kinds


def text(recipe: Recipe, description: dict, kept: pd.DataFrame, rejected: pd.DataFrame) -> str:
    """README.md of an assembled set, as markdown.

    description: what goes into assembly.json. kept, rejected: the tables of the set.
    """
    return "\n".join([
        f"# {recipe.name}", "", recipe.about, "",
        *_contents(kept, rejected), "",
        *_terms(recipe), "",
        *_made(recipe, description),
    ]) + "\n"  # fmt: skip


def _contents(kept: pd.DataFrame, rejected: pd.DataFrame) -> list[str]:
    lines = [
        "## Contents",
        "",
        "| source | kind | train | val | test | rejected |",
        "|---|---|---|---|---|---|",
    ]
    number = pd.crosstab([kept["source"].astype(object), kinds(kept)], kept["split"])
    lost = rejected.groupby(["source", "label"]).size()
    for (source, kind), row in number.iterrows():
        label = "real" if kind == "real" else "fake"
        shown = [f"{row.get(name, 0):,}" for name in ("train", "val", "test")]
        lines.append(
            f"| {source} | {kind} | {' | '.join(shown)} | {lost.get((source, label), 0):,} |"
        )
    reals = int((kept["label"] == "real").sum())
    lines += ["", f"{len(kept):,} images, {reals:,} real and {len(kept) - reals:,} fake "
              f"({reals / len(kept):.1%} real), in {kept['group'].nunique():,} groups. A group "
              "(an original with its edits, near-duplicates) is whole within a split. `rejected` "
              "counts per source and label; rejected.csv has the reasons."]  # fmt: skip
    return lines


def _terms(recipe: Recipe) -> list[str]:
    lines = ["## Sources and terms", ""]
    for one in recipe.sources:
        there, drawn = sum(place.files for place in one.folders), sum(one.quota.values())
        lines.append(f'- `{one.name}`: Kaggle `{one.kaggle}`, "{one.title}"; {drawn:,} of '
                     f"{there:,} images drawn. {one.licence}")  # fmt: skip
    if recipe.edits:
        lines.append(f"- `{EDITS}`: edits of reals of `{recipe.edits.of}` by mesocore/retouch.py, "
                     "under the terms of their originals.")  # fmt: skip
    lines += ["", "The strictest of these terms holds for the whole. Do not publish faces from it."]
    return lines


def _made(recipe: Recipe, description: dict) -> list[str]:
    prep, share = description["preparation"], "/".join(map(str, recipe.split))
    manifest = description["manifest_sha256"]
    return [
        "## How it was made",
        "",
        f"Recipe {recipe.name}, SHA-256 {recipe.sha256}; manifest {manifest}.",
        "",
        f"Every image: {prep['fit']} to {prep['size']} x {prep['size']} pixels "
        f"({prep['resample']}), JPEG quality {prep['quality']}, no metadata. Split {share} by "
        f"group, seed {recipe.seed}.",
        "",
        "Known limits: collections were saved with histories of their own before they came here, "
        "so compare classes within a source too (`mesocore audit`).",
    ]
