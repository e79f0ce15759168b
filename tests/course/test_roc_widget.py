"""The ROC curve with a slider: right where it starts, and where it is dragged to."""

import json
import re
from html import unescape

import numpy as np
import pytest
from bs4 import BeautifulSoup
from py_mini_racer import MiniRacer
from sklearn.metrics import confusion_matrix

from mesocore.core.errors import UserError
from mesocore.course import roc_widget

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1], 30)
SCORES = 1 / (1 + np.exp(-(RNG.normal(size=60) + np.where(LABELS, 1, -1))))
# what the slider's code asks of a page: elements by class, their text and attributes
PAGE = """
const said = {};
const element = name => ({
  set textContent(value) { said[name] = value; },
  setAttribute(key, value) { said[name + '.' + key] = value; },
});
const figure = { dataset: DATASET, querySelector: name => element(name.slice(1)) };
const slider = { value: 'CUT', closest: () => figure };
(function () { CODE }).call(slider);
JSON.stringify(said);
"""


def shown(threshold: float) -> BeautifulSoup:
    return BeautifulSoup(roc_widget.show(LABELS, SCORES, threshold).data, "html.parser")


def dragged(soup: BeautifulSoup, cut: float) -> dict:
    """What the page shows after the slider was moved to `cut`."""
    data = {name.removeprefix("data-"): value for name, value in soup.figure.attrs.items()
            if name.startswith("data-")}  # fmt: skip
    code = PAGE.replace("DATASET", json.dumps(data)).replace("CUT", str(cut))
    return json.loads(MiniRacer().eval(code.replace("CODE", unescape(soup.input["oninput"]))))


@pytest.mark.parametrize("cut", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_counts_are_those_of_the_threshold_at_the_start_and_after_dragging(cut):
    tn, fp, fn, tp = confusion_matrix(LABELS, SCORES.round(4) >= cut).ravel()
    start, later = shown(cut), dragged(shown(0.5), cut)
    for name, count in {"tn": tn, "fp": fp, "fn": fn, "tp": tp}.items():
        assert int(start.find("td", name).text) == int(later[name]) == count
    for name, rate in {"tpr": tp / 30, "fpr": fp / 30, "accuracy": (tp + tn) / 60}.items():
        assert abs(float(start.find("span", name).text) - rate) <= 0.005
        assert abs(float(later[name]) - rate) <= 0.005
    assert float(start.find("circle", "point")["cx"]) == pytest.approx(later["point.cx"], abs=0.1)
    assert float(start.find("line", "line")["x1"]) == pytest.approx(later["line.x1"], abs=0.1)


def test_the_point_lies_on_the_curve():
    soup = shown(0.37)
    curve = [tuple(map(float, pair.split(","))) for pair in soup.polyline["points"].split()]
    point = soup.find("circle", "point")
    place = float(point["cx"]), float(point["cy"])
    assert min(np.hypot(x - place[0], y - place[1]) for x, y in curve) < 0.2


def test_it_loads_nothing_and_has_a_label_and_no_script_element():
    soup = shown(0.5)
    assert soup.find(["script", "link", "img"]) is None
    assert not re.search(r"https?:", str(soup))
    assert soup.label.find("input") is not None
    assert soup.svg["aria-label"]


@pytest.mark.parametrize(
    ("labels", "scores", "threshold"),
    [([0, 0], [0.1, 0.2], 0.5), ([0, 1], [0.1, 1.2], 0.5), ([0, 1], [0.1], 0.5),
     ([0, 1], [0.1, float("nan")], 0.5), ([0, 1], [0.1, 0.9], 2.0)],
)  # fmt: skip
def test_what_is_no_score_is_refused(labels, scores, threshold):
    with pytest.raises(UserError):
        roc_widget.show(labels, scores, threshold)
