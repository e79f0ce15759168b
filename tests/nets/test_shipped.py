"""What comes with the package: one detector in two forms, its card and its figures."""

import json

import numpy as np
import pytest

from mesocore.core.errors import UserError
from mesocore.nets import load_detector
from mesocore.nets.inference import load_exported, shipped
from mesocore.nets.inference.onnx_export import about, blotted
from mesocore.nets.models import parameter_count
from tests.commands import mesocore


@pytest.mark.parametrize("each", shipped.shipped(), ids=lambda each: each.name)
def test_both_forms_of_a_detector_are_the_same(each):
    run, exported = load_detector(each.folder), load_exported(each.folder / shipped.EXPORTED)
    assert exported.description == about(run)
    images = blotted(run.size, 6)
    assert np.ptp(run.logits(images)) > 0.1
    assert np.abs(exported.logits(images) - run.logits(images)).max() < 1e-4


def test_the_recommended_one_is_small_and_says_what_it_is_worth():
    (each,) = shipped.shipped()
    assert each.name == "recommended"
    assert parameter_count(load_detector(each.folder).model) <= 100_000
    assert (each.folder / "model.safetensors").stat().st_size < 1e6
    card = (each.folder / shipped.CARD).read_text()
    assert "Not measured" not in card and "non-commercial" in card
    assert each.description["weights_sha256"][:12] in card


def test_a_detector_is_found_by_name_or_path(tmp_path):
    (each,) = shipped.shipped()
    assert shipped.find("recommended") == each.folder
    assert shipped.find(str(tmp_path)) == tmp_path
    assert shipped.soonest(each.folder) == each.folder / shipped.EXPORTED
    (tmp_path / shipped.EXPORTED).touch()  # beside a run, perhaps of weights that it had before
    assert shipped.soonest(tmp_path) == tmp_path
    with pytest.raises(UserError, match="no such run or weight file; .*mesocore: recommended"):
        shipped.find("unheard-of")


def test_without_openvino_the_run_itself_judges(monkeypatch):
    (each,) = shipped.shipped()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert shipped.soonest(each.folder) == each.folder


def test_models_lists_them_with_their_figures():
    done = mesocore("models")
    first, *rows = done.stdout.splitlines()
    assert first.startswith("recommended: meso4+") and "MB" in first
    assert len(rows) == len(shipped.shipped()[0].figures) > 1
    assert "ROC AUC" in rows[0] and "outside" in rows[0]


def test_demo_writes_its_page(tmp_path):
    done = mesocore("demo", "--out", tmp_path / "page.html")
    assert done.returncode == 0 and "sends nothing" in done.stdout, done.stderr
    page = (tmp_path / "page.html").read_text()
    (each,) = shipped.shipped()
    stored = page.partition('id="about">')[2].partition("</script>")[0]
    assert json.loads(stored)["weights_sha256"] == each.description["weights_sha256"]
    assert each.figures[0]["ROC AUC"] in page


def test_demo_says_where_its_page_is_if_there_is_no_browser(monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    done = mesocore("demo")
    assert done.returncode == 2 and "no browser was found here; open /" in done.stderr
