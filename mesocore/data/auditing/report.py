"""The audit's verdict and its words."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mesocore.core.bootstrap import shown
from mesocore.data.auditing import leakage
from mesocore.data.auditing.shortcuts import Score

# A header has no business with the label. Pixel statistics have some, as forgery leaves a trace
# in them (up to .79 together on matched sets of real faces). Planted mismatches on photographs gave
# 1.00 on the header (another JPEG quality, PNG against JPEG) and .99 on the spectrum (enlarging).
HEADER_LIMIT = 0.75
PIXEL_LIMIT = 0.85
SHORTCUT, LEAK = 4, 8


def failed(score: Score) -> bool:
    """True if trivial features separate the classes better than they may."""
    return score.auc > (HEADER_LIMIT if score.family == "header" else PIXEL_LIMIT)


@dataclass
class AuditReport:
    """The findings. `before` and `after` are lists of `shortcuts.Score`; `after` and `leakage` are
    None for a folder that was not assembled. `failures` and `notes` are sentences."""

    folder: Path
    before: list
    after: list | None
    leakage: leakage.Leakage | None
    failures: list[str]
    notes: list[str]

    @property
    def leaked(self) -> bool:
        """True if the leakage audit found something."""
        return bool(self.leakage and self.leakage.findings)

    @property
    def passed(self) -> bool:
        """True if there is neither a shortcut nor a leak."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """0 none, 4 shortcut, 8 leak, 12 both."""
        return SHORTCUT * bool(self.failures) + LEAK * self.leaked

    def to_dict(self) -> dict:
        """Plain values, for JSON."""
        return {
            "folder": self.folder.name,
            "passed": self.passed,
            "exit_code": self.exit_code,
            "limits": {"header": HEADER_LIMIT, "pixels": PIXEL_LIMIT},
            "before": [score.to_dict() for score in self.before],
            "after": self.after and [score.to_dict() for score in self.after],
            "shortcuts": self.failures,
            "leaks": self.leakage.findings if self.leakage else None,
            "notes": self.notes,
        }

    def to_text(self) -> str:
        """The report for the terminal."""
        lines = [
            f"shortcut audit of {self.folder.name}: ROC AUC of trivial features; 0.5 is chance, "
            f"* fails (limits: header {HEADER_LIMIT}, others {PIXEL_LIMIT})"
        ]
        lines += _table(self.before, self.after)
        lines += [f"SHORTCUT  {text}" for text in self.failures]
        if self.leakage:
            lines.append(f"leakage audit of {self.leakage.images} images")
            for what, found in self.leakage.findings.items():
                lines.append(f"LEAK  {found['number']} {what}: " + "; ".join(found["examples"]))
        lines += [f"note: {text}" for text in self.notes]
        lines.append({0: "passed", 4: "FAILED: shortcut", 8: "FAILED: leak"}.get(
            self.exit_code, "FAILED: shortcut and leak"))  # fmt: skip
        return "\n".join(lines)


def _table(before: list, after: list | None) -> list[str]:
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for column, found in (("before", before), ("after", after)):
        for s in found or []:
            text = shown(s.auc, s.low, s.high) + "*" * failed(s)
            cells.setdefault((s.scope, s.family), {})[column] = text
    lines = [f"  {'scope':16} {'features':10} {'before matching':24} after matching"]
    for (scope, family), row in cells.items():
        both = f"{row.get('before', '-'):24} {row.get('after', '-')}"
        lines.append(f"  {scope[:16]:16} {family:10} {both}".rstrip())
    return lines


def sentence(score: Score, when: str) -> str:
    """A failure in words, with the single feature that gives most away."""
    best = score.strongest
    return (
        f"{score.family} {when} ({score.scope}): AUC {score.auc:.3f}; by itself "
        f"{best['feature']} has {max(best['auc'], 1 - best['auc']):.3f} "
        f"(median {best['real']:.4g} in real, {best['fake']:.4g} in fake)"
    )


def header_difference(facts: pd.DataFrame, label: pd.Series) -> str:
    """What differs between the headers of the classes, in words."""
    described = {}
    for name, rows in facts.groupby(label):
        formats = rows["format"].value_counts(normalize=True)
        parts = [f"{share:.0%} {value}" for value, share in formats.items()][:3]
        parts.append(f"median {rows['bytes'].median() / 1024:.0f} KiB")
        parts.append(f"{rows['width'].median():.0f} x {rows['height'].median():.0f} px")
        if rows["quantisation"].any():
            jpeg = rows.loc[rows["quantisation"] > 0, "quantisation"]
            parts.append(f"JPEG quantisation {jpeg.median():.1f}")
        parts += [
            f"{rows[k].mean():.0%} with {k.upper()}" for k in ("exif", "icc") if rows[k].any()
        ]
        described[name] = ", ".join(parts)
    return (
        f"headers: real is {described['real']}; fake is {described['fake']}. Matching removes the "
        "header, not the compression and resizing history: use sources of one history"
    )
