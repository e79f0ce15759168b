"""What chapter 7 says of its full version and of the records that it shows, held to the records."""

import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "results"


def committed(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def own() -> dict:
    return committed("synthfaces/07")


def test_pictures_without_a_face_get_no_verdict_and_a_spliced_face_passes(own):
    assert own["answers"] == {
        "portrait": "unsure", "china": "none", "flower": "none", "drawn": "unsure", "test": "real",
    }  # fmt: skip


def test_outside_more_photographs_are_called_fake_than_on_validation(own):
    called = own["called_fake"]
    assert called["outside"]["real"] > 3 * called["validation"]["real"]


def test_one_alarm_in_fifty_is_right_where_one_in_a_thousand_is_fake(own):
    found, alarm = (own["called_fake"]["outside"][name] for name in ("fake", "real"))
    assert 0.001 * found / (0.001 * found + 0.999 * alarm) < 0.02


def test_no_limit_that_was_chosen_on_validation_holds_outside(own):
    over = {row["limit"]: row["fpr"] / row["limit"] for row in own["limits"]}
    assert all(row["fpr_low"] > row["limit"] for row in own["limits"])
    assert over[0.05] == pytest.approx(2, abs=0.5) and over[0.005] == pytest.approx(5, abs=0.5)


def test_the_desk_saves_most_and_the_others_pay_ten_times_as_much_outside(own):
    cost = {row["purpose"]: row for row in own["purposes"]}
    assert cost["desk"]["outside"] < cost["desk"]["no detector"] / 3
    for name in ("platform", "accuser"):
        assert cost[name]["validation"] < 0.7 * cost[name]["no detector"]
        assert cost[name]["outside"] > 10 * cost[name]["no detector"]


def test_known_families_get_few_wrong_verdicts_and_unseen_ones_wrong_verdicts_by_half(own):
    of_these = {name: row["wrong"] / (row["right"] + row["wrong"])
                for name, row in own["verdicts"].items() if row["unsure"] < 1}  # fmt: skip
    unseen = [share for name, share in of_these.items() if name.endswith("never seen")]
    assert len(unseen) == 5 and min(unseen) > 0.4
    assert max(share for name, share in of_these.items() if "never" not in name) < 0.1


def test_three_known_families_get_hardly_a_verdict_and_unseen_swaps_every_fourth(own):
    given = {name: 1 - row["unsure"] for name, row in own["verdicts"].items()}
    assert max(given[name] for name in ("dfdc", "photoshop", "stylegan")) < 0.1
    assert given.pop("dfdc, never seen") == pytest.approx(0.27, abs=0.02)
    assert max(share for name, share in given.items() if "never" in name) < 0.03


def test_what_is_sent_on_is_real_for_sure_and_takes_itself_for_openforensics(own):
    for name, answer in own["broken"].items():
        if name.endswith("sent on"):
            assert answer["verdict"] == "real" and answer["probability_fake"] < 0.01
            assert own["kinds"][name]["openforensics"] > 0.99
        else:
            assert answer["verdict"] == "unsure"
            assert own["kinds"][name]["openforensics"] < 0.1


def test_blur_hides_four_in_ten_of_the_fakes_and_jpeg_none():
    sweeps = committed("real/recommended")["robustness"]["sweeps"]
    found = {name: {row["level"]: row["called_fake"]["fake"] for row in sweeps[name]["levels"]}
             for name in ("blur", "jpeg")}  # fmt: skip
    assert 1 - found["blur"][2] / found["blur"][0] == pytest.approx(0.4, abs=0.05)
    assert found["jpeg"][30] == pytest.approx(found["jpeg"][100], abs=0.01)


def test_eight_bits_are_four_tenths_smaller_and_worse():
    rows = committed("real/recommended-int8")["rows"]
    assert 1 - rows["int8"]["bytes"] / rows["fp32"]["bytes"] == pytest.approx(0.4, abs=0.03)
    coverage = {name: row["columns"]["openforensics-validation-faces"]["verdicts"]["coverage"]
                for name, row in rows.items()}  # fmt: skip
    assert coverage["int8"]["high"] < coverage["fp32"]["value"]
