"""Panels show the numbers they are given, in the order in which they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from mesocore.course import plots


@pytest.fixture(autouse=True)
def closed():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def test_rows_stand_in_order_with_their_intervals():
    table = pd.DataFrame({"value": [0.3, 0.6], "low": [0.2, 0.5], "high": [0.4, 0.7],
                          "rest": 0.5, "label": ["real", "fake"]}, index=["a", "b"])  # fmt: skip
    ax = plots.intervals(table)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_ylim() == (1.5, -0.5)  # the first on top
    lines, points = ax.collections
    assert np.allclose(lines.get_segments()[1], [[0.5, 1], [0.7, 1]])
    assert np.allclose(points.get_offsets(), [[0.3, 0], [0.6, 1]])
    assert [to_hex(c).upper() for c in points.get_facecolors()] == [plots.REAL, plots.FAKE]
    bare = plots.intervals(table.drop(columns=["rest", "label"]))
    assert len(ax.lines) == 1 and not bare.lines


def test_a_sweep_shows_levels_as_steps_from_none():
    table = pd.DataFrame({"level": [100, 90, 30], "m": [0.9, 0.8, 0.5], "m_low": [0.8, 0.7, 0.4],
                          "m_high": [0.95, 0.9, 0.6]})  # fmt: skip
    ax = plots.sweep(table, "m", "quality", plt.subplots()[1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["none", "90", "30"]
    assert ax.lines[0].get_ydata().tolist() == [0.9, 0.8, 0.5]


def test_a_matrix_writes_every_number():
    table = pd.DataFrame([[0.99, 0.5], [0.45, 0.8]], index=["x", "y"], columns=["x", "y"])
    ax = plots.matrix(table)
    assert [text.get_text() for text in ax.texts] == ["0.990", "0.500", "0.450", "0.800"]
    assert ax.texts[0].get_color() == "white" and ax.texts[2].get_color() == "black"


def test_a_matrix_is_white_at_chance_and_shows_what_lies_below_it():
    image = plots.matrix(pd.DataFrame([[0.369, 0.5, 0.631]])).images[0]
    below, chance, above = image.cmap(image.norm(image.get_array()[0]))
    assert np.allclose(chance, 1, atol=0.01)
    assert below.min() < 0.95 and above.min() < 0.95 and not np.allclose(below, above, atol=0.02)
