"""A set that is assembled today is known to runs that learnt from it under its earlier hash."""

import json
from pathlib import Path

from mesocore.data import AssembledSet
from mesocore.data.earlier_manifests import LATER, same_set
from tests.factories import assembled_set

RUNS = Path(__file__).parents[2] / "results" / "runs"


def test_an_earlier_hash_stands_for_the_later_one_and_for_no_other():
    earlier, later = next(iter(LATER.items()))
    other = list(LATER)[1]
    assert same_set(earlier, later) and same_set(later, earlier) and same_set(earlier, earlier)
    assert not same_set(earlier, other) and not same_set(other, later)
    assert not same_set(None, later)


def test_committed_runs_on_one_collection_know_their_set():
    for title in ("openforensics", "openforensics-128", "stylegan", "photoshop"):
        hashes = {json.loads(file.read_text())["config"]["manifest_sha256"]
                  for file in RUNS.glob(f"{title}/*/model.json")}  # fmt: skip
        earlier = hashes & LATER.keys()
        assert len(earlier) == 1, title
        assert all(same_set(each, *earlier) for each in hashes), title


def test_a_set_knows_the_runs_that_learnt_from_it(tmp_path):
    data = AssembledSet(assembled_set(tmp_path, per_class=12))
    assert data.learnt_by({"manifest_sha256": data.manifest_sha256})
    assert not data.learnt_by({"manifest_sha256": next(iter(LATER))})
    assert not data.learnt_by({})
