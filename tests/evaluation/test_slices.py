"""Facts are read from names and parameters; a slice that fares worse is found, and no other."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mesocore.core.files import write_json
from mesocore.data import attributes
from mesocore.evaluation import slices
from tests.factories import ABOUT


def scored(count: int = 800, worse: float = 0.5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fakes with glasses are missed more often by `worse`; twenty other facts do not matter."""
    rng = np.random.default_rng(0)
    label = np.where(np.arange(count) % 2, "fake", "real")
    glasses = rng.random(count) < 0.3
    wrong = rng.random(count) < 0.2 + worse * (glasses & (label == "fake"))
    probability = np.where((label == "fake") != wrong, 0.9, 0.1)
    table = pd.DataFrame({"label": label, "group": np.arange(count), "probability": probability})
    known = pd.DataFrame({"glasses": np.where(glasses, "with", "without")})
    for k in range(20):
        known[f"other {k}"] = np.where(rng.random(count) < 0.5, "low", "high")
    return table, known


def test_confusion_counts_every_image_once():
    table = pd.DataFrame({"label": ["real", "real", "fake"], "probability": [0.2, 0.5, 0.9]})
    found = slices.confusion(table, 0.5)
    assert found.loc["real"].tolist() == [1, 1] and found.loc["fake"].tolist() == [0, 1]
    assert slices.confusion(table.head(1), 0.5).to_numpy().sum() == 1


def test_most_confident_errors_are_errors_and_sorted():
    table = pd.DataFrame({"label": ["real", "fake", "fake", "fake", "real"],
                          "probability": [0.99, 0.3, 0.01, 0.8, 0.6]})  # fmt: skip
    found = slices.most_confident(table, 0.5, 1)
    assert found.index.tolist() == [0, 2]
    assert slices.most_confident(table, 0.5, 5).index.tolist() == [0, 4, 2, 1]
    assert found["beyond"].iloc[0] == pytest.approx(np.log(99))


def test_the_slice_that_fares_worse_is_the_one_that_is_found():
    table = slices.slices(*scored(), threshold=0.5)
    found = table[table["q"] < 0.05]
    assert found[["label", "fact"]].to_numpy().tolist() == [["fake", "glasses"]]
    row = table[(table["label"] == "fake") & (table["value"] == "with")].iloc[0]
    assert row["low"] < row["rate"] < row["high"] and row["rate"] > row["rest"] + 0.3
    assert row["errors"] == round(row["rate"] * row["images"])


def test_nothing_is_found_where_nothing_differs():
    table = slices.slices(*scored(worse=0.0), threshold=0.5)
    assert not (table["q"] < 0.05).any()
    assert (table["q"] >= table["p"])[table["p"].notna()].all()


def test_the_numbers_of_a_slice_by_hand():
    table = pd.DataFrame({"label": "fake", "group": range(40),
                          "probability": [0.1] * 8 + [0.9] * 32})  # fmt: skip
    known = pd.DataFrame({"edit": ["splice"] * 10 + ["heal"] * 10 + ["splice+heal"] * 20})
    found = slices.slices(table, known, 0.5).set_index("value")
    assert found.loc["splice", ["images", "errors"]].tolist() == [30, 8]
    assert found.loc["heal", "errors"] == 0 and found.loc["heal", "rest"] == 0.8
    p = stats.fisher_exact([[0, 30], [8, 2]]).pvalue
    assert found.loc["heal", "p"] == pytest.approx(p)
    assert 0 < found.loc["heal", "high"] < 0.2  # no error is no proof of none


def test_images_of_one_group_count_once_and_small_slices_are_not_tested():
    table = pd.DataFrame({"label": "fake", "group": [0, 0, 0, 1, 2], "probability": 0.1})
    known = pd.DataFrame({"edit": ["a", "a", "a", "a", "b"]})
    found = slices.slices(table, known, 0.5).set_index("value")
    assert found.loc["a", "images"] == 2 and found["p"].isna().all() and found["q"].isna().all()


def test_mcnemar_counts_what_only_one_gets_right():
    first = np.array([True] * 9 + [False, True, False])
    second = np.array([False] * 9 + [True, True, False])
    found = slices.mcnemar(first, second)
    assert (found["only_first"], found["only_second"]) == (9, 1)
    assert found["p"] == pytest.approx(stats.binomtest(9, 10).pvalue)
    assert slices.mcnemar(first, first)["p"] == 1


def manifest(origins: list[str], edits: list[str]) -> pd.DataFrame:
    label = ["real" if "/real/" in origin else "fake" for origin in origins]
    return pd.DataFrame({"origin": origins, "label": label, "edit": edits})


def test_names_of_composites_tell_difficulty_and_parts(tmp_path):
    write_json(tmp_path / "assembly.json", ABOUT | {"sources": {"p": str(tmp_path)}})
    origins = ["p/fake/easy_7_1010.jpg", "p/fake/hard_12_0001.jpg", "p/real/real_00001.jpg"]
    found = attributes.known(tmp_path, manifest(origins, ["", "", ""]))
    assert found["difficulty"].tolist()[:2] == ["easy", "hard"]
    assert found["replaced"].tolist()[:2] == ["left eye+nose", "mouth"]
    assert found.loc[2].isna().all() and "edit" not in found


def test_parameters_become_sides_and_steps_regions(tmp_path):
    write_json(tmp_path / "assembly.json", ABOUT | {"sources": {"s": str(tmp_path)}})
    params = pd.DataFrame({
        "path": ["real/0.jpg", "real/1.jpg", "fake/e0.jpg", "fake/g0.jpg"],
        "steps": [None, None, "splice eyes (poisson); levels nose, mouth", None],
        "melanin": [0.1, 0.9, 0.2, None], "yaw": [-0.5, 0.1, 0.0, None],
        "glasses": [-1, 0.5, -1, None],
    })  # fmt: skip
    params.to_csv(tmp_path / "params.csv", index=False)
    origins = [f"s/{path}" for path in params["path"]]
    rows = manifest(origins, ["", "", "splice+levels", "generated"])
    found = attributes.known(tmp_path, rows)
    assert found["melanin"].tolist()[:3] == ["low", "high", "low"]
    assert found["yaw"].tolist()[:3] == ["high", "low", "low"]
    assert found["glasses"].tolist()[:3] == ["without", "with", "without"]
    assert found["region"].dropna().tolist() == ["eyes+nose+mouth"]
    assert found.loc[3].dropna().to_dict() == {"kind": "generated"}
    assert found["edit"].dropna().tolist() == ["splice+levels"]
