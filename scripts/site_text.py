"""Cells to HTML that needs no network: formulae as MathML, pictures inside, links to pages.

nbconvert turns cells into HTML; its full-page templates fetch MathJax, require.js and Mermaid from
the net, so `site_frame` has a page of its own for them.
"""

import base64
import mimetypes
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from jinja2 import pass_context
from latex2mathml.converter import convert as latex_to_mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


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
    path, mark, fragment = target.removeprefix("../notebooks/").partition("#")
    if path.endswith(".ipynb") and "/" not in path:
        return path.removesuffix(".ipynb") + ".html" + mark + fragment
    return target.replace("../", "../../", 1) if target.startswith("../") else target
