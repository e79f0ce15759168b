"""A power law is found again from runs that follow one, and its interval holds what it should."""

import numpy as np
import pytest

from mesocore.core.errors import UserError
from mesocore.evaluation.power_law import fit_power_law

SIZES = np.repeat([400, 800, 1600, 3200, 6400], 3)


def runs(seed: int, scatter: float) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, scatter, len(SIZES))
    return 2 * SIZES**-0.5 * np.exp(noise)


def test_an_exact_law_is_found_again():
    law = fit_power_law(SIZES, runs(0, 0))
    assert (law.scale, law.exponent) == pytest.approx((2, 0.5))
    assert law.predict(105_000)["value"] == pytest.approx(2 * 105_000**-0.5)


def test_the_interval_holds_a_new_run_as_often_as_it_says():
    inside = 0
    for seed in range(400):
        found = fit_power_law(SIZES, runs(seed, 0.2)).predict(105_000)
        new = 2 * 105_000**-0.5 * np.exp(np.random.default_rng(10_000 + seed).normal(0, 0.2))
        inside += found["low"] <= new <= found["high"]
    assert 0.92 < inside / 400 < 0.98


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(UserError, match="at least three runs"):
        fit_power_law([100, 200], [0.2, 0.1])
    with pytest.raises(UserError, match="two sizes"):
        fit_power_law([100, 100, 100], [0.2, 0.1, 0.3])
    with pytest.raises(UserError, match="error of 0"):
        fit_power_law([100, 200, 300], [0.2, 0.1, 0])
