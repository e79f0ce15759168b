"""Threads do not wait in a loop, which halves the pace wherever something else runs too."""

import os
import subprocess
import sys

import pytest

CODE = "import mesocore, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_the_policy_is_set_before_torch_is_loaded_and_can_be_chosen(given, found):
    variables = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    variables |= {"OMP_WAIT_POLICY": given} if given else {}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True,
                          env=variables)  # fmt: skip
    assert done.stdout.split() == [found, "False"]
