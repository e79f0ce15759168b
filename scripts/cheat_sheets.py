"""A chapter on one sheet of A4, made from the chapter itself: `cheat-03.html`."""

import re
from html import escape
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from site_frame import CONTENTS, page
from site_text import markdown, offline

EQUATION = re.compile(r"(?:^|\n\n)([^\n]+(?:\n[^\n]+)*)\n\n\$\$(.+?)\$\$", re.DOTALL)
EXERCISE = re.compile(r"^### (Exercise \d+.*★.*)$", re.MULTILINE)


def name(stem: str) -> str:
    """The file of the sheet of a chapter `NN_name`."""
    return f"cheat-{stem[:2]}.html"


def sheet(notebook: Path, title: str, question: str, source_folder: Path) -> str:
    """The page: objectives, equations, exercises, recap and finding of a notebook.

    `source_folder` is where its relative paths start. What the chapter has not is left out.
    Raises ValueError for a formula that cannot be read.
    """
    cells = nbformat.read(notebook, as_version=4).cells
    whole = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    parts = {
        "Finding": _section(whole, "Finding"),
        "You can": _first_list(_section(whole, "Objectives")),
        "Equations": "\n\n".join(equations(whole)),
        "Recap": _section(whole, "Recap"),
        "Exercises": "\n".join(f"- {found}" for found in EXERCISE.findall(whole)),
    }
    body = "".join(
        f'<section class="{part.lower().replace(" ", "-")}"><h2>{part}</h2>{markdown(text)}'
        "</section>" for part, text in parts.items() if text
    )  # fmt: skip
    body = str(offline(BeautifulSoup(body, "html.parser"), source_folder))
    head = f"<h1>{escape(title)}</h1><p><em>{escape(question)}</em></p>"
    links = [f'<a href="{notebook.stem}.html">← The chapter</a>', CONTENTS]
    return page(f"Sheet: {title}", f"{head}<div>{body}</div>", links, kind="sheet")


def equations(text: str) -> list[str]:
    """Each displayed equation of markdown, after the sentence before it."""
    return [f"{_last_sentence(before)}\n\n$${formula}$$"
            for before, formula in EQUATION.findall(text)]  # fmt: skip


def _last_sentence(paragraph: str) -> str:
    if paragraph.startswith(("#", "<", "|", "$$")):
        return ""
    return re.split(r"(?<=[.?:])\s+(?=[A-Z*`$])", paragraph)[-1]


def _section(whole: str, title: str) -> str:
    """What stands below a second-level heading, up to the next one."""
    found = re.search(rf"^## {re.escape(title)}$\n(.*?)(?=^## |\Z)", whole, re.M | re.S)
    return found[1].strip() if found else ""


def _first_list(text: str) -> str:
    found = re.search(r"^(?:\d+\.|-) .*?(?=\n\n|\Z)", text, re.M | re.S)
    return found[0] if found else ""
