"""What chapter 3 says about numbers of the full version holds in the committed records."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from mesocore.core.runtime import project_root
from mesocore.nets.models import CHOSEN


def rows_of(record: str) -> dict:
    return json.loads((project_root() / "results" / f"{record}.json").read_text())["rows"]


@pytest.fixture(scope="module")
def openforensics():
    return rows_of("real/openforensics-128-ablation")


def test_every_row_of_the_ablation_has_three_seeds(openforensics):
    assert {name: row["seeds"] for name, row in openforensics.items()} == dict.fromkeys(
        openforensics, [0, 1, 2]
    )


def test_the_rule_chooses_mesonetplus_on_validation(openforensics):
    own = pd.DataFrame({
        name: {"parameters": row["parameters"], "mean": np.mean(row["val_roc_auc"]),
               "sd": np.std(row["val_roc_auc"], ddof=1)}
        for name, row in openforensics.items()
        if name.startswith("meso4") and row["parameters"] <= 100_000
    }).T  # fmt: skip
    best = own.loc[own["mean"].idxmax()]
    fine = own[own["mean"] >= best["mean"] - best["sd"] / math.sqrt(3)]
    assert fine["parameters"].idxmin() == CHOSEN


def test_mesonetplus_is_ahead_of_meso4_on_openforensics(openforensics):
    assert openforensics[CHOSEN]["against"]["low"] > 0


def test_the_filter_helps_on_the_embedded_set():
    assert rows_of("synthfaces/ablation")["meso4+highpass"]["against"]["low"] > 0


def test_mesonetplus_is_not_ahead_of_meso4_on_the_few_faces_of_stylegan():
    assert rows_of("real/stylegan-ablation")[CHOSEN]["against"]["low"] < 0


def test_the_run_of_the_chapter_has_learnt():
    record = json.loads((project_root() / "results/synthfaces/03.json").read_text())
    assert record["model"]["model"] == CHOSEN
    assert 0.80 < record["metrics"]["all"]["roc_auc"]["value"] <= 1
