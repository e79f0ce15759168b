"""What a dataset gives away: the shortcut audit and the leakage audit.

A shortcut is a trivial difference between the classes (`trivial`) that a detector can learn instead
of the forgery. It is measured before matching, on the original files, and after it, on the images
that a model sees. Matching removes a header but not its history: a photograph that was a PNG and
one that was a JPEG still differ once both are JPEG. So a header that separates the classes before
matching fails the audit too.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score

from mesocore.core.errors import BadImage, UserError
from mesocore.core.images import decode, read_bytes
from mesocore.data.assembled_set import AssembledSet, kinds
from mesocore.data.auditing import leakage, shortcuts, trivial_features
from mesocore.data.auditing.report import AuditReport, failed, header_difference, sentence
from mesocore.data.sources import overview, scanning

SAMPLE = 1500  # images per class; an AUC of 0.7 is then known to within 0.02


def audit(
    folder: Path,
    sample: int = SAMPLE,
    seed: int = 0,
    labels: Mapping[str, str] | None = None,
) -> AuditReport:
    """Audits an assembled set, or a raw real/fake folder (then there is no "after" and no splits).

    sample: images per class that the shortcut audit looks at, drawn with `seed`; the leakage audit
    looks at all. labels: what names in a raw folder mean (`labels.parse_given`). Raises
    `UserError`.
    """
    folder = Path(folder)
    if not AssembledSet.or_raw(folder):
        table, said = _raw(folder, labels)
        chosen, notes = _sampled(table, sample, seed)
        scores, failures, more = _before(
            chosen, None, seed, [*trivial_features.FAMILIES, "together"]
        )
        given = table[table["split"] != ""]
        leaks = leakage.check_given(folder, given) if given["split"].nunique() > 1 else None
        if leaks is None:
            more.append("no folders train, val and test here: copies on both sides of a split were "
                        "not looked for; mesocore assemble looks")  # fmt: skip
        return AuditReport(folder, scores, None, leaks, failures, [*said, *notes, *more])
    manifest = AssembledSet(folder).rows()
    chosen, notes = _sampled(manifest, sample, seed)
    before, failures, more = _before(_with_originals(folder, chosen), folder, seed, ["header"])
    families, table, _ = _measured(chosen, [folder / path for path in chosen["path"]], "after")
    after = _scored(families, table, seed)
    failures += [sentence(score, "after matching") for score in after if failed(score)]
    found = leakage.check(folder, manifest)
    return AuditReport(folder, before, after, found, failures, [*notes, *more])


def trivial_baseline(
    folder: Path,
    split: str = "test",
    tested_on: Path | None = None,
    fitted_on: Collection[str] | None = None,
    scored: Collection[str] | None = None,
) -> dict[str, float]:
    """ROC AUC on `split` of trivial features of the matched images, fitted on the train split.

    One number per family and "together"; split "all" is every image. `tested_on`: another assembled
    set, whose `split` is scored in place of this one's. fitted_on, scored: the sources that are
    fitted on and that are scored; all unless given. At most `SAMPLE` images per class and split are
    used. Empty if a class is missing. Raises `UserError`.
    """
    folder, tested_on = Path(folder), Path(tested_on or folder)
    manifest, other = AssembledSet(folder).rows(), AssembledSet(tested_on).rows()
    wanted = other if split == "all" else other[other["split"] == split]
    train = manifest[manifest["split"] == "train"]
    train, wanted = (
        part if sources is None else part[part["source"].isin(sources)]
        for part, sources in ((train, fitted_on), (wanted, scored))
    )
    if train["label"].nunique() < 2 or wanted["label"].nunique() < 2:
        return {}
    train, wanted = (_sampled(part, SAMPLE, 0)[0] for part in (train, wanted))
    both = pd.concat([train, wanted], keys=["train", "wanted"])
    places = {"train": folder, "wanted": tested_on}
    paths = [places[part] / path for (part, _), path in both["path"].items()]
    families, table, _ = _measured(both, paths, "trivial features")
    families["together"] = pd.concat(families, axis=1)
    fake = (table["label"] == "fake").astype(int)
    result = {}
    for family, features in families.items():
        model = shortcuts.classifier().fit(features.loc["train"].to_numpy(), fake.loc["train"])
        decision = model.decision_function(features.loc["wanted"].to_numpy())
        result[family] = float(roc_auc_score(fake.loc["wanted"], decision))
    return result


def _raw(folder: Path, labels: Mapping[str, str] | None) -> tuple[pd.DataFrame, list[str]]:
    """The images of a raw folder, one row each, and what the scan has to say of it."""
    found = scanning.scan(folder, given=labels)
    overview.check_classes([found], [folder])
    rows = [
        (os.path.relpath(c.path, os.path.abspath(folder)), c.path, c.label, c.source, c.split,
         c.group or (c.videos or (c.path,))[0])
        for c in found.candidates
    ]  # fmt: skip
    columns = ["path", "original_path", "label", "source", "split", "group"]
    notes = list(found.notes)
    if found.unlabelled:
        notes.append(f"{len(found.unlabelled)} files have no label and are left out, the first is "
                     f"{found.unlabelled[0][0]}: {found.unlabelled[0][1]}")  # fmt: skip
    return pd.DataFrame(rows, columns=columns), notes


def _with_originals(folder: Path, chosen: pd.DataFrame) -> pd.DataFrame:
    assembled = AssembledSet(folder)
    paths = [str(assembled.original_path(origin)) for origin in chosen["origin"]]
    return chosen.assign(original_path=paths)


def _sampled(table: pd.DataFrame, sample: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    parts, notes = [], []
    for label, rows in table.groupby("label"):
        if len(rows) > sample:
            notes.append(f"{sample} of {len(rows)} {label} images were drawn with seed {seed}")
            rows = rows.sample(sample, random_state=seed)
        parts.append(rows)
    for source, labels in table.groupby("source")["label"]:
        if labels.nunique() == 1 and table["source"].nunique() > 1:
            only = labels.iloc[0]
            notes.append(f"{source} has only {only} images: its style can be taken for the label")
    return pd.concat(parts).sort_index(), notes


def _measured(
    table: pd.DataFrame, paths: list, when: str
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, pd.DataFrame]:
    """Feature families, the rows they belong to, and their facts; unreadable images are dropped."""

    def opened(path):
        try:
            return decode(read_bytes(path), path)
        except BadImage:
            return None

    facts, colour, spectrum = trivial_features.extract(opened, paths, f"audit, {when}")
    good = [row is not None for row in facts]
    index = table.index[good]
    facts, colour, spectrum = (
        pd.DataFrame([row for row in rows if row is not None], index=index)
        for rows in (facts, colour, spectrum)
    )
    if not len(index):
        return {}, table[good], facts
    families = (trivial_features.header_features(facts), colour, spectrum)
    return dict(zip(trivial_features.FAMILIES, families, strict=True)), table[good], facts


def _before(
    chosen: pd.DataFrame, folder: Path | None, seed: int, decisive: list[str]
) -> tuple[list, list[str], list[str]]:
    """Scores, failures of the `decisive` families, and notes, of the original files.

    folder: of an assembled set, whose originals.csv stands in for originals that are gone.
    """
    families, table, facts = _measured(chosen, list(chosen["original_path"]), "before")
    notes, missing = [], len(chosen) - len(table)
    if missing and folder is None:
        notes.append(f"{missing} of {len(chosen)} files could not be read and are left out")
    elif missing:
        notes.append(
            f"{missing} of {len(chosen)} originals cannot be read any more: before matching, only "
            "the header is audited, as recorded in originals.csv"
        )
        facts = AssembledSet(folder).originals().drop_duplicates("origin").set_index("origin")
        if lost := sorted(set(chosen["origin"]) - set(facts.index)):
            raise UserError(f"{folder / 'originals.csv'} has no row of {lost[0]}; restore it, or "
                            "assemble the set anew")  # fmt: skip
        facts = facts.loc[chosen["origin"]].set_axis(chosen.index)
        families, table = {"header": trivial_features.header_features(facts)}, chosen
    scores = _scored(families, table, seed)
    failures = []
    for score in scores:
        if score.family in decisive and failed(score):
            failures.append(sentence(score, "before matching"))
    if any(text.startswith("header") for text in failures):
        failures.append(header_difference(facts, table["label"]))
    return scores, failures, notes


def _scored(families: dict[str, pd.DataFrame], table: pd.DataFrame, seed: int) -> list:
    """Scores over all images, and over every part that holds enough of both classes."""
    scores = shortcuts.scores(families, table, seed, "all")
    for scope, rows in _parts(table).items():
        groups = rows.groupby("label")["group"].nunique()
        if len(groups) == 2 and groups.min() >= shortcuts.MIN_GROUPS:
            part = {name: family.loc[rows.index] for name, family in families.items()}
            scores += shortcuts.scores(part, rows, seed, scope)
    return scores


def _parts(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The sources, and each kind of fake beside all reals, where there are several."""
    parts = {}
    if table["source"].nunique() > 1:
        parts |= {str(source): rows for source, rows in table.groupby("source")}
    kind = kinds(table)
    fakes = sorted(set(kind) - {"real"})
    if len(fakes) > 1:
        parts |= {name: table[kind.isin(["real", name])] for name in fakes}
    return parts
