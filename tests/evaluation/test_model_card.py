"""The card says what the record says, and names the failures that the numbers show."""

import dataclasses
import functools
import re

import pytest

from mesocore.core.errors import UserError
from mesocore.evaluation import (
    labelled_images,
    metrics,
    records,
    robustness,
    slices,
    tables,
    thresholds,
)
from mesocore.evaluation.cards import model_card
from mesocore.evaluation.cards.known_limits import known_limits
from mesocore.nets.detector import load_detector
from tests.commands import mesocore


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Intervals from 20 draws: these tests ask what is shown, not how wide it is."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((metrics, "measure"), (thresholds, "at_limits")):
            patch.setattr(module, name, functools.partial(getattr(module, name), resamples=20))
        yield


@pytest.fixture(scope="module")
def measured(small_set, small_run):
    detector = load_detector(small_run("meso4", seed=1))
    return small_set, detector, records.evaluate(detector, small_set)


def metric(value: float, low: float | None = None, high: float | None = None) -> dict:
    low, high = low or value - 0.05, high or value + 0.05
    return {"value": value, "low": low, "high": high}


def changed(record: dict, **metrics) -> dict:
    """The record with a trivial baseline of .6 and other metrics."""
    everything = record["metrics"]["all"] | metrics
    return record | {"metrics": record["metrics"] | {"all": everything},
                     "trivial_baseline": {"colour": 0.6}}  # fmt: skip


def test_every_section_is_there_and_every_metric_is_the_records(measured):
    faces, detector, record = measured
    text = model_card.render(record, detector, model_card.findings([detector], faces))
    for heading in ("Intended use", "Data", "Metrics", "Operating points", "Where it errs",
                    "Robustness", "Known failures and limits"):  # fmt: skip
        assert f"## {heading}\n" in text
    for key, name in tables.NAMES.items():
        found = record["metrics"]["all"][key]
        shown = f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
        assert f"| {name} | {shown} |" in text
    assert "16 images, 8 of them fake" in text and "seeds: 1" in text
    assert record["data"]["manifest_sha256"][:12] in text and str(faces.parent) not in text


def test_findings_add_up(measured):
    faces, detector, _ = measured
    found = model_card.findings([detector], faces)
    scored = labelled_images.scored(detector, faces, "test")
    counts = slices.confusion(scored, detector.threshold)
    assert found["confusion"]["fake"]["real"] == counts.loc["fake", "real"]
    assert sum(sum(row.values()) for row in found["confusion"].values()) == 16
    assert [point["allowed"] for point in found["operating_points"]] == [0, 0]
    text = "\n".join(known_limits(changed(_record(measured)), found))
    assert "rate of 0.5% is finer than the reals of validation can tell" in text


def _record(measured) -> dict:
    return measured[2]


def test_failures_follow_from_numbers(measured):
    record = changed(_record(measured), roc_auc=metric(0.9, 0.85, 0.94))
    assert not any("trivial features, which" in line for line in known_limits(record, {}))
    weak = changed(record, roc_auc=metric(0.62, 0.55, 0.7))
    assert any("trivial features, which reach 0.600" in line for line in known_limits(weak, {}))
    kinds = {"generated": {"roc_auc": metric(0.9)}, "edited": {"roc_auc": metric(0.52, 0.48, 0.56)}}
    record["metrics"]["by_kind"] = kinds
    lines = [line for line in known_limits(record, {}) if "not told from reals" in line]
    assert len(lines) == 1 and "*edited*" in lines[0] and "0.520 [0.480, 0.560]" in lines[0]


def test_what_is_lost_outside_is_named(measured):
    record = changed(_record(measured), roc_auc=metric(0.99, 0.98, 0.995))

    def outside(value):
        there = {"metrics": {"all": {"roc_auc": metric(value, value - 0.005, value + 0.005)}}}
        return record | {"outside": there | {"data": {"path": "elsewhere"}}}

    (line,) = [line for line in known_limits(outside(0.97), {}) if "elsewhere" in line]
    assert "0.970 [0.965, 0.975] ROC AUC against 0.990 [0.980, 0.995]" in line
    assert not any("elsewhere" in line for line in known_limits(outside(0.985), {}))


def test_a_rare_fake_makes_most_alarms_false(measured):
    found = {"confusion": {"real": {"real": 90, "fake": 10}, "fake": {"real": 20, "fake": 80}}}
    lines = known_limits(_record(measured), found)
    assert any(line.startswith("Of the images that it calls fake, 7% are") for line in lines)


def test_a_record_with_robustness_needs_no_other(measured, monkeypatch):
    faces, detector, _ = measured
    few = {name: one._replace(levels=one.levels[:1]) for name, one in robustness.SWEEPS.items()}
    monkeypatch.setattr(robustness, "SWEEPS", {"jpeg": few["jpeg"], "resize": few["resize"]})
    record = records.evaluate(detector, faces, degraded=True)
    untouched, saved = record["robustness"]["sweeps"]["jpeg"]["levels"]
    assert untouched["roc_auc"]["value"] == record["metrics"]["all"]["roc_auc"]["value"]
    assert saved["level"] == 95
    text = model_card.render(record, detector, {})
    assert "| resize | share of the side 0.9 |" in text
    assert "Not measured here: compression" not in text


def test_unsure_verdicts_and_what_they_are_worth_are_on_the_card(measured):
    faces, detector, _ = measured
    careful = dataclasses.replace(detector, band=(0.0, 1.0), description=detector.description)
    text = model_card.render(records.evaluate(careful, faces), careful, {})
    assert "- **Verdicts**: real below 0.000, fake from 1.000, otherwise unsure" in text
    assert "it gives a verdict on 0.0% [0.0%, 0.0%] of the images, and none of those" in text


def test_a_set_of_several_sources_has_a_row_for_each(measured):
    _, detector, record = measured
    everything = record["metrics"]["all"]
    sources = {"one": everything, "two": everything | {"roc_auc": metric(0.7, 0.6, 0.8)}}
    mixed = record | {"metrics": record["metrics"] | {"by_source": sources},
                      "trivial_by_source": {"two": {"colour": 0.4, "together": 0.61}}}  # fmt: skip
    lines = model_card.render(mixed, detector, {}).splitlines()
    line = next(line for line in lines if line.startswith("| two |"))
    assert line.startswith("| two | 16 | 8 | 0.700 [0.600, 0.800] |") and line.endswith("| 0.610 |")
    assert "| source |" not in model_card.render(record, detector, {})


def test_missed_slices_and_lost_levels_are_named(measured):
    row = {"label": "fake", "fact": "edit", "value": "relight", "images": 40, "errors": 32,
           "rate": 0.8, "low": 0.65, "high": 0.9, "rest": 0.2, "p": 1e-9, "q": 1e-8}  # fmt: skip
    quiet = row | {"value": "heal", "q": 0.3}
    sweeps = {"sweeps": {"blur": {"unit": "sigma (px)", "levels": [
        {"level": 0, "roc_auc": metric(0.9), "called_fake": {"real": 0.1}},
        {"level": 1, "roc_auc": metric(0.7), "called_fake": {"real": 0.8}},
        {"level": 2, "roc_auc": metric(0.52, 0.47, 0.57), "called_fake": {"real": 0.9}},
        {"level": 3, "roc_auc": metric(0.51, 0.46, 0.56), "called_fake": {"real": 1.0}},
    ]}}}  # fmt: skip
    faces, detector, record = measured
    text = model_card.render(record, detector, {"slices": [row, quiet]}, sweeps)
    assert "Most fakes of edit *relight* are missed: 80%." in text and "*heal*" not in text
    assert "2 slices were tested" in text and "1 differ" in text
    assert "After *blur* at sigma (px) 2 nothing is left" in text
    assert "After *blur* at sigma (px) 1 it calls 80% of the reals fake." in text
    assert "| blur | sigma (px) 3 | 0.900 [0.850, 0.950] | 0.510 [0.460, 0.560] |" in text
    assert "Not measured here: compression" not in text


def test_a_record_of_another_model_is_refused(measured):
    _, detector, record = measured
    other = record | {"model": {"model": "mesoinception4"}}
    with pytest.raises(UserError, match="different models"):
        model_card.render(other, detector, {})


def test_the_command_writes_a_card(small_set, small_run, tmp_path):
    run = small_run("meso4", seed=1)
    done = mesocore("evaluate", run, "--data", small_set, "--card", tmp_path / "c.md")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "c.md").read_text()
    auc = re.search(r"roc_auc +(\d\.\d+)", done.stdout)[1]
    assert text.startswith("# Model card: meso4 on set\n") and f"| ROC AUC | {auc} [" in text
