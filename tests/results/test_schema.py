"""Every committed record is of a known kind and has the keys and types of that kind."""

import json
from pathlib import Path, PurePosixPath

import pytest
from pydantic import TypeAdapter, ValidationError

from mesocore.core.runtime import project_root
from mesocore.evaluation import record_types
from tests.notebook_rules import OWN_PATH
from tests.results.kinds import KINDS, Comparison, Evaluation

RESULTS = project_root() / "results"
RECORDS = sorted(path.relative_to(RESULTS).as_posix() for path in RESULTS.rglob("*.json"))


def kind(record: str) -> type | None:
    """The first kind whose pattern matches; `**/` stands for any folders."""
    path = PurePosixPath(record)
    for pattern, model in KINDS:
        name = pattern.removeprefix("**/")
        if path.match(name) and (name != pattern or len(path.parts) == name.count("/") + 1):
            return model
    return None


def read(record: str) -> str:
    return (RESULTS / record).read_text(encoding="utf-8")


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_has_the_keys_and_types_of_its_kind(record):
    model = kind(record)
    assert model is not None, "of no known kind: add one to tests/results/kinds.py"
    model.model_validate_json(read(record))


@pytest.mark.parametrize(
    ("model", "declared"),
    [(Evaluation, record_types.Evaluation), (Comparison, record_types.Comparison)],
)
def test_the_package_declares_what_its_records_hold(model, declared):
    """`mesocore.evaluation.record_types` is what code and editors go by."""
    found = [record for record in RECORDS if issubclass(kind(record), model)]
    for record in found:
        TypeAdapter(declared).validate_json(read(record))
    assert len(found) > 3


def test_every_kind_has_a_record():
    assert {model for _, model in KINDS} == {kind(record) for record in RECORDS}


def test_no_record_names_a_folder_of_one_machine():
    """But one, which is older than the rule and whose bytes stay."""
    found = {record for record in RECORDS if OWN_PATH.search(read(record))}
    assert found == {"synthfaces/meso4-seeds.json"}


def test_run_folders_hold_the_weights_that_their_description_names():
    for path in RESULTS.rglob("model.json"):
        assert Path(path.parent / "model.safetensors").is_file(), path


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record.pop("command"),
        lambda record: record.update(notes="more"),
        lambda record: record["data"].update(manifest_sha256="ab"),
        lambda record: record["metrics"]["all"]["roc_auc"].update(value="0.9"),
        lambda record: record["metrics"]["all"]["roc_auc"].update(low=2.0),
        lambda record: record["metrics"]["all"].pop("eer"),
        lambda record: record["model"].update(size=100),
        lambda record: record.update(temperature=[1.0]),
    ],
)
def test_a_record_that_strays_from_its_kind_is_refused(spoil):
    record = json.loads(read("real/openforensics-meso4.json"))
    spoil(record)
    with pytest.raises(ValidationError):
        Evaluation.model_validate_json(json.dumps(record))


def test_a_comparison_with_a_baseline_that_is_no_row_is_refused():
    record = json.loads(read("synthfaces/ablation.json")) | {"baseline": "nobody"}
    with pytest.raises(ValidationError, match="the baseline is no row"):
        Comparison.model_validate_json(json.dumps(record))
