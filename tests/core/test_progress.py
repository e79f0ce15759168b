"""Progress is shown to those who wait for it, and to nobody else."""

import io
import sys

import pytest

from mesocore.core.runtime import progress


@pytest.mark.parametrize(
    "variable, shown",
    [(None, False), (("JPY_SESSION_NAME", "learn/01.ipynb"), True), (("MESO_PROGRESS", "1"), True)],
)
def test_a_bar_is_for_terminals_open_notebooks_and_who_asks(monkeypatch, variable, shown):
    for name in ("JPY_SESSION_NAME", "MESO_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(*variable)
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    assert list(progress(range(3), "counting")) == [0, 1, 2]
    assert ("counting" in said.getvalue()) is shown
