"""The house style: figures that repeat byte for byte, a manifest in order, pictures that fit."""

import json
import os
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.testing.compare import compare_images

from mesocore import UserError
from mesocore.course import plots

RECORD = {"chapter": "02", "tier": "synthfaces", "seed": 0, "manifest_hash": "ab" * 32}
SCRIPT = """
import sys
import matplotlib; matplotlib.use("Agg")
import numpy as np
from pathlib import Path
from mesocore.course import plots
plots.use_style()
scores = np.linspace(0, 1, 40)
ax = plots.roc_curves({"a": (scores > .4, scores ** 2), "b": (scores > .4, np.sin(9 * scores))})
plots.save_figure(ax.figure, "roc", chapter="02", tier="synthfaces", seed=0, manifest_hash="ab",
                  folder=Path(sys.argv[1]))
"""


pytestmark = pytest.mark.usefixtures("house_style")


def relative_luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, WCAG 2.1."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_the_same_figure_gives_the_same_bytes_in_another_process(tmp_path):
    for run, hash_seed in (("one", "1"), ("two", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / run)], env=environment, check=True
        )
    for name in ("roc.png", "roc.pdf", "manifest.json"):
        one, two = ((tmp_path / run / name).read_bytes() for run in ("one", "two"))
        assert one == two, f"{name} differs between two processes"
    assert compare_images(str(tmp_path / "one/roc.png"), str(tmp_path / "two/roc.png"), 0) is None


def test_saved_files_hold_no_date(tmp_path):
    figure, _ = plt.subplots()
    png = plots.save_figure(figure, "empty", folder=tmp_path, **RECORD)
    assert png == tmp_path / "empty.png"
    assert b"CreationDate" not in (tmp_path / "empty.pdf").read_bytes()
    assert b"Software" not in png.read_bytes()


def test_manifest_is_sorted_and_keeps_the_latest_record(tmp_path):
    figure, _ = plt.subplots()
    for name, seed in (("02-b", 0), ("01-a", 1), ("02-b", 7)):
        plots.save_figure(figure, name, folder=tmp_path, **{**RECORD, "seed": seed})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert list(manifest) == ["01-a", "02-b"]
    assert manifest["02-b"]["seed"] == 7
    assert set(manifest["01-a"]) == {"chapter", "tier", "seed", "manifest_hash", "versions"}


def test_default_folder_is_figures_of_the_project(tmp_path, monkeypatch):
    monkeypatch.setenv("MESO_HOME", str(tmp_path))
    figure, _ = plt.subplots()
    assert plots.save_figure(figure, "x", **RECORD) == tmp_path / "figures" / "x.png"


@pytest.mark.parametrize("name", ["", "a/b", "../up"])
def test_a_name_that_leaves_the_folder_is_refused(name, tmp_path):
    figure, _ = plt.subplots()
    with pytest.raises(UserError, match="plain file name"):
        plots.save_figure(figure, name, folder=tmp_path, **RECORD)
    assert not list(tmp_path.iterdir())


def test_every_colour_stands_out_from_white_and_real_from_fake():
    for colour in (plots.REAL, plots.FAKE, plots.MUTED):
        assert 1.05 / (relative_luminance(colour) + 0.05) > 3.0
    assert len(set(plots.PALETTE)) == len(plots.LINES) == 7


def test_image_grid_takes_both_channel_orders_and_blanks_the_rest():
    first = np.zeros((3, 8, 10), np.uint8)
    second = np.zeros((8, 10, 3), np.uint8)
    figure = plots.image_grid([first, second, second[..., 0]], ["a", "b", "c"], ncols=2)
    shapes = [ax.images[0].get_array().shape[:2] for ax in figure.axes if ax.images]
    assert shapes == [(8, 10)] * 3
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", ""]


def test_image_grid_puts_a_heading_above_all():
    figure = plots.image_grid([np.zeros((4, 4))] * 2, ["a", "b"], heading="two of 9 images")
    assert figure.get_suptitle() == "two of 9 images"
    assert plots.image_grid([np.zeros((4, 4))]).get_suptitle() == ""
    plt.close("all")


def test_image_grid_refuses_titles_that_do_not_match():
    with pytest.raises(UserError, match="2 images and 1 titles"):
        plots.image_grid([np.zeros((4, 4))] * 2, ["only one"])


def test_roc_curve_states_the_area():
    labels = np.array([0, 0, 1, 1])
    ax = plots.roc_curves({"perfect": (labels, labels), "reversed": (labels, -labels)})
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["perfect  AUC 1.000", "reversed  AUC 0.000"]


def test_reliability_puts_each_bin_at_its_observed_share():
    probabilities = np.array([0.05, 0.05, 0.95, 0.95, 1.0])
    ax = plots.reliability(np.array([0, 1, 1, 1, 1]), probabilities)
    points = ax.collections[0].get_offsets()
    assert np.allclose(points, [[0.05, 0.5], [probabilities[2:].mean(), 1.0]])


def test_training_curves_label_each_line_at_its_end():
    history = pd.DataFrame({"epoch": [1, 2], "loss": [0.7, 0.5], "val_loss": [0.8, 0.6]})
    ax = plots.training_curves(history, {"loss": "train", "val_loss": "validation"}, "loss")
    assert [(text.get_text(), text.xy) for text in ax.texts] == [
        ("train", (2, 0.5)),
        ("validation", (2, 0.6)),
    ]
