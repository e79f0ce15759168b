"""Audit reports shown as tables and figures: every number is there, in its place."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image, ImageFilter

from mesocore.course import audit_plots


def report(after: bool = True) -> dict:
    scores = [
        {"scope": "all", "family": family, "auc": auc, "low": auc - 0.05, "high": auc + 0.04}
        for family, auc in (("header", 0.9), ("colour", 0.5), ("spectrum", 0.6), ("together", 0.7))
    ]
    found = {"folder": "faces", "limits": {"header": 0.75, "pixels": 0.85}, "before": scores[:1]}
    return {**found, "after": scores if after else None}


def test_a_table_has_both_stages_and_says_what_was_not_measured():
    table = audit_plots.table(report())
    assert list(table.columns) == ["before matching", "after matching"]
    assert table.loc["header", "before matching"] == "0.900 [0.850, 0.940]"
    assert table.loc["spectrum", "before matching"] == "not measured"


def test_a_stage_that_was_not_audited_has_no_column():
    assert list(audit_plots.table(report(after=False)).columns) == ["before matching"]


def test_aucs_are_those_of_one_stage_and_scope():
    assert audit_plots.aucs(report())["together"] == 0.7
    assert audit_plots.aucs(report(), "before") == {"header": 0.9}
    assert audit_plots.aucs(report(), scope="edited") == audit_plots.aucs(report(False)) == {}


def test_reports_are_found_by_name_and_other_results_are_left(tmp_path):
    (tmp_path / "faces-audit.json").write_text(json.dumps(report()))
    (tmp_path / "faces-meso4.json").write_text("{}")
    assert audit_plots.saved_reports(tmp_path) == {"faces": report()}


def test_the_figure_has_a_panel_a_set_and_a_point_a_number():
    figure = audit_plots.figure({"one": report(), "two": report(after=False), "three": report()})
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in shown] == ["one", "two", "three"]
    (after,) = (line for line in shown[0].lines if line.get_label() == "after matching")
    np.testing.assert_allclose(after.get_xdata(), [0.9, 0.5, 0.6, 0.7])
    plt.close(figure)


def test_the_history_figure_draws_the_change_in_decibels():
    plain = pd.DataFrame(np.zeros((4, 8)))
    aucs = {name: {"auc": 0.6, "low": 0.5, "high": 0.7} for name in ("none", "halved")}
    changes = audit_plots.decibels(plain, {"halved": plain - np.log(2)})
    np.testing.assert_allclose(changes["halved"], -3.0103, atol=1e-4)
    np.testing.assert_allclose(changes.index[[0, -1]], [1 / 32, 15 / 32])
    figure = audit_plots.history_figure(plain, {"halved": plain - np.log(2)}, aucs)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), -3.0103, atol=1e-4)
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["none", "halved"]
    plt.close(figure)


def test_an_edit_is_measured_by_itself_and_left_out_where_it_is_rare(tmp_path):
    generator = np.random.default_rng(0)
    rows = []
    for number, edit in enumerate(["", "smooth"] * 12 + ["heal+smooth"] * 3):
        sharp = Image.fromarray(generator.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        image = sharp.filter(ImageFilter.BoxBlur(1)) if edit else sharp
        image.save(tmp_path / f"{number}.png")
        rows.append((f"{number}.png", "fake" if edit else "real", f"g{number}", edit))
    manifest = pd.DataFrame(rows, columns=["path", "label", "group", "edit"])
    table = audit_plots.spectrum_by_edit(tmp_path, manifest, seed=0)
    assert dict(table["fakes"]) == {"smooth": 15}
    assert table.loc["smooth", "auc"] > 0.95
    assert audit_plots.spectrum_by_edit(tmp_path, manifest.assign(edit=""), seed=0).empty


def test_scopes_stand_side_by_side():
    both = report()
    both["after"] = both["after"] + [s | {"scope": "edited", "auc": 0.55} for s in both["after"]]
    table = audit_plots.by_scope(both)
    assert list(table.columns) == ["all", "edited"]
    assert table.loc["colour", "edited"].startswith("0.550")
