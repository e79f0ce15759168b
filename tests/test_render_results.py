"""README, RESULTS.md and data/README.md say what the files in results/ say."""

import json
import re

import course
import pages
import pytest
import render_results

from mesocore.nets.inference import shipped

TEXTS = {path: (render_results.ROOT / path).read_text() for path in render_results.TABLES}
README = TEXTS["README.md"]
PAGES = [*TEXTS, "CONTRIBUTING.md", "docs/many-machines.md", "results/runs/README.md"]
METRIC = {"value": 0.97134, "low": 0.9601, "high": 0.98}


def write_record(folder, name="meso4", **changes):
    metrics = {metric: METRIC for metric in render_results.METRICS}
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


@pytest.mark.parametrize("path", render_results.TABLES)
def test_the_tables_are_in_step_with_the_results(path):
    made = render_results.rendered(path, render_results.ROOT / "results")
    assert made == TEXTS[path], "run `make results`"


def test_the_front_page_is_short():
    assert len(README.splitlines()) <= 90


def test_the_two_commands_come_first():
    first = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert README.index("## ") > first.end()
    assert [line.partition("#")[0].strip() for line in first[1].splitlines()] == [
        "make course",
        "make test",
    ]


def test_the_time_on_the_front_page_is_that_of_the_chapters():
    stated = int(re.search(r"in about (\d+) minutes on 2 CPU cores", README)[1])
    times = [pages.describe(path).time for path in course.find_chapters()]
    assert stated == pytest.approx(
        sum(int(re.search(r"runs in (\d+) min", time)[1]) for time in times), abs=5
    )


@pytest.mark.parametrize("path", ["README.md", "RESULTS.md"])
def test_no_measured_number_is_typed_in(path):
    """Decimal fractions look like metrics; versions of Python are the only ones in the prose.

    In commands they are settings.
    """
    prose = re.sub(r"```sh\n.*?```", "", TEXTS[path], flags=re.DOTALL)
    for name in render_results.TABLES[path]:
        before, _, rest = prose.partition(render_results.markers(name)[0])
        prose = before + rest.partition(render_results.markers(name)[1])[2]
    assert set(re.findall(r"\b\d+\.\d+\b", prose)) <= {"3.11"}


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_links_to_is_there(path):
    page = render_results.ROOT / path
    for target in re.findall(r"\[[^\]]*\]\(([^)]+)\)", page.read_text()):
        file, _, section = target.partition("#")
        if target.startswith("http"):
            continue
        linked = page.parent / file if file else page
        assert linked.exists(), target
        if section:
            titles = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
            assert section in anchors, target


def test_every_record_is_listed_with_its_command():
    listed = set(re.findall(r"\]\((results/[^)]+\.json)\)", TEXTS["RESULTS.md"].split("\n## ")[-1]))
    root = render_results.ROOT
    records = [*root.glob("results/*.json"), *root.glob("results/*/*.json")]
    assert listed == {path.relative_to(root).as_posix() for path in records}


def test_the_headline_is_outside_first_and_then_each_source(tmp_path):
    assert render_results.headline(tmp_path) == render_results.NONE
    part = {"images": 1600, "roc_auc": METRIC, "accuracy": METRIC | {"value": 0.9},
            "confident_errors": {"value": 0.02, "low": 0.01, "high": 0.03}}  # fmt: skip
    outside = {"data": {"path": "other", "split": "all"}, "metrics": {"all": part},
               "trivial_baseline": {"colour": 0.61, "together": 0.8}}  # fmt: skip
    sources = {"gans": part | {"images": 308}}
    write_record(tmp_path, "recommended", outside=outside,
                 metrics={"all": part, "by_source": sources},
                 trivial_by_source={"gans": {"colour": 0.55, "together": 0.5}})  # fmt: skip
    _, _, *lines = render_results.headline(tmp_path).splitlines()
    figures = "0.971 [0.960, 0.980] | 0.900 [0.960, 0.980] | 2.0% [1.0%, 3.0%]"
    assert lines == [f"| other, outside | 1,600 | {figures} | 0.800 |",
                     f"| gans, test | 308 | {figures} | 0.550 |"]  # fmt: skip


def test_the_detector_that_is_shipped_comes_with_its_figures():
    (recommended,) = (each for each in shipped.shipped() if each.name == "recommended")
    worth = render_results.detector_tables.worth(render_results.ROOT / "results")
    assert recommended.figures == worth
    assert "outside" in recommended.figures[0]["tested on"]


def test_outside_stands_above_the_own_split(tmp_path):
    metrics = {metric: METRIC for metric in render_results.METRICS}
    there = {"data": {"path": "other", "split": "all"}, "trivial_baseline": None,
             "metrics": {"all": {"images": 1600, **metrics}}}  # fmt: skip
    write_record(tmp_path, outside=there)
    _, _, *lines = render_results.table(tmp_path).splitlines()
    assert [line.split(" | ")[1:3] for line in lines] == [
        ["other, outside", "1600"], ["openforensics, test", "1800"]
    ]  # fmt: skip


def test_an_ablation_shows_outside_first_and_leaves_it_empty_where_it_is_unknown(tmp_path):
    metrics = {"all": {"roc_auc": METRIC, "accuracy": METRIC}}
    row = {"model": {"epochs": 8, "size": 128}, "parameters": 15000, "against": METRIC,
           "training_images_per_second": 100, "metrics": metrics}  # fmt: skip
    worse = {"metrics": {"all": {"roc_auc": METRIC | {"value": 0.9}, "accuracy": METRIC}},
             "against": METRIC | {"value": -0.01}}  # fmt: skip
    write_record(tmp_path, "openforensics-8-ablation",
                 rows={"meso4": row | {"outside": worse}, "large": row})  # fmt: skip
    header, _, known, unknown = render_results.ablation(tmp_path).splitlines()
    assert header.index("outside: ROC AUC") < header.index("own split: ROC AUC")
    assert known.split(" | ")[4:8] == [
        "0.900 [0.960, 0.980]", "-0.010 [+0.960, +0.980]", "0.971 [0.960, 0.980]",
        "0.971 [0.960, 0.980]",
    ]  # fmt: skip
    assert unknown.split(" | ")[4:8] == ["", "", "", "0.971 [0.960, 0.980]"]


def test_a_row_shows_interval_and_the_best_trivial_feature(tmp_path):
    write_record(tmp_path)
    header, _, row = render_results.table(tmp_path).splitlines()
    assert header.count("|") == row.count("|")
    assert "| meso4 | openforensics, test | 1800 | 2 | 0.971 [0.960, 0.980] |" in row
    assert "| 0.705 | [meso4](results/real/meso4.json) |" in row


def test_rows_are_in_the_order_of_their_files(tmp_path):
    for name in ("b", "a"):
        write_record(tmp_path, name)
    assert [line.split("](")[0].rpartition("[")[2] for line in
            render_results.table(tmp_path).splitlines()[2:]] == ["a", "b"]  # fmt: skip


def test_a_metric_without_value_leaves_its_cell_empty(tmp_path):
    empty = {
        metric: {"value": None, "low": None, "high": None} for metric in render_results.METRICS
    }
    write_record(tmp_path, metrics={"all": {"images": 4, **empty}}, trivial_baseline=None)
    assert "| 4 | 2 |  |  |  |  |" in render_results.table(tmp_path)


def test_files_of_another_kind_are_left_out(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "audit.json").write_text('{"passed": true}')
    assert render_results.table(tmp_path) == render_results.NONE
    assert render_results.table(tmp_path / "missing") == render_results.NONE


def test_builds_and_distances_are_shown(tmp_path):
    assert (
        render_results.builds(tmp_path) == render_results.distances(tmp_path) == render_results.NONE
    )
    (tmp_path / "synthfaces").mkdir()
    row = {"images": 2400, "seconds": 99.5, "seconds_per_1000": 41.46, "peak_mib": 700}
    (tmp_path / "synthfaces" / "build.json").write_text(json.dumps({"builds": [row]}))
    found = {"frechet_distance_meso4_features": {"photographs": 0.01234}}
    (tmp_path / "synthfaces" / "generator.json").write_text(json.dumps(found))
    assert "| 2,400 | 99.5 | 41.46 | 700 |" in render_results.builds(tmp_path)
    assert "| photographs | 0.012 |" in render_results.distances(tmp_path)


def test_the_matrix_has_one_row_per_training_set(tmp_path):
    assert render_results.generalisation(tmp_path) == render_results.NONE
    rows = {"a": {"a": {"roc_auc": METRIC}, "b": {"roc_auc": METRIC | {"value": 0.5}}}}
    columns = {"a": {"split": "test"}, "b": {"split": "all"}}
    write_record(tmp_path, "generalisation", rows=rows, columns=columns)
    header, _, row = render_results.generalisation(tmp_path).splitlines()
    assert header == "| trained on | tested on b | tested on a |"  # outside first
    assert row == "| a | 0.500 [0.960, 0.980] | 0.971 [0.960, 0.980] |"


def test_of_small_sets_the_row_is_shown_that_validation_prefers(tmp_path):
    def row(test, val=None):
        metrics = {"images": 112, "roc_auc": METRIC | {"value": test}, "accuracy": METRIC}
        found = {"model": {"model": "meso4", "size": 256}, "metrics": {"all": metrics}}
        return found | ({"val_roc_auc": val} if val else {})

    assert render_results.small(tmp_path) == render_results.NONE
    rows = {"lucky": row(0.6, [0.7, 0.9]), "best": row(0.65, [0.7, 0.8]), "source": row(0.99)}
    data = {"path": "photoshop", "split": "test"}
    write_record(tmp_path, "photoshop-transfer", rows=rows, data=data)
    _, _, line = render_results.small(tmp_path).splitlines()
    start = "| photoshop, 112 images | 2 | lucky | meso4, 256 px | 0.800 | 0.600 [0.960, 0.980] |"
    assert line.startswith(start)


def test_rendering_twice_changes_nothing(tmp_path):
    write_record(tmp_path)
    text, table = TEXTS["RESULTS.md"], render_results.table(tmp_path)
    once = render_results.render(text, "results", table)
    assert render_results.render(once, "results", table) == once != text


def test_a_text_without_markers_is_refused():
    with pytest.raises(ValueError, match="lacks the lines"):
        render_results.render("# no markers", "results", "")


def test_figures_of_the_framing_in_prose_are_those_of_its_record():
    file = render_results.ROOT / "results/real/openforensics-framing.json"
    there = json.loads(file.read_text())["sets"]["openforensics-validation"]

    def text(number: float, form: str) -> str:
        return format(number, form).replace("0.", ".")

    def shown(found: dict, form: str) -> str:
        value, low, high = (text(found[key], form) for key in ("value", "low", "high"))
        return f"{value} [{low}, {high}]"

    best = shown(there["models"]["3*meso4+inverted+highpass"]["alike"], ".3f")
    lead = shown(there["models"]["meso4+inverted+highpass"]["against"], "+.3f")
    front, results = (" ".join(TEXTS[name].split()) for name in ("README.md", "RESULTS.md"))
    ensemble = json.loads(file.with_name("openforensics-ensemble.json").read_text())["outside"]
    outside = text(ensemble["metrics"]["all"]["roc_auc"]["value"], ".3f")
    assert f"reach {outside} there, {best}" in front
    assert f"a ruler reach {text(there['size_alone'], '.2f')} to" in results
    assert lead in results and f"({text(there['size_alone_alike'], '.2f')} outside)" in results
    chapter = (render_results.ROOT / "notebooks/01_dataset_assembly.ipynb").read_text()
    assert lead in chapter
