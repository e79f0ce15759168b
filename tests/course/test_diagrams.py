"""Diagrams: nothing cut off, nothing on top of another, numbers that are computed, same bytes."""

import io
import re
import warnings
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mesocore.course import diagrams, plots
from mesocore.course.diagrams import blocks, canvas, gates, groups, matrices, networks, people
from mesocore.faces import stylegan
from mesocore.nets import build, layers, profile

pytestmark = pytest.mark.usefixtures("house_style")
each_diagram = pytest.mark.parametrize("name", diagrams.__all__)
SMALLEST = 7.5  # points


def texts(fig: Figure) -> list[Text]:
    return [text for text in fig.findobj(Text) if text.get_visible() and text.get_text().strip()]


def said(fig: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(fig))


def boxes(fig: Figure) -> list[tuple[str, Bbox]]:
    fig.canvas.draw()
    renderer = fig.canvas.get_renderer()
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts(fig)]


def cut_off(fig: Figure) -> list[str]:
    """The texts that leave the figure."""
    (left, low), (right, high) = fig.bbox.min, fig.bbox.max
    return [words for words, b in boxes(fig)
            if b.x0 < left or b.x1 > right or b.y0 < low or b.y1 > high]  # fmt: skip


def overlapping(fig: Figure) -> list[tuple[str, str]]:
    """The pairs of texts that share an area."""
    return [(one, other) for (one, a), (other, b) in combinations(boxes(fig), 2) if a.overlaps(b)]


def png(name: str) -> bytes:
    file = io.BytesIO()
    getattr(diagrams, name)().savefig(file, format="png", dpi=plots.DPI)
    return file.getvalue()


@each_diagram
def test_every_text_is_within_the_figure_apart_from_others_and_large_enough(name):
    fig = getattr(diagrams, name)()
    assert len(texts(fig)) > 5
    assert cut_off(fig) == []
    assert overlapping(fig) == []
    assert min(text.get_fontsize() for text in texts(fig)) >= SMALLEST
    assert fig.get_size_inches()[0] == plots.WIDTH


def test_the_checks_of_texts_see_what_is_wrong():
    def wrong(ax):
        canvas.write(ax, 0.1, 0.5, "cut off at the left")
        canvas.write(ax, 3, 0.5, "one over")
        canvas.write(ax, 3.2, 0.53, "the other")

    fig = canvas.drawn(wrong, 1)
    assert cut_off(fig) == ["cut off at the left"]
    assert overlapping(fig) == [("one over", "the other")]


@each_diagram
def test_the_same_diagram_gives_the_same_bytes(name):
    assert png(name) == png(name)


def test_diagrams_leave_the_style_of_the_process_alone():
    with plots.mpl.rc_context({"font.size": 17, "figure.dpi": 50}):
        diagrams.residuals()
        assert plots.mpl.rcParams["font.size"] == 17


def test_meso4_prints_the_parameters_that_profile_counts():
    fig = diagrams.meso4()
    table = profile.layer_table(build("meso4", size=256), 256)
    counts = table["parameters"]
    weights = [*(counts[n : n + 3].sum() for n in range(0, 12, 3)), *counts[12:]]
    printed = [text.get_text() for text in texts(fig) if text.get_fontweight() == "bold"]
    assert [n for n in printed if re.fullmatch(r"[\d,]+", n)] == [f"{n:,}" for n in weights]
    assert f"{counts.sum():,} in all" in said(fig)
    for channels, side in ((3, 256), (8, 128), (8, 64), (16, 32), (16, 8)):
        assert f"{channels} channels" in said(fig) and f"{side} × {side}" in said(fig)


def test_meso4_draws_maps_by_the_square_root_of_their_side():
    maps = {}
    for patch in diagrams.meso4().axes[0].patches:
        if getattr(patch, "get_width", lambda: 0)() == pytest.approx(networks.SLICE):
            maps[round(patch.get_height(), 6)] = maps.get(round(patch.get_height(), 6), 0) + 1
    heights = sorted(maps, reverse=True)
    assert [maps[height] for height in heights] == [3, 8, 8, 16, 16]
    assert np.allclose(
        (np.array(heights) / heights[0]) ** 2 * 256, [256, 128, 64, 32, 8], rtol=1e-4
    )


def test_residuals_end_without_an_activation_where_the_network_does():
    ours = layers.InvertedResidual(24, 24, expansion=6)
    weights = [p.shape for p in ours.parameters() if p.dim() == 4]
    assert [shape[0] for shape in weights] == list(blocks.INVERTED.widths[1:])
    activations = [type(m).__name__ for m in ours.modules() if "ReLU" in type(m).__name__]
    assert activations == [a for a in blocks.INVERTED.after if a != blocks.LINEAR]
    bars = {p.get_width() for p in diagrams.residuals().axes[0].patches if hasattr(p, "get_width")}
    for width in {*blocks.BOTTLENECK.widths, *blocks.INVERTED.widths}:
        assert any(abs(bar - width * blocks.CHANNEL) < 1e-9 for bar in bars)


def test_squeeze_and_excitation_prints_itsexample():
    maps, means, found = gates.example()
    assert np.allclose(maps.mean((1, 2)), means) and (found > 0).all() and (found < 1).all()
    words = said(diagrams.squeeze_and_excitation()).split("\n")
    printed = [float(word) for word in words if re.fullmatch(r"\d\.\d\d", word)]
    assert sorted(printed) == sorted(round(float(v), 2) for v in [*means, *found])


def test_attentions_are_those_of_the_course():
    words = said(diagrams.attentions()).split("\n")
    assert [name for name in words if name in layers.ATTENTION] == list(layers.ATTENTION)
    assert "of 7 × 7 places" in words and layers.ConvBlockAttention(16).place.kernel_size == (7, 7)


def test_the_generator_has_a_noise_map_and_a_style_for_each_convolution():
    fig, generator = diagrams.style_based_generator(), stylegan.load()
    words = said(fig)
    assert f"{generator.layers} convolutions" in words
    assert f"{len(generator.mapping.layers)} dense" in words
    assert f"z: {stylegan.LATENT}" in words
    assert all(f"{side} × {side}" in words for side in stylegan.CHANNELS)
    # the constant, a noise map a convolution, a picture a resolution
    assert len(fig.axes[0].images) == 1 + generator.layers + len(stylegan.CHANNELS)


def test_the_split_by_group_is_the_one_without_a_leak():
    words = said(diagrams.split_and_leak())
    assert words.count("leak") == 3
    assert "3 of 3 test images" in words and "0 of 3 test images" in words
    # a composite ties the two photographs that it was made from
    assert groups.leaking([people.ANNA], [people.BERT, people.CARA]) == [people.BERT]


def test_masks_and_channels_take_as_many_weights_and_the_smallest():
    weights = matrices.layers()
    zeros = matrices.masked(weights)
    kept = np.concatenate([w[~z] for w, z in zip(weights, zeros, strict=True)])
    gone = np.concatenate([w[z] for w, z in zip(weights, zeros, strict=True)])
    assert gone.max() < kept.min()
    channels = matrices.weakest(weights)
    taken = weights[0][channels].size + weights[1][:, channels].size
    assert len(gone) == taken
    words = said(diagrams.mask_and_channel())
    assert f"{taken} of 128 weights" in words and f"none among {128 - taken} weights" in words
    assert "6 × 8" in words and "8 × 6" in words


def test_a_diagram_is_saved_twice_without_a_warning(tmp_path, house_style):
    figure = diagrams.split_and_leak()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ending in ("png", "pdf", "svg"):
            figure.savefig(tmp_path / f"diagram.{ending}")
