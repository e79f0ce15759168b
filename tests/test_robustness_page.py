"""The page of promises names tests and doors that exist."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/robustness.md").read_text(encoding="utf-8")


def test_every_promise_names_tests_that_exist():
    named = re.findall(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)", PAGE)
    assert len(named) > 30
    missing = [name for name, file in named
               if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")]  # fmt: skip
    assert missing == []


def test_every_door_is_a_module_or_a_name_in_one():
    for place in re.findall(r"\| ((?:`[\w.]+`(?:, )?)+) \|", PAGE):
        for name in re.findall(r"`([\w.]+)`", place):
            try:
                importlib.import_module(f"mesocore.{name}")
            except ModuleNotFoundError:
                module, _, attribute = name.rpartition(".")
                assert hasattr(importlib.import_module(f"mesocore.{module}"), attribute), name
