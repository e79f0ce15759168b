"""Executed notebooks to web pages that need no network: no scripts, formulae as MathML.

nbconvert turns cells into HTML; this module puts them into a page of its own, because nbconvert's
full-page templates fetch MathJax, require.js and Mermaid from the net.
"""

import base64
import mimetypes
import re
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import nbformat
from bs4 import BeautifulSoup
from jinja2 import pass_context
from latex2mathml.converter import convert as latex_to_mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

# xcode is the one light style of Pygments with a contrast of 4.5 : 1 in every colour.
STYLE = HtmlFormatter(style="xcode").get_style_defs(".highlight") + (
    Path(__file__).with_name("course.css").read_text(encoding="utf-8")
)


class Chapter(NamedTuple):
    """What the contents page says of a chapter."""

    stem: str
    title: str
    question: str
    time: str

    def minutes(self, short: bool) -> float:
        """What the chapter says that it runs, in its short version or whole; 0 if it does not."""
        found = re.search(r"\((\d+) min with" if short else r"runs in (\d+) min", self.time)
        return float(found[1]) if found else 0.0


class Renderer(IPythonRenderer):
    """Markdown with its formulae as MathML, which browsers draw without help."""

    def inline_math(self, body: str) -> str:
        return mathml(body, "inline")

    def block_math(self, body: str) -> str:
        return mathml(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


class Exporter(HTMLExporter):
    """nbconvert's cells, without prompts or anchors, with `Renderer` for markdown."""

    def __init__(self) -> None:
        super().__init__(
            template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True
        )

    @pass_context
    def markdown2html(self, context: dict, source: str) -> str:
        return markdown(source, context.get("cell", {}).get("attachments", {}))


def mathml(latex: str, display: str) -> str:
    """LaTeX to a `<math>` element. Raises ValueError naming the formula if it cannot be read."""
    try:
        element = latex_to_mathml(latex.strip(), display=display)
    except Exception as error:  # latex2mathml raises a class of its own per error
        raise ValueError(f"formula {latex.strip()!r}: {type(error).__name__} {error}") from error
    return element.replace("<math ", f'<math alttext="{escape(latex.strip())}" ', 1)


def markdown(source: str, attachments: dict | None = None) -> str:
    """Markdown to an HTML fragment."""
    renderer = Renderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source)


def describe(path: Path) -> Chapter:
    """Title, question and time of a notebook, read from its first markdown cell.

    The title is its heading; the question its first sentence that ends in a question mark; the
    time its first line with "about N min".
    """
    cells = nbformat.read(path, as_version=4).cells
    text = next((cell.source for cell in cells if cell.cell_type == "markdown"), "")
    text = re.sub(r"[*_`]", "", text)
    title = re.search(r"^#\s+(.+)$", text, re.MULTILINE)
    question = re.search(r"(?:^|[.:>]\s+)([A-Z][^.?\n]*(?:\n[^.?\n]+)*\?)", text, re.MULTILINE)
    time = re.search(r"\babout \d+ min.*", text, re.IGNORECASE)
    return Chapter(
        path.stem,
        title[1].strip() if title else path.stem,
        " ".join(question[1].split()) if question else "",
        time[0].strip() if time else "",
    )


def chapter_page(executed: Path, chapters: list[Chapter], source_folder: Path) -> str:
    """The page of an executed notebook, with links to the chapters before and after it.

    `source_folder` is where the relative paths in the notebook start. Raises ValueError for a
    formula that cannot be read.
    """
    stems = [chapter.stem for chapter in chapters]
    index = stems.index(executed.stem)
    body, _ = Exporter().from_filename(str(executed))
    soup = offline(BeautifulSoup(body, "html.parser"), source_folder)
    before = chapters[index - 1] if index else None
    after = chapters[index + 1] if index + 1 < len(chapters) else None
    links = [
        f'<a rel="prev" href="{before.stem}.html">← {escape(before.title)}</a>' if before else "",
        '<a href="index.html">Contents</a>',
        f'<a rel="next" href="{after.stem}.html">{escape(after.title)} →</a>' if after else "",
    ]
    own = f'<p class="own">This chapter as a <a href="{executed.name}">notebook</a></p>'
    return page(chapters[index].title, own + headings(soup) + str(soup), links)


def page(title: str, body: str, links: list[str]) -> str:
    """A whole page around `body`, which holds the heading; `links` stand above and below it."""
    links = "".join(f"<span>{link}</span>" for link in links)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · mesonet-course</title>
<style>
{STYLE}
</style>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<nav aria-label="Chapters">{links}</nav>
<main id="content">
{body}
</main>
<nav aria-label="Chapters, again">{links}</nav>
</body>
</html>
"""


def offline(soup: BeautifulSoup, folder: Path) -> BeautifulSoup:
    """Makes a fragment stand alone: pictures inside it, links to pages, nothing fetched or run."""
    for element in soup(["script", "link", "iframe"]):
        element.decompose()
    for image in soup("img"):
        image["src"] = _embedded(image["src"], folder)
    for link in soup("a", href=True):
        link["href"] = _page_link(link["href"])
    for table in soup("table"):  # scrolls by itself on a narrow screen
        table.wrap(soup.new_tag("div", attrs={"class": "wide"}))
    return soup


def _embedded(source: str, folder: Path) -> str:
    """The data URI of a picture. Raises ValueError if it is not a file of the course."""
    if source.startswith("data:"):
        return source
    path = folder / source
    if urlsplit(source).scheme or not path.is_file():
        raise ValueError(f"picture {source!r} is no file in the course")
    kind = mimetypes.guess_type(path.name)[0]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _page_link(target: str) -> str:
    """Where a link in a notebook leads from its page in build/course/."""
    if urlsplit(target).scheme or target.startswith("#"):
        return target
    if target == "../GLOSSARY.md":
        return "glossary.html"
    path, mark, fragment = target.partition("#")
    if path.endswith(".ipynb") and "/" not in path:
        return path.removesuffix(".ipynb") + ".html" + mark + fragment
    return target.replace("../", "../../", 1) if target.startswith("../") else target


def headings(soup: BeautifulSoup) -> str:
    """Gives every second-level heading an id; returns the list of them, folded."""
    items = []
    for number, heading in enumerate(soup("h2"), start=1):
        heading["id"] = f"section-{number}"
        items.append(f'<li><a href="#section-{number}">{escape(heading.get_text())}</a></li>')
    if not items:
        return ""
    return f"<details><summary>On this page</summary><ol>{''.join(items)}</ol></details>"


def contents_page(
    chapters: list[Chapter], minutes: dict[str, float], failed: set[str], figures: dict
) -> str:
    """The front page. `minutes` holds what each built chapter took; `figures` is their manifest."""
    items = []
    for chapter in chapters:
        title = escape(chapter.title)
        if chapter.stem in minutes:
            title = f'<a href="{chapter.stem}.html">{title}</a>'
        state = " · stopped by an error" if chapter.stem in failed else ""
        took = minutes.get(chapter.stem)
        ran = f"ran in {took:.1f} min here" if took is not None else "not built yet"
        notes = " · ".join(filter(None, [escape(chapter.time), ran]))
        items.append(
            f"<li><h2>{title}</h2><p>{escape(chapter.question)}</p>"
            f'<p class="notes">{notes}{state}</p></li>'
        )
    body = (
        "<h1>Face-forgery detection with MesoNet</h1>"
        "<p>150,000 faces from photographs, StyleGAN and Photoshop; Meso-4 with inverted residual "
        "blocks and attention; a fifth of its weights pruned; 97 % accuracy. <strong>Which part of "
        "that earns what, and does the number survive faces from outside?</strong></p>"
        "<p>The chapters as they ran on this machine. Unless a page says otherwise its images are "
        "synthetic photographs: they teach the method and are no evidence about real faces.</p>"
        f'<ol class="chapters">{"".join(items)}</ol>{_gallery(figures)}'
    )
    return page("Contents", body, ['<a href="glossary.html">Glossary</a>'])


def _gallery(figures: dict) -> str:
    if not figures:
        return ""
    items = "".join(
        f'<li><a href="figures/{name}.png"><img src="figures/{name}.png" loading="lazy" '
        f'alt="{name.replace("-", " ")}"></a><br>{name} · data: {escape(entry["tier"])} · '
        f'<a href="figures/{name}.pdf">PDF</a></li>'
        for name, entry in figures.items()
    )
    return f'<h2>Figures</h2><ul class="gallery">{items}</ul>'
