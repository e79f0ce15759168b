"""Terms of the glossary in a chapter's prose, as links that show their definition.

The first time that a term stands in a section it becomes a link to glossary.html; its definition
shows on hover and on focus, by course.css, and is read out by `aria-describedby`.
"""

import re
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from bs4 import BeautifulSoup, NavigableString, Tag
from site_text import markdown

# Where no link belongs: code, links, titles, what is folded, tables and pictures.
APART = {"a", "code", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "details", "summary", "table",
         "math", "svg", "figure", "button", "label", "script", "style"}  # fmt: skip
# Everyday words, and words with a second meaning in the course (a pruning mask, a training recipe):
# a link to the one meaning that the glossary has would more often mislead than help.
EVERYDAY = {"case", "edit", "exhibit", "experiment", "fake", "family", "generated", "group", "kind",
            "mask", "outside", "prior", "real", "recipe", "record", "room", "run", "source",
            "target", "verdict"}  # fmt: skip


class Term(NamedTuple):
    """A term, the end of its address in the glossary, and one line that defines it, as text."""

    name: str
    anchor: str
    definition: str


def slug(name: str) -> str:
    """`name` as the end of an address."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("é", "e")).strip("-")


def terms(glossary: str) -> list[Term]:
    """The terms of GLOSSARY.md: each line `- **term**: definition.`, further terms in it too."""
    found = []
    for line in re.findall(r"^- (\*\*.+)$", glossary, re.MULTILINE):
        for part in re.split(r"; (?=\*\*[^*]+\*\*:)", line):
            names, definition = re.fullmatch(r"((?:\*\*[^*]+\*\*(?:, )?)+): (.+)", part).groups()
            plain = BeautifulSoup(markdown(definition), "html.parser").get_text().strip()
            found += [Term(name, slug(name), plain) for name in re.findall(r"\*\*(.+?)\*\*", names)]
    return found


def glossary_body(glossary: str) -> str:
    """The glossary as HTML, in which every term has its address."""
    soup = BeautifulSoup(markdown(glossary), "html.parser")
    anchors = {term.name: term.anchor for term in terms(glossary)}
    for strong in soup("strong"):
        anchor = anchors.pop(strong.get_text(), None)
        if anchor:
            strong["id"] = anchor
    return str(soup)


def _pattern(name: str) -> str:
    """A term or its plural; words that are written small may begin a sentence."""
    words = re.escape(name)
    if name[0].islower():
        words = f"[{name[0]}{name[0].upper()}]" + re.escape(name[1:])
    plural = rf"{words[:-1]}ies|" if name.endswith("y") else ""
    more = "" if name.endswith("s") else "(?:e?s)?"
    return rf"(?:{plural}{words}{more})"


def link(soup: BeautifulSoup, glossary: str) -> None:
    """Links the terms in the text cells of a chapter, each once a section, and adds definitions.

    A section begins at each heading of the second level; what is above the first has no links.
    """
    known = [term for term in terms(glossary) if term.name not in EVERYDAY]
    if not known:
        return
    by_pattern = {f"t{number}": term for number, term in enumerate(known)}
    longest_first = sorted(by_pattern.items(), key=lambda item: -len(item[1].name))
    alternatives = "|".join(f"(?P<{key}>{_pattern(term.name)})" for key, term in longest_first)
    search = re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w-]|\.\w)")
    used: dict[str, Term] = {}
    seen: set[str] | None = None
    for element in list(_prose(soup)):
        if isinstance(element, Tag):
            seen = set()
        elif seen is not None:
            _link_text(soup, element, search, by_pattern, seen, used)
    if used:
        soup.append(_definitions(used))


def _prose(soup: BeautifulSoup) -> Iterator[Tag | NavigableString]:
    """Second-level headings and the pieces of text that may hold links, in order."""
    for cell in soup(class_="text_cell_render"):
        references = False
        for element in cell.descendants:
            if isinstance(element, Tag):
                if element.name == "h2":
                    references = element.get_text().strip() == "References"
                    yield element
            elif not references and not any(parent.name in APART for parent in element.parents):
                yield element


def _link_text(soup, text: NavigableString, search, by_pattern, seen: set, used: dict) -> None:
    pieces, end = [], 0
    for match in search.finditer(text):
        term = by_pattern[match.lastgroup]
        if term.anchor in seen:
            continue
        seen.add(term.anchor)
        used[term.anchor] = term
        anchor = soup.new_tag("a", href=f"glossary.html#{term.anchor}", attrs={
            "class": "term", "aria-describedby": f"def-{term.anchor}",
            "data-definition": term.definition})  # fmt: skip
        anchor.string = match[0]
        pieces += [NavigableString(text[end : match.start()]), anchor]
        end = match.end()
    if pieces:
        text.replace_with(*pieces, NavigableString(text[end:]))


def _definitions(used: dict[str, Term]) -> BeautifulSoup:
    """What `aria-describedby` names; nobody sees it."""
    items = "".join(
        f'<span id="def-{anchor}">{escape(term.definition)}</span>' for anchor, term in used.items()
    )
    return BeautifulSoup(f"<div hidden>{items}</div>", "html.parser")
