"""Search on the contents page: over the chapters' own words, inside the page, without a server."""

import json
from collections.abc import Iterable
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup, Tag
from site_text import markdown

SCRIPT = (Path(__file__).parent / "site_search.js").read_text(encoding="utf-8")
LEFT_OUT = ["pre", "script", "style", "img"]
CELL = "text_cell_render"  # nbconvert's class for markdown


def number_headings(headings: Iterable[Tag]) -> None:
    """Addresses for headings of the second and third level: section-2, section-2-1."""
    second = third = 0
    for heading in headings:
        if heading.name == "h2":
            second, third = second + 1, 0
            heading["id"] = f"section-{second}"
        else:
            third += 1
            heading["id"] = f"section-{second}-{third}"


def chapter_entries(notebook: Path, title: str) -> list[list[str]]:
    """[address, chapter, heading, text] for each part of a chapter; no code and no outputs."""
    cells = nbformat.read(notebook, as_version=4).cells
    source = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    soup = BeautifulSoup(markdown(source), "html.parser")
    for element in soup(LEFT_OUT):
        element.decompose()
    number_headings(soup(["h2", "h3"]))
    entries = [[f"{notebook.stem}.html", title, "", ""]]
    for element in soup.children:
        if isinstance(element, Tag) and element.name in ("h2", "h3"):
            address = f"{notebook.stem}.html#{element['id']}"
            entries.append([address, title, element.get_text().strip(), ""])
        elif not (isinstance(element, Tag) and element.name == "h1"):
            entries[-1][3] += element.get_text() + " "
    return [[*entry[:3], " ".join(entry[3].split())] for entry in entries]


def glossary_entries(terms: Iterable) -> list[list[str]]:
    """The same for terms of the glossary."""
    return [[f"glossary.html#{term.anchor}", "Glossary", term.name, term.definition]
            for term in terms]  # fmt: skip


def box(entries: list[list[str]]) -> str:
    """The box, its results, and the index that it reads; a line where JavaScript is off."""
    index = json.dumps(entries, ensure_ascii=False).replace("<", "\\u003c")
    return f"""<search class="search">
<noscript><p>The search needs JavaScript, which is off in this browser. Everything else works
without it; the browser's own search looks through one page.</p></noscript>
<form hidden><label for="find">Search all chapters</label>
<input id="find" type="search" autocomplete="off" spellcheck="false" aria-describedby="found">
<p id="found" role="status"></p></form>
<ol id="results"></ol>
<script type="application/json" id="search-index">{index}</script>
<script>
{SCRIPT}</script>
</search>"""
