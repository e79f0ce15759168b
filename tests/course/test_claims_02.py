"""What chapter 2 says of its numbers holds for the records that are committed."""

import json

import pytest

from mesocore.core.runtime import project_root


def committed(path):
    return json.loads((project_root() / "results" / f"{path}.json").read_text())


@pytest.fixture(scope="module")
def parity():
    return committed("published/parity")


def test_the_network_has_learnt_something_from_the_embedded_set():
    auc = committed("synthfaces/02")["metrics"]["all"]["roc_auc"]
    assert 0.78 < auc["value"] < 0.97
    assert auc["low"] <= auc["value"] <= auc["high"]


def test_the_network_does_well_on_real_faces():
    assert committed("real/openforensics-meso4")["metrics"]["all"]["roc_auc"]["low"] > 0.95


def test_every_mistake_changes_the_answers_and_the_faithful_port_does_not(parity):
    faithful = [found["max_difference"] for found in parity["weights"].values()]
    faulty = [port["max_difference"] for ports in parity["cousins"].values()
              for port in ports.values()]  # fmt: skip
    assert max(faithful) < 1e-5 < min(faulty)


def test_four_of_six_mistakes_turn_no_verdict(parity):
    by_weights = list(parity["cousins"].values())
    silent = [mistake for mistake in by_weights[0]
              if all(ports[mistake]["verdicts_turned"] == 0 for ports in by_weights)]  # fmt: skip
    assert len(by_weights[0]) == 6
    assert len(silent) == 4
