"""What chapter 3 draws and lists of an ablation's record, and its fold."""

import json

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from mesocore.core.runtime import project_root
from mesocore.course import Folded, ablation_plots


@pytest.fixture(scope="module")
def rows():
    path = project_root() / "results/real/openforensics-128-ablation.json"
    return json.loads(path.read_text())["rows"]


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


def test_a_row_without_weights_has_no_outside_but_an_own_split(rows):
    table = ablation_plots.measures(rows)
    assert list(table.index) == list(rows)
    assert table.loc["mobilenet_v3_small", "outside: accuracy"] == "not kept"
    assert table.loc["meso4", "own split: accuracy"].startswith("0.881 [")


def test_costs_has_a_line_for_every_row(rows):
    assert ablation_plots.costs(rows).loc["meso4", "parameters"] == "15,689"


def test_a_forest_has_a_line_for_each_row_and_marks_none_where_nothing_was_kept(ax, rows):
    chosen = {"meso4": rows["meso4"], "meso4+highpass": rows["meso4+highpass"], "lost": None}
    ablation_plots.forest(ax, chosen)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(chosen)
    assert {line.get_ydata()[0] for line in ax.lines if line.get_marker() == "|"} == {0, 1}


def test_slopes_join_the_values_and_label_their_right_ends(ax):
    ablation_plots.slopes(ax, {"a": (0.8, 0.9), "b": (0.7, 0.91)}, ("short", "long"), 0.01)
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.8, 0.9], [0.7, 0.91]]
    assert [text.get_text() for text in ax.texts] == ["a 0.900", "b 0.910"]


@pytest.mark.parametrize(
    ("values", "placed"),
    [
        ([1.0, 5.0, 3.0], [1.0, 5.0, 3.0]),
        ([2.0, 2.0], [1.5, 2.5]),
        ([4.2, 4.0, 9.0], [4.6, 3.6, 9.0]),
        ([0.0, 0.2, 1.0], [-0.6, 0.4, 1.4]),
    ],
)
def test_labels_are_moved_apart_and_keep_their_order(values, placed):
    assert ablation_plots.apart(values, 1.0) == pytest.approx(placed)


def test_a_fold_shows_its_title_and_holds_the_table():
    folded = Folded(pd.DataFrame({"a": [1]}, index=["row"]), "more & more")
    html = folded._repr_html_()
    assert html.startswith("<details><summary>more &amp; more</summary>")
    assert html.index("</summary>") < html.index("<table") < html.index("</details>")
    assert repr(folded).splitlines()[0] == "more & more"
