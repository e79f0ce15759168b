"""The site: every chapter a page that stands alone, linked, readable without a network."""

import base64
import io
import json
import re
import sys
from html.parser import HTMLParser

import course
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pages
import pytest
from PIL import Image

from mesocore.course import plots
from tests.conftest import picture
from tests.sample_notebook import sample

FETCHING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "xlink:href"}


class Page(HTMLParser):
    """What a browser would fetch, the links that a reader can follow, and pictures without alt."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fetched, self.links, self.silent_pictures, self.ids = [], [], [], set()
        self.feed(html)
        self.fetched += re.findall(r"@import[^;]*|url\([^)]*\)", html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids.add(values.get("id"))
        self.fetched += [values[name] for name in FETCHING & set(values)]
        if tag in {"link", "base"}:
            self.fetched.append(values.get("href", tag))
        if tag == "a":
            self.links.append(values.get("href"))
        if tag == "img" and not values.get("alt"):
            self.silent_pictures.append(values)


def write_sample(path, **changes):
    notebook = sample()
    for index, text in changes.pop("sources", {}).items():
        notebook.cells[index].source = text
    nbformat.write(notebook, path)
    return path


def test_what_is_left_is_by_what_was_stated_and_how_fast_this_machine_is(
    tmp_path, capsys, monkeypatch
):
    clock = iter([0.0, 240.0, 300.0, 400.0, 500.0, 600.0])  # the first takes 4 min in place of 2
    monkeypatch.setattr(course.time, "monotonic", lambda: next(clock))
    monkeypatch.delenv("FAST", raising=False)
    chapters = [write_sample(tmp_path / f"0{n}_c.ipynb",
                             sources={0: f"# {n}. C\n\nIs it? About 9 min; runs in {stated} min."})
                for n, stated in ((1, 2), (2, 3), (3, 1))]  # fmt: skip
    assert list(course.announced(chapters)) == chapters
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    assert said[0] == "[1/3] 01_c, about 6 min left ..."
    assert said[1] == "[2/3] 02_c, about 8 min left ..."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of two small chapters and a figure, the second of which fails half-way."""
    folder = tmp_path_factory.mktemp("course")
    first = write_sample(folder / "01_first.ipynb")
    second = write_sample(
        folder / "02_second.ipynb",
        sources={0: "# 2. Why < and & matter\n\nDoes it fail? About 5 min.", 7: "x = 1\n1 / 0"},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESO_HOME", str(folder))
        record = {"chapter": "01", "tier": "synthfaces", "seed": 0, "manifest_hash": "ab"}
        plots.save_figure(plt.figure(), "01-empty", **record)
        out = folder / "build"
        errors = course.build([first, second], [first, second], out)
    return out, errors


def html_pages(site):
    return {path.name: path.read_text() for path in sorted(site[0].glob("*.html"))}


def test_there_is_a_page_for_each_chapter_and_for_the_contents(site):
    assert list(html_pages(site)) == [
        "01_first.html",
        "02_second.html",
        "cheat-01.html",
        "cheat-02.html",
        "glossary.html",
        "index.html",
        "teachers.html",
    ]


def test_no_page_fetches_anything_from_a_network(site):
    for name, html in html_pages(site).items():
        outside = [f for f in Page(html).fetched if not re.match(r"data:|figures/", f)]
        assert outside == [], name
        assert ("<script" in html) == (name == "index.html"), name  # the search is the only one


def test_every_link_between_pages_leads_somewhere(site):
    found = html_pages(site)
    for name, html in found.items():
        for link in Page(html).links:
            path, _, fragment = link.partition("#")
            if path.startswith("http"):
                continue
            assert not path or (site[0] / path).exists(), f"{name} links to {link}"
            target = found.get(path or name)
            if fragment and target:
                assert fragment in Page(target).ids, f"{name} links to {link}"


def test_chapters_are_linked_in_order(site):
    found = html_pages(site)
    assert (
        '<a rel="next" href="02_second.html">2. Why &lt; and &amp; matter →</a>'
        in (found["01_first.html"])
    )
    assert '<a rel="prev" href="01_first.html">' in found["02_second.html"]
    assert 'rel="prev"' not in found["01_first.html"]


def test_pictures_are_inside_the_page_and_described(site):
    html = html_pages(site)["01_first.html"]
    assert 'alt="An empty figure"' in html
    assert "data:image/png;base64," in html
    assert [p for page in html_pages(site).values() for p in Page(page).silent_pictures] == []


def test_formulae_are_mathml_and_code_is_left_alone(site):
    html = html_pages(site)["01_first.html"]
    assert html.count("<math ") == 2
    assert '<math alttext="x^2"' in html
    assert "<mfrac>" in html
    assert "<code>$not math$</code>" in html


def test_markdown_inside_a_fold_is_rendered(site):
    assert re.search(
        r"<summary>Answer</summary>.*<td>1</td>.*</details>",
        html_pages(site)["01_first.html"],
        re.DOTALL,
    )


def test_contents_state_question_time_and_state(site):
    html = html_pages(site)["index.html"]
    assert "Does the machinery work?" in html
    assert "About 25 min; runs in 1 min on 2 CPU cores." in html
    assert html.count("stopped by an error") == 1
    assert 'href="figures/01-empty.pdf"' in html
    assert (site[0] / "figures" / "01-empty.png").exists()


def test_a_failing_chapter_is_named_and_its_page_is_kept(site):
    (error,) = site[1]
    assert error == (
        "02_second stopped in cell In [5] (x = 1): ZeroDivisionError: division by zero"
    )
    assert "ZeroDivisionError" in html_pages(site)["02_second.html"]


def test_main_says_where_it_stopped_and_exits_1(tmp_path, monkeypatch, capsys):
    chapters = tmp_path / "notebooks"
    chapters.mkdir()
    write_sample(chapters / "02_broken.ipynb", sources={2: "1 / 0"})
    monkeypatch.setattr(course, "NOTEBOOKS", chapters)
    monkeypatch.setattr(course, "SITE", tmp_path / "site")
    monkeypatch.setattr(sys, "argv", ["course.py", "02"])
    assert course.main() == 1
    assert "course: 02_broken stopped in cell In [1] (1 / 0)" in capsys.readouterr().err
    assert (tmp_path / "site" / "02_broken.html").exists()


def test_a_chapter_that_is_not_there_is_named_in_one_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["course.py", "99"])
    with pytest.raises(SystemExit) as end:  # whose text Python prints, with exit status 1
        course.main()
    assert end.value.code.startswith("course: no chapter 99; there are: ")
    assert "\n" not in end.value.code


def test_chapters_are_chosen_by_how_their_names_start(tmp_path):
    first, second = tmp_path / "01_a.ipynb", tmp_path / "02_b.ipynb"
    assert course.choose([], [first, second]) == [first, second]
    assert course.choose(["02"], [first, second]) == [second]


def png(image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def shrunk(image: Image.Image) -> tuple[dict, np.ndarray]:
    """The output of a cell that shows `image`, shrunk once and again, and what it shows."""
    output = nbformat.v4.new_output("display_data", data={"image/png": png(image)})
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 1"), cell])
    course.shrink_pictures(notebook)
    once = dict(output.data)
    course.shrink_pictures(notebook)
    assert output.data == once
    (content,) = once.values()
    shown = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")
    assert len(content) < len(png(image))
    return once, np.abs(np.asarray(shown).astype(int) - np.asarray(image))


def test_a_photograph_becomes_a_jpeg_in_full_colour():
    output, off = shrunk(picture(3, 128))
    assert list(output) == ["image/jpeg"] and off.mean() < 4


def test_a_plot_stays_a_png_of_few_colours():
    ramp = Image.linear_gradient("L").resize((600, 400))
    image = Image.merge("RGB", (ramp, ramp.rotate(180), Image.new("L", ramp.size, 200)))
    output, off = shrunk(image)
    assert list(output) == ["image/png"] and off.max() < 6


def test_a_chapter_run_in_place_keeps_its_outputs_and_no_times(tmp_path, monkeypatch):
    monkeypatch.setenv("MESO_HOME", str(tmp_path))  # where its record goes
    path = write_sample(tmp_path / "01_a.ipynb")
    course.run_in_place(path)
    first = path.read_bytes()
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert any("42" in str(cell.outputs) for cell in cells)
    assert all("execution" not in cell.metadata for cell in cells)
    assert b"papermill" not in first


def test_a_chapter_that_stops_in_place_stays_as_it_was(tmp_path):
    path = write_sample(tmp_path / "01_a.ipynb", sources={2: "1 / 0"})
    before = path.read_bytes()
    (error,) = course.run_all_in_place([path])
    assert error == "01_a stopped: ZeroDivisionError: division by zero"
    assert path.read_bytes() == before


@pytest.mark.parametrize("markdown", [r"$\frac{1}{$", r"$$\left( x$$"])
def test_a_formula_that_cannot_be_read_is_named(markdown):
    with pytest.raises(ValueError, match="formula "):
        pages.markdown(markdown)


def test_a_remote_picture_is_refused(tmp_path):
    soup = pages.BeautifulSoup('<img src="https://example.org/x.png" alt="x">', "html.parser")
    with pytest.raises(ValueError, match="no file in the course"):
        pages.offline(soup, tmp_path)


def test_what_fetches_or_runs_is_taken_out(tmp_path):
    html = '<p>a<script src="x.js"></script><link href="y.css"><iframe src="z"></iframe></p>'
    assert str(pages.offline(pages.BeautifulSoup(html, "html.parser"), tmp_path)) == "<p>a</p>"


def test_every_term_of_the_glossary_is_one_line_and_in_order():
    sections = (course.ROOT / "GLOSSARY.md").read_text().split("\n## ")[1:]
    for section in sections:
        title, *lines = section.strip().splitlines()
        terms = [re.match(r"- \*\*(.+?)\*\*: ", line)[1].lower() for line in lines if line]
        assert terms == sorted(terms), title


def test_the_figures_of_the_course_are_those_of_its_manifest():
    folder = course.ROOT / "figures"
    manifest = folder / "manifest.json"
    recorded = json.loads(manifest.read_text()) if manifest.exists() else {}
    files = {path.stem for path in folder.glob("[0-9][0-9]-*.*")}
    assert files == set(recorded)
