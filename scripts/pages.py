"""The pages of the course: a chapter, the contents, and what is for teachers.

`site_text` turns cells into HTML and `site_frame` puts a page around it; search, the glossary's
links and cheat sheets have modules of their own.
"""

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

import cheat_sheets
import elsewhere
import glossary_links
import nbformat
import site_search
from bs4 import BeautifulSoup
from site_frame import CONTENTS, GLOSSARY, SEARCH, TEACHERS, page, progress
from site_text import Exporter, markdown, offline

__all__ = ["BeautifulSoup", "describe", "markdown", "offline", "page"]


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


def chapter_page(
    executed: Path, chapters: list[Chapter], source_folder: Path, glossary: str = ""
) -> str:
    """The page of an executed notebook, with links to the chapters before and after it.

    `source_folder` is where the relative paths in the notebook start; `glossary` the Markdown
    whose terms are linked. Raises ValueError for a formula that cannot be read.
    """
    stems = [chapter.stem for chapter in chapters]
    index = stems.index(executed.stem)
    body, _ = Exporter().from_filename(str(executed))
    soup = offline(BeautifulSoup(body, "html.parser"), source_folder)
    contents = on_this_page(soup)
    glossary_links.link(soup, glossary)
    before = chapters[index - 1] if index else None
    after = chapters[index + 1] if index + 1 < len(chapters) else None
    links = [
        f'<a rel="prev" href="{before.stem}.html">← {escape(before.title)}</a>' if before else "",
        " · ".join([CONTENTS, SEARCH, GLOSSARY]),
        f'<a rel="next" href="{after.stem}.html">{escape(after.title)} →</a>' if after else "",
    ]
    own = (
        f'<p class="own">This chapter as a <a href="{executed.name}">notebook</a> · on '
        f'<a href="{cheat_sheets.name(executed.stem)}">one sheet</a>'
        f"{elsewhere.links(executed.name)}</p>"
    )
    body = f'{contents}<div class="text">{own}{soup}</div>'
    done = progress(index + 1, len(chapters))
    return page(chapters[index].title, body, links, done, kind="chapter")


def on_this_page(soup: BeautifulSoup) -> str:
    """Gives the headings of the text an id; returns the list of those of the second level.

    It is folded; course.css puts it, unfolded, beside the text where the screen is wide.
    """
    found = soup.select(f".{site_search.CELL} h2, .{site_search.CELL} h3")
    site_search.number_headings(found)
    items = [
        f'<li><a href="#{heading["id"]}">{escape(heading.get_text())}</a></li>'
        for heading in found
        if heading.name == "h2"
    ]
    if not items:
        return ""
    return (
        '<nav class="toc" aria-label="On this page"><details><summary>On this page</summary>'
        f"<ol>{''.join(items)}</ol></details></nav>"
    )


def teachers_page(text: str, chapters: list[Chapter], folder: Path) -> str:
    """docs/teaching.md, with each chapter's own time below the heading `## N. Title`."""
    for chapter in chapters:
        number = int(chapter.stem[:2])
        text = re.sub(
            rf"^## {number}\. .*$",
            lambda heading, time=chapter.time: f"{heading[0]}\n\n*{time}*",
            text,
            flags=re.MULTILINE,
        )
    body = str(offline(BeautifulSoup(markdown(text), "html.parser"), folder))
    return page("For teachers", body, [CONTENTS, GLOSSARY])


def contents_page(
    chapters: list[Chapter],
    minutes: dict[str, float],
    failed: set[str],
    figures: dict,
    entries: list[list[str]] | None = None,
) -> str:
    """The front page. `minutes` holds what each built chapter took; `figures` is their manifest.

    `entries` are what its search finds (see site_search); without them there is no search.
    """
    items = []
    for chapter in chapters:
        title = escape(chapter.title)
        if chapter.stem in minutes:
            title = f'<a href="{chapter.stem}.html">{title}</a>'
        state = " · stopped by an error" if chapter.stem in failed else ""
        took = minutes.get(chapter.stem)
        ran = "not built yet"
        if took is not None:
            sheet = f'<a href="{cheat_sheets.name(chapter.stem)}">on one sheet</a>'
            ran = f"ran in {took:.1f} min here · {sheet}"
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
        f"{site_search.box(entries) if entries else ''}"
        f'<ol class="chapters">{"".join(items)}</ol>{_gallery(figures)}'
    )
    return page("Contents", body, [GLOSSARY, TEACHERS], kind="contents")


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
