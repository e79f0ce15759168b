"""What the site adds to the chapters: search, terms, sheets, buttons, a page for teachers."""

import json
import re

import cheat_sheets
import course
import elsewhere
import glossary_links
import nbformat
import pages
import pytest
import site_frame
import site_search
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook
from pygments.styles import get_style_by_name

from tests.sample_notebook import sample

GLOSSARY = """# Glossary

## Data
- **AUC**: area under the curve; a *metric*.
- **family**: a collection of images.
- **generator**: makes images; **discriminator**: its opponent.
- **ONNX**, **OpenVINO**: two programs.
- **split**: train, val, test.
- **split audit**: what looks into `split`.
"""
TEXT = """# 1. A split

Is it a split?

## Objectives

1. read an AUC from splits;
2. know a split audit, `AUC`, [an AUC](x.html) and a family.

## 1. A split of faces

Discriminators split, and the AUC is SPLIT. No AUCs here. In short (Smith et al., 2020),
it is. The mean of $x_i$ over $n$ is

$$m = \\frac{1}{n} \\sum_i x_i$$

### Exercise 1 ★★: a mean

<details><summary>AUC</summary>

A generator.

</details>

## Recap

- One thing.

## Finding

It is 3.

## References

- A. Author. The AUC. 2000."""


def write(path, *texts):
    nbformat.write(new_notebook(cells=[new_markdown_cell(text) for text in texts]), path)
    return path


@pytest.fixture
def chapter(tmp_path):
    return write(tmp_path / "01_mean.ipynb", TEXT)


@pytest.fixture
def page(chapter) -> BeautifulSoup:
    html = pages.chapter_page(chapter, [pages.describe(chapter)], chapter.parent, GLOSSARY)
    return BeautifulSoup(html, "html.parser")


def test_terms_are_read_with_all_names_of_a_line():
    found = {term.name: term.definition for term in glossary_links.terms(GLOSSARY)}
    assert found["AUC"] == "area under the curve; a metric."
    assert found["generator"] == "makes images"
    assert found["discriminator"] == "its opponent."
    assert found["ONNX"] == found["OpenVINO"] == "two programs."


def test_every_term_of_the_glossary_has_an_address_of_its_own():
    glossary = (course.ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    anchors = [term.anchor for term in glossary_links.terms(glossary)]
    ids = [
        e["id"]
        for e in BeautifulSoup(glossary_links.glossary_body(glossary), "html.parser")(id=True)
    ]
    assert len(anchors) == len(set(anchors)) > 100
    assert set(anchors) <= set(ids) and len(ids) == len(set(ids))


def test_a_term_is_linked_once_a_section_in_prose_alone(page):
    linked = [(a.get_text(), a["href"]) for a in page(class_="term")]
    assert linked == [
        ("AUC", "glossary.html#auc"),  # in the objectives, and none above them
        ("splits", "glossary.html#split"),
        ("split audit", "glossary.html#split-audit"),  # the longer term; no code, no everyday word
        ("Discriminators", "glossary.html#discriminator"),
        ("split", "glossary.html#split"),
        ("AUC", "glossary.html#auc"),  # nothing in folds or references
    ]


def test_a_definition_is_shown_and_read_out(page):
    term = page.find(class_="term")
    assert term["data-definition"] == "area under the curve; a metric."
    described = page.find(id=term["aria-describedby"])
    assert described.get_text() == term["data-definition"]
    assert described.find_parent(hidden=True)
    assert ".term:focus-visible::after" in site_frame.STYLE


def test_plurals_are_matched():
    for name, text in (("family", "Families"), ("patch", "patches"), ("bias", "bias")):
        assert re.fullmatch(glossary_links._pattern(name), text)
    assert not re.fullmatch(glossary_links._pattern("ONNX"), "onnx")


def test_a_page_says_how_far_the_reader_is(tmp_path):
    paths = [write(tmp_path / f"0{n}_c.ipynb", f"# {n}. C\n\nIs it?") for n in (1, 2, 3, 4)]
    html = pages.chapter_page(paths[2], [pages.describe(path) for path in paths], tmp_path)
    assert "Chapter 3 of 4" in html and "width:75.0%" in html


def test_the_index_leads_to_headings_that_the_page_has(chapter, page):
    entries = site_search.chapter_entries(chapter, "1. A split")
    ids = {element["id"] for element in page(id=True)}
    headings = [entry[2] for entry in entries]
    assert headings[:4] == ["", "Objectives", "1. A split of faces", "Exercise 1 ★★: a mean"]
    assert all(entry[0].partition("#")[2] in ids for entry in entries[1:])
    heading = page.find(id=entries[3][0].partition("#")[2])
    assert heading.get_text() == "Exercise 1 ★★: a mean"
    assert "Discriminators split" in entries[2][3]


def test_the_index_holds_no_code_and_no_outputs(tmp_path):
    path = tmp_path / "01_a.ipynb"
    nbformat.write(sample(), path)
    text = json.dumps(site_search.chapter_entries(path, "1"))
    assert "Predict the product" in text
    assert "perf_counter" not in text and "6 * 7" not in text


def test_text_cannot_end_the_script_that_holds_the_index():
    html = site_search.box([["a.html", "x", "</script><b>", ""]])
    index = BeautifulSoup(html, "html.parser").find(id="search-index").string
    assert json.loads(index)[0][2] == "</script><b>"
    assert "<noscript>" in html


def test_a_sheet_is_made_from_the_chapter(chapter):
    html = cheat_sheets.sheet(chapter, "1. A split", "Is it?", chapter.parent)
    soup = BeautifulSoup(html, "html.parser")
    found = {section.h2.get_text(): section for section in soup("section")}
    assert list(found) == ["Finding", "You can", "Equations", "Recap", "Exercises"]
    assert found["Equations"].p.get_text().startswith("The mean of")
    assert found["Equations"].find("math", display="block")
    assert found["Exercises"].li.get_text() == "Exercise 1 ★★: a mean"
    assert "It is 3." in found["Finding"].get_text()


def test_the_sentence_before_an_equation_is_not_cut_at_an_abbreviation():
    assert cheat_sheets.equations("One. By Smith et al., 2017, it\nis\n\n$$x$$") == [
        "By Smith et al., 2017, it\nis\n\n$$x$$"
    ]
    assert cheat_sheets.equations("## Title\n\n$$x$$") == ["\n\n$$x$$"]


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("number, style", [(0, site_frame.LIGHT), (1, site_frame.DARK)])
def test_text_and_code_have_contrast_in_both_schemes(number, style):
    blocks = re.findall(r":root \{(.*?)\}", site_frame.STYLE, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w+);", blocks[number]))
    for name in ("ink", "soft", "blue", "warn", "bad", "good"):
        for ground in ("ground", "code"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    assert contrast(colours["ink"], colours["mark"]) >= 4.5
    assert contrast(colours["focus"], colours["ground"]) >= 3
    for token, look in get_style_by_name(style):
        if look["color"]:
            assert contrast(look["color"], look["bgcolor"] or colours["code"]) >= 4.5, token


def test_buttons_appear_with_an_address_alone(monkeypatch):
    monkeypatch.delenv(elsewhere.VARIABLE, raising=False)
    assert elsewhere.links("01_a.ipynb") == ""
    monkeypatch.setenv(elsewhere.VARIABLE, "someone/a-course")
    found = BeautifulSoup(elsewhere.links("01_a.ipynb"), "html.parser")("a")
    assert [link["href"] for link in found] == [
        "https://colab.research.google.com/github/someone/a-course/blob/main/notebooks/01_a.ipynb",
        "https://mybinder.org/v2/gh/someone/a-course/main?labpath=notebooks%2F01_a.ipynb",
    ]


@pytest.mark.parametrize("wrong", ["course", "https://x.org/a/b", 'a/b"><b', "a/b/c"])
def test_an_address_of_another_form_is_refused(monkeypatch, wrong):
    monkeypatch.setenv(elsewhere.VARIABLE, wrong)
    monkeypatch.setattr("sys.argv", ["course.py", "99"])
    with pytest.raises(SystemExit, match="should be owner/name"):
        course.main()


def test_the_teachers_page_has_each_chapter_with_its_own_time():
    chapters = [pages.describe(path) for path in course.find_chapters()]
    text = (course.ROOT / "docs/teaching.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [chapter.title for chapter in chapters]
    html = pages.teachers_page(text, chapters, course.ROOT / "docs")
    soup = BeautifulSoup(html, "html.parser")
    for chapter, heading in zip(chapters, soup("h2"), strict=True):
        assert heading.find_next("p").get_text() == chapter.time


def test_the_marking_for_teachers_is_that_of_the_project():
    project = (course.NOTEBOOKS / "08_final_project.ipynb").read_text(encoding="utf-8")
    text = (course.ROOT / "docs/teaching.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (a flaw that is.*?|its evidence.*?) \| (-?\d+)", text, re.M))
    assert len(rows) == 3
    for row, points in rows.items():
        assert f"| {row} | {points}" in project
    assert "Two thirds of the points pass" in text and "Two thirds of the points pass" in project
