"""A range counts if it was locked before its result was shown, and is scored once."""

import json

import pytest

from mesocore.core.errors import UserError
from mesocore.course import plots
from mesocore.course.predictions import Predictions


@pytest.fixture
def file(tmp_path):
    return tmp_path / "runs" / "predictions.json"


def test_a_range_is_locked_and_scored_and_outlives_the_session(file):
    assert Predictions(file).lock("auc", 0.8, 0.9) == "auc: locked, 0.8 to 0.9"
    again = Predictions(file)
    assert again.reveal("auc", 0.8514) == "auc: 0.851, inside your range, 0.8 to 0.9"
    assert again.scored().to_dict("records") == [
        {"name": "auc", "low": 0.8, "high": 0.9, "value": 0.8514, "inside": True}
    ]


def test_what_rounds_to_the_edge_as_shown_is_inside(file):
    kept = Predictions(file)
    kept.lock("loss", 0.55, 0.7)
    assert kept.reveal("loss", 0.70007) == "loss: 0.7, inside your range, 0.55 to 0.7"
    kept.lock("auc", 0.55, 0.7)
    assert "outside" in kept.reveal("auc", 0.7012)


def test_a_range_may_be_changed_until_the_result_was_shown(file):
    kept = Predictions(file)
    kept.lock("auc", 0.8, 0.9)
    kept.lock("auc", 0.5, 0.6)
    assert "outside your range, 0.5 to 0.6" in kept.reveal("auc", 0.85)
    said = kept.lock("auc", 0.8, 0.9)
    assert said == "auc: the result was shown already; 0.5 to 0.6 stays"
    assert not Predictions(file).scored()["inside"].any()


def test_after_the_result_a_range_comes_too_late(file):
    kept = Predictions(file)
    assert "what do you expect?" in kept.lock("auc")
    assert kept.reveal("auc", 0.85) == "auc: 0.85 (no range was locked)"
    assert kept.lock("auc", 0.8, 0.9) == "auc: the result was shown already; no range stays"
    assert kept.scored().empty and "No range was locked" in kept.summary()


def test_to_run_again_changes_no_score(file):
    kept = Predictions(file)
    kept.lock("auc", 0.8, 0.9)
    kept.reveal("auc", 0.85)
    before = file.read_bytes()
    kept.lock("auc", 0.8, 0.9)
    kept.reveal("auc", 0.99)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.9, 0.8, "swap them"), (0.9, None, "needs both"), (0.1, float("nan"), "finite numbers")],
)
def test_what_is_no_range_is_refused_and_not_kept(file, low, high, said):
    with pytest.raises(UserError, match=said):
        Predictions(file).lock("auc", low, high)
    assert not file.exists()


@pytest.mark.parametrize(
    ("held", "said"), [(8, "too narrow"), (16, "would: well"), (20, "wider than need be")]
)
def test_the_summary_says_whether_ranges_are_of_the_right_width(file, held, said):
    kept = Predictions(file)
    for number in range(20):
        kept.lock(str(number), 0, 1)
        kept.reveal(str(number), 0.5 if number < held else 2)
    assert kept.summary().startswith(f"{held} of 20 ranges held")
    assert said in kept.summary()


def test_results_are_placed_within_their_ranges(file):
    kept = Predictions(file)
    for name, low, high, value in (
        ("middle", 2, 4, 3), ("below", 0, 1, -9), ("point", 5, 5, 5), ("above", 5, 5, 6),
    ):  # fmt: skip
        kept.lock(name, low, high)
        kept.reveal(name, value)
    placed = kept.placed()
    assert placed["value"].to_dict() == {"middle": 0.5, "below": -0.5, "point": 0.5, "above": 1.5}
    assert placed["label"].to_list() == ["real", "fake", "real", "fake"]
    assert len(plots.intervals(placed).get_yticklabels()) == 4


def test_a_file_that_is_damaged_is_refused_in_a_line(file):
    file.parent.mkdir()
    file.write_text(json.dumps({"predictions": {"auc": {"low": "much"}}}))
    with pytest.raises(UserError, match="remove it to begin anew"):
        Predictions(file)


def test_a_result_that_is_no_number_is_not_scored(file):
    kept = Predictions(file)
    kept.lock("auc", 0.8, 0.9)
    assert "nothing is scored" in kept.reveal("auc", float("nan"))
    assert Predictions(file).scored().empty
