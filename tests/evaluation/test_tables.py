"""Tables and bands say what the record says."""

import numpy as np
import pandas as pd

from mesocore.evaluation import tables
from mesocore.evaluation.metrics import measure


def scored(count: int = 200) -> pd.DataFrame:
    """Splices are found, heals are not."""
    rng = np.random.default_rng(0)
    edit = np.array(["", "splice", "", "heal"])[np.arange(count) % 4]
    score = 0.4 + 0.3 * (edit == "splice") + 0.05 * rng.normal(size=count)
    return pd.DataFrame(
        {
            "label": np.where(edit == "", "real", "fake"),
            "source": "x",
            "edit": edit,
            "group": (np.arange(count) // 4).astype(str),
            "probability": score.clip(0, 1),
        }
    )


def test_the_table_shows_value_and_interval():
    record = {"metrics": measure([scored()], [0.5], resamples=50)}
    table = tables.metric_table(record)
    assert table.loc["ROC AUC", "value"] == f"{record['metrics']['all']['roc_auc']['value']:.3f}"
    assert set(table.index) == set(tables.NAMES.values())


def test_a_metric_that_needs_both_classes_is_left_out():
    table = scored()
    record = {"metrics": measure([table[table["label"] == "fake"]], [0.5], resamples=20)}
    assert "ROC AUC" not in tables.metric_table(record).index


def test_each_kind_of_fake_is_measured_by_itself():
    table = tables.by_edit(scored(), 0.5, resamples=50)
    assert list(table.index) == ["splice", "heal"]
    assert list(table["fakes"]) == [50, 50]
    assert table.loc["splice", "value"] > 0.99
    assert table.loc["heal", "low"] < 0.5 < table.loc["heal", "high"]


def test_a_fake_with_two_edits_counts_for_both():
    table = scored().replace({"edit": {"splice": "splice+heal"}})
    assert dict(tables.by_edit(table, 0.5, resamples=20)["fakes"]) == {"splice": 50, "heal": 100}


def test_the_band_holds_the_curve():
    table = scored()
    labels = (table["label"] == "fake").to_numpy(int)
    grid, low, high = tables.roc_band(labels, table["probability"].to_numpy(), table["group"])
    assert (low <= high).all() and grid[0] == 0 and high[-1] == 1
    assert low[25] < 0.7 and high[25] > 0.5  # the splices are found at once, the heals by chance
