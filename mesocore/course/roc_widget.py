"""A ROC curve whose threshold a reader can drag, as one piece of HTML.

It is drawn complete at its first threshold, and what moves it stands in the slider itself: it works
in JupyterLab and in a saved page alike, loads nothing, and without JavaScript it is a figure.
"""

import json
from collections.abc import Sequence
from html import escape

import numpy as np
from IPython.display import HTML
from sklearn.metrics import roc_curve

from mesocore.core.errors import UserError
from mesocore.course.plots import FAKE, MUTED, REAL

SIDE, LEFT, TOP = 220, 48, 14  # px: of either panel, and where the first one begins
SECOND = LEFT + SIDE + 90  # where the other one begins
ROWS = {1: 0.27, 0: 0.77}  # of the panel of scores: where fakes and reals stand

# `figure` holds what the slider reads and what it writes to, by class.
_MOVE = """
const root = this.closest('figure'), cut = +this.value;
const find = name => root.querySelector('.' + name);
const say = (name, value) => { find(name).textContent = value; };
const labels = JSON.parse(root.dataset.labels), scores = JSON.parse(root.dataset.scores);
const n = [[0, 0], [0, 0]];
labels.forEach((label, i) => { n[label][+(scores[i] >= cut)] += 1; });
const tpr = n[1][1] / (n[1][0] + n[1][1]), fpr = n[0][1] / (n[0][0] + n[0][1]);
say('tp', n[1][1]); say('fn', n[1][0]); say('fp', n[0][1]); say('tn', n[0][0]);
say('cut', cut.toFixed(2)); say('tpr', tpr.toFixed(2)); say('fpr', fpr.toFixed(2));
say('accuracy', ((n[1][1] + n[0][0]) / labels.length).toFixed(2));
const side = +root.dataset.side, left = +root.dataset.left, top_ = +root.dataset.top;
find('point').setAttribute('cx', left + side * fpr);
find('point').setAttribute('cy', top_ + side * (1 - tpr));
const x = +root.dataset.second + side * cut;
find('line').setAttribute('x1', x); find('line').setAttribute('x2', x);
"""


def show(labels: Sequence[int], scores: Sequence[float], threshold: float = 0.5) -> HTML:
    """The ROC curve of `scores` (P(fake), 0 to 1) for `labels` (0 real, 1 fake), and a slider.

    Beside the curve stand the scores themselves, and under it the confusion matrix at the slider's
    threshold, at first `threshold`: what is at or above it is called fake. Raises `UserError` if a
    class is missing or a score is no probability.
    """
    labels, scores = np.asarray(labels, int), np.asarray(scores, float).round(4)
    if labels.shape != scores.shape or set(labels.tolist()) != {0, 1}:
        raise UserError("a ROC curve takes as many scores as labels, of both classes, 0 and 1")
    if not ((scores >= 0) & (scores <= 1)).all() or not 0 <= threshold <= 1:
        raise UserError("scores and threshold are probabilities, 0 to 1")
    threshold = round(float(threshold), 2)
    data = {"labels": json.dumps(labels.tolist()), "scores": json.dumps(scores.tolist()),
            "side": SIDE, "left": LEFT, "top": TOP, "second": SECOND}  # fmt: skip
    attributes = " ".join(f'data-{name}="{escape(str(value))}"' for name, value in data.items())
    style = f"margin:0;max-width:{SECOND + SIDE + 12}px"
    return HTML(
        f'<figure class="roc-widget" style="{style}" {attributes}>'
        f"{_svg(labels, scores, threshold)}{_slider(threshold)}"
        f"{_matrix(labels, scores >= threshold)}</figure>"
    )


def _svg(labels: np.ndarray, scores: np.ndarray, threshold: float) -> str:
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    curve = " ".join(f"{LEFT + SIDE * x:.1f},{TOP + SIDE * (1 - y):.1f}"
                     for x, y in zip(fpr, tpr, strict=True))  # fmt: skip
    called = scores >= threshold
    hit, alarm = called[labels == 1].mean(), called[labels == 0].mean()
    line, bottom = SECOND + SIDE * threshold, TOP + SIDE
    diagonal = f'x1="{LEFT}" y1="{bottom}" x2="{LEFT + SIDE}" y2="{TOP}"'
    parts = [
        _frame(LEFT, "share of reals called fake (FPR)", "share of fakes called fake (TPR)"),
        f'<line {diagonal} stroke="{MUTED}" stroke-dasharray="2 4"/>',
        f'<polyline points="{curve}" fill="none" stroke="currentColor" stroke-width="2"/>',
        f'<circle class="point" cx="{LEFT + SIDE * alarm:.1f}" cy="{TOP + SIDE * (1 - hit):.1f}" '
        f'r="6" fill="{FAKE}"/>',
        _frame(SECOND, "P(fake)", ""),
        *_dots(labels, scores),
        f'<line class="line" x1="{line:.1f}" x2="{line:.1f}" y1="{TOP}" y2="{bottom}" '
        'stroke="currentColor" stroke-width="2"/>',
    ]
    width, height = SECOND + SIDE + 12, bottom + 44
    about = "ROC curve with the point of the threshold, beside the scores of fakes and reals"
    look = 'width="100%" fill="currentColor" font-family="sans-serif" font-size="11"'
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{about}" {look}>'
        f"{''.join(parts)}</svg>"
    )


def _frame(left: float, below: str, beside: str) -> str:
    bottom, middle = TOP + SIDE, TOP + SIDE / 2
    ticks = "".join(
        f'<text x="{left + SIDE * value}" y="{bottom + 14}" text-anchor="middle">{value:g}</text>'
        for value in (0, 0.5, 1)
    )
    if beside:
        ticks += "".join(
            f'<text x="{left - 5}" y="{bottom - SIDE * value + 4}" text-anchor="end">'
            f"{value:g}</text>"
            for value in (0, 0.5, 1)
        )
    turned = f'transform="rotate(-90 {left - 34} {middle})"'
    return (
        f'<rect x="{left}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{MUTED}"/>'
        f'{ticks}<text x="{left + SIDE / 2}" y="{bottom + 34}" text-anchor="middle">{below}</text>'
        f'<text x="{left - 34}" y="{middle}" text-anchor="middle" {turned}>{beside}</text>'
    )


def _dots(labels: np.ndarray, scores: np.ndarray) -> list[str]:
    """A dot for each score, in two rows; those that are close together stand above each other."""
    dots = []
    for label, place in ROWS.items():
        name, colour = ("fake", FAKE) if label else ("real", REAL)
        y = TOP + SIDE * place
        dots.append(f'<text x="{SECOND - 8}" y="{y}" text-anchor="end">{name}</text>')
        mine = np.sort(scores[labels == label])
        bins = (mine * 40).astype(int)
        heights = np.arange(len(mine)) - np.searchsorted(bins, bins)  # the how manieth in its bin
        step = min(7.0, SIDE * 0.4 / (heights.max() + 1))
        for score, height in zip(mine, heights, strict=True):
            up = y + 30 - step * height
            dots.append(f'<circle cx="{SECOND + SIDE * score:.1f}" cy="{up:.1f}" r="3" '
                        f'fill="{colour}" fill-opacity=".7"/>')  # fmt: skip
    return dots


def _slider(threshold: float) -> str:
    return (
        '<label style="display:block;margin:.5rem 0">threshold <output class="cut">'
        f'{threshold:.2f}</output> <input type="range" min="0" max="1" step="0.01" '
        f'value="{threshold:.2f}" style="width:100%;margin:.2rem 0" '
        f'oninput="{escape(" ".join(_MOVE.split()))}"></label>'
    )


def _matrix(labels: np.ndarray, called: np.ndarray) -> str:
    places = {"tp": (1, True), "fn": (1, False), "fp": (0, True), "tn": (0, False)}
    cell = {name: f'<td class="{name}">{((labels == label) & (called == verdict)).sum()}</td>'
            for name, (label, verdict) in places.items()}  # fmt: skip
    rates = {"tpr": called[labels == 1].mean(), "fpr": called[labels == 0].mean(),
             "accuracy": (called == labels).mean()}  # fmt: skip
    shown = {name: f'<span class="{name}">{rate:.2f}</span>' for name, rate in rates.items()}
    return (
        "<table><thead><tr><th></th><th>called fake</th><th>called real</th></tr></thead><tbody>"
        f"<tr><th>fake</th>{cell['tp']}{cell['fn']}</tr>"
        f"<tr><th>real</th>{cell['fp']}{cell['tn']}</tr></tbody></table>"
        f'<p aria-live="polite">TPR {shown["tpr"]}, FPR {shown["fpr"]}, '
        f"accuracy {shown['accuracy']}</p>"
    )
