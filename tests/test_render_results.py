"""The README says what the files say."""

import json
import re

import pytest
import readme

TEXT = (readme.ROOT / "README.md").read_text()
METRIC = {"value": 0.97134, "low": 0.9601, "high": 0.98}


def write_record(folder, name="meso4", **changes):
    metrics = {metric: METRIC for metric in readme.METRICS}
    record = {
        "model": {"model": "meso4"},
        "data": {"path": "openforensics", "split": "test"},
        "seeds": [0, 1],
        "metrics": {"all": {"images": 1800, **metrics}, "by_source": {}},
        "trivial_baseline": {"header": 0.61, "colour": 0.7049},
        **changes,
    }
    (folder / "real").mkdir(exist_ok=True)
    (folder / "real" / f"{name}.json").write_text(json.dumps(record))


@pytest.mark.parametrize("path", readme.TABLES)
def test_the_tables_are_in_step_with_the_results(path):
    now = (readme.ROOT / path).read_text()
    assert readme.rendered(path, readme.ROOT / "results") == now, "run `make readme`"


def test_the_two_commands_come_first():
    first = re.search(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    assert TEXT.index("## ") > first.end()
    assert [line.partition("#")[0].strip() for line in first[1].splitlines()] == [
        "make course",
        "make test",
    ]


def test_no_measured_number_is_typed_in():
    """Decimal fractions look like metrics; versions of Python are the only ones in the prose.

    In commands they are settings.
    """
    prose = re.sub(r"```sh\n.*?```", "", TEXT, flags=re.DOTALL)
    for name in readme.TABLES["README.md"]:
        before, _, rest = prose.partition(readme.markers(name)[0])
        prose = before + rest.partition(readme.markers(name)[1])[2]
    assert set(re.findall(r"\b\d+\.\d+\b", prose)) == {"3.11"}


def test_what_the_readme_links_to_is_there():
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)]+)\)", TEXT):
        if not target.startswith("http"):
            assert (readme.ROOT / target).exists(), target


def test_a_row_shows_interval_and_the_best_trivial_feature(tmp_path):
    write_record(tmp_path)
    header, _, row = readme.table(tmp_path).splitlines()
    assert header.count("|") == row.count("|")
    assert "| meso4 | openforensics, test | 1800 | 2 | 0.971 [0.960, 0.980] |" in row
    assert "| 0.705 | [meso4](results/real/meso4.json) |" in row


def test_rows_are_in_the_order_of_their_files(tmp_path):
    for name in ("b", "a"):
        write_record(tmp_path, name)
    assert [line.split("](")[0].rpartition("[")[2] for line in
            readme.table(tmp_path).splitlines()[2:]] == ["a", "b"]  # fmt: skip


def test_a_metric_without_value_leaves_its_cell_empty(tmp_path):
    empty = {metric: {"value": None, "low": None, "high": None} for metric in readme.METRICS}
    write_record(tmp_path, metrics={"all": {"images": 4, **empty}}, trivial_baseline=None)
    assert "| 4 | 2 |  |  |  |  |" in readme.table(tmp_path)


def test_files_of_another_kind_are_left_out(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "audit.json").write_text('{"passed": true}')
    assert readme.table(tmp_path) == readme.NONE
    assert readme.table(tmp_path / "missing") == readme.NONE


def test_builds_and_distances_are_shown(tmp_path):
    assert readme.builds(tmp_path) == readme.distances(tmp_path) == readme.NONE
    (tmp_path / "synthfaces").mkdir()
    row = {"images": 2400, "seconds": 99.5, "seconds_per_1000": 41.46, "peak_mib": 700}
    (tmp_path / "synthfaces" / "build.json").write_text(json.dumps({"builds": [row]}))
    found = {"frechet_distance_meso4_features": {"photographs": 0.01234}}
    (tmp_path / "synthfaces" / "generator.json").write_text(json.dumps(found))
    assert "| 2,400 | 99.5 | 41.46 | 700 |" in readme.builds(tmp_path)
    assert "| photographs | 0.012 |" in readme.distances(tmp_path)


def test_the_matrix_has_a_row_a_training_set(tmp_path):
    assert readme.generalisation(tmp_path) == readme.NONE
    rows = {"a": {"a": {"roc_auc": METRIC}, "b": {"roc_auc": METRIC | {"value": 0.5}}}}
    write_record(tmp_path, "generalisation", rows=rows)
    header, _, row = readme.generalisation(tmp_path).splitlines()
    assert header == "| trained on | tested on a | tested on b |"
    assert row == "| a | 0.971 [0.960, 0.980] | 0.500 [0.960, 0.980] |"


def test_of_small_sets_the_row_is_shown_that_validation_prefers(tmp_path):
    def row(test, val=None):
        metrics = {"images": 112, "roc_auc": METRIC | {"value": test}, "accuracy": METRIC}
        found = {"model": {"model": "meso4", "size": 256}, "metrics": {"all": metrics}}
        return found | ({"val_roc_auc": val} if val else {})

    assert readme.small(tmp_path) == readme.NONE
    rows = {"lucky": row(0.6, [0.7, 0.9]), "best": row(0.65, [0.7, 0.8]), "source": row(0.99)}
    data = {"path": "photoshop", "split": "test"}
    write_record(tmp_path, "photoshop-transfer", rows=rows, data=data)
    _, _, line = readme.small(tmp_path).splitlines()
    start = "| photoshop, 112 images | 2 | lucky | meso4, 256 px | 0.800 | 0.600 [0.960, 0.980] |"
    assert line.startswith(start)


def test_rendering_twice_changes_nothing(tmp_path):
    write_record(tmp_path)
    once = readme.render(TEXT, "results", readme.table(tmp_path))
    assert readme.render(once, "results", readme.table(tmp_path)) == once != TEXT


def test_a_text_without_markers_is_refused():
    with pytest.raises(ValueError, match="lacks the lines"):
        readme.render("# no markers", "results", "")
