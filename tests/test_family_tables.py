"""The tables of a detector of many forgeries, from a record of two families and a set outside."""

import json

import family_tables
import pytest


def metric(value: float) -> dict:
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def column(value: float, **more) -> dict:
    verdicts = {"band": [[0.4, 0.6]], "coverage": metric(0.9), "error": metric(0.05)}
    return {"images": 1500, "roc_auc": metric(value), "accuracy": metric(value - 0.1),
            "confident_errors": metric(0.03), "verdicts": verdicts} | more  # fmt: skip


def row(columns: dict, **more) -> dict:
    return {"model": {"model": "meso4+inverted+highpass+pooled"}, "columns": columns} | more


@pytest.fixture
def results(tmp_path):
    trivial = {"known": {"swaps": {"colour": 0.55, "together": 0.61}, "other": {"colour": 0.7}},
               "left_out": {"swaps": {"together": 0.45}, "gans": {"together": 0.5}}}  # fmt: skip
    record = {"families": {"gans": ["gans"], "swaps": ["swaps"]}, "outside": {"path": "other"},
              "trivial_baseline": trivial}  # fmt: skip
    columns = {"gans": column(0.8), "swaps": column(0.7), "other": column(0.95)}
    pruned = {name: found | {"against": metric(-0.002)} for name, found in columns.items()}
    rows = {"recommended": row(columns), "dense": row(columns), "pruned": row(pruned)}
    folder = tmp_path / "real"
    folder.mkdir()
    (folder / "joint-faces-recommended.json").write_text(json.dumps(record | {"rows": rows}))
    rows = {"pooled": row(columns, seeds=[0, 1]), "patches": row(columns, seeds=[0]),
            "pooled-without-gans": row({"gans": column(0.42)}),
            "pooled-without-swaps": row({"swaps": column(0.51)})}  # fmt: skip
    (folder / "joint-faces-leave-one-out.json").write_text(json.dumps(record | {"rows": rows}))
    return tmp_path


def test_the_detector_to_use_has_a_line_a_family_and_one_outside(results):
    header, lines = family_tables.recommended(results)
    assert [line[0] for line in lines] == ["gans, test", "swaps, test", "other, outside"]
    assert all(len(line) == len(header) for line in lines)
    assert lines[1] == ["swaps, test", "1,500", "0.700 [0.690, 0.710]", "0.600 [0.590, 0.610]",
                        "90% [89%, 91%]", "5.0% [4.0%, 6.0%]", "3.0% [2.0%, 4.0%]",
                        "-0.002 [-0.012, +0.008]", "0.610"]  # fmt: skip


def test_a_family_is_shown_known_and_left_out(results):
    header, lines = family_tables.left_out(results)
    assert [line[:3] for line in lines] == [
        ["gans", "mesonetplus+pooled", "0.800 [0.790, 0.810]"],
        ["swaps", "mesonetplus+pooled", "0.700 [0.690, 0.710]"],
    ]
    assert lines[1][4] == "0.510 [0.500, 0.520]" and lines[1][-1] == "0.450"
    assert len(lines[0]) == len(header)


def test_all_that_was_tried_is_a_row(results):
    header, lines = family_tables.tried(results)
    assert header[3:] == ["gans, test", "swaps, test", "other, outside"]
    assert [line[::2][:2] for line in lines] == [["pooled", "0, 1"], ["patches", "0"]]


def test_without_a_record_there_is_no_line(tmp_path):
    for table in (family_tables.recommended, family_tables.left_out, family_tables.tried):
        assert table(tmp_path)[1] == []
