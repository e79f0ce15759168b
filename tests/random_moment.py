"""When a test kills: a moment that differs from run to run; a failure says how to repeat it."""

import os
import secrets
import zlib

import numpy as np
import pytest

VARIABLE = "MESO_TEST_SEED"


@pytest.fixture
def moments(request) -> np.random.Generator:
    """Draws for one test, from MESO_TEST_SEED and the test's name, or from a seed of its own.

    What is printed here stands in the report of a test that fails.
    """
    seed = int(os.environ.get(VARIABLE) or secrets.randbits(32))
    name = request.node.nodeid
    print(f"the same moments again: {VARIABLE}={seed} python -m pytest '{name}'")
    return np.random.default_rng([seed, zlib.crc32(name.encode())])
