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
              if all(ports[mistake]["verdicts_changed"] == 0 for ports in by_weights)]  # fmt: skip
    assert len(by_weights[0]) == 6
    assert len(silent) == 4


def test_the_port_is_within_the_finding(parity):
    differences = [found["max_difference"] for found in parity["weights"].values()]
    assert f"{max(differences):.1e}" == "1.4e-07"


def test_of_real_faces_the_finding_has_the_figures():
    record = committed("real/openforensics-meso4")
    assert record["seeds"] == [0]
    assert record["metrics"]["all"]["accuracy"]["value"] == pytest.approx(0.9217, abs=5e-5)
    assert record["outside"]["metrics"]["all"]["accuracy"]["value"] == pytest.approx(0.8975)


def test_outside_every_metric_is_worse():
    record = committed("real/openforensics-meso4")
    own, outside = record["metrics"]["all"], record["outside"]["metrics"]["all"]
    for name, lower_is_better in [
        ("roc_auc", False),
        ("average_precision", False),
        ("eer", True),
        ("tpr_at_1_fpr", False),
        ("accuracy", False),
        ("balanced_accuracy", False),
        ("brier", True),
        ("ece", True),
    ]:
        worse = outside[name]["value"] - own[name]["value"]
        assert (worse > 0) == lower_is_better, name  # fmt: skip


def test_seed_0_has_two_results_that_differ_in_their_threads():
    ours, theirs = committed("synthfaces/02"), committed("synthfaces/meso4-seeds")
    assert (ours["environment"]["threads"], theirs["environment"]["threads"]) == (2, 1)
    assert ours["seeds"] == [0] and theirs["seeds"] == [0, 1, 2]
    assert ours["environment"]["packages"] == theirs["environment"]["packages"]
    assert all(ours["model"][key] == theirs["model"][key]
               for key in theirs["model"].keys() - {"data", "manifest_sha256"})  # fmt: skip
    each = theirs["metrics"]["all"]["roc_auc"]["each"]
    assert f"{ours['metrics']['all']['roc_auc']['value']:.3f}" == "0.854"
    assert f"{each[0]:.3f}" == "0.837"
    assert f"{max(each):.3f}" == "0.880"


def test_all_runs_find_generated_faces_and_edited_ones_much_less_well():
    for name in ("synthfaces/02", "synthfaces/meso4-seeds"):
        kinds = committed(name)["metrics"]["by_kind"]
        assert kinds["generated"]["roc_auc"]["low"] > 0.99
        assert kinds["edited"]["roc_auc"]["high"] < 0.8


def test_dropout_costs_one_seed_most_and_one_nothing():
    found = committed("synthfaces/dropout")["val_roc_auc"]
    without, with_dropout = ([curve[-1] for curve in found[share].values()]
                             for share in ("0.0", "0.5"))  # fmt: skip
    assert min(without) > 0.84
    assert max(with_dropout) > min(without)
    assert min(with_dropout) < 0.6


def test_on_test_it_is_no_worse_than_on_validation():
    record = committed("synthfaces/02")
    validation = float(record["cousins_on_validation"]["faithful"]["validation AUC"])
    assert 0 <= record["metrics"]["all"]["roc_auc"]["value"] - validation < 0.02
