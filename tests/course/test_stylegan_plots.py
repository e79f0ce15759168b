"""What a generator lacks, measured with its interval."""

import matplotlib.pyplot as plt
import numpy as np

from mesocore.course import stylegan_plots


def test_a_gap_in_the_spectrum_has_an_interval_that_holds_it():
    rng = np.random.default_rng(0)
    fakes, photographs = rng.normal(-0.2, 1, (400, 32)), rng.normal(0, 1, (600, 32))
    gap = stylegan_plots.spectrum_gap(fakes, photographs)
    assert ((gap["low"] < -0.2) & (gap["high"] > -0.2)).mean() > 0.8
    np.testing.assert_allclose(gap["high"] - gap["low"], 2 * 1.96 * (1 / 400 + 1 / 600) ** 0.5, 0.1)
    np.testing.assert_allclose(gap.index[[0, -1]], [1 / 128, 63 / 128])


def test_the_spectrum_figure_draws_the_gap():
    rows = np.random.default_rng(0).normal(size=(9, 32))
    gap = stylegan_plots.spectrum_gap(rows - 1, rows)
    figure = stylegan_plots.spectrum_figure(gap)
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), -1)
    plt.close(figure)
