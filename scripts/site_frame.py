"""The frame of every page of the site: its style, its navigation, and how far the reader is."""

from html import escape
from pathlib import Path

from pygments.formatters import HtmlFormatter

HERE = Path(__file__).parent
# The styles of Pygments with a contrast of 4.5 : 1 in every colour on the grounds of course.css.
LIGHT, DARK = "xcode", "monokai"
STYLE = "\n".join(
    [
        HtmlFormatter(style=LIGHT).get_style_defs(".highlight"),
        "@media screen and (prefers-color-scheme: dark) {",
        HtmlFormatter(style=DARK).get_style_defs(".highlight"),
        "}",
        (HERE / "course.css").read_text(encoding="utf-8"),
    ]
)
CONTENTS = '<a href="index.html">Contents</a>'
GLOSSARY = '<a href="glossary.html">Glossary</a>'
TEACHERS = '<a href="teachers.html">For teachers</a>'
SEARCH = '<a href="index.html#find">Search</a>'


def page(title: str, body: str, links: list[str], progress: str = "", kind: str = "plain") -> str:
    """A whole page around `body`, which holds the heading; `links` stand above and below it.

    `progress` stands under the upper ones; `kind` is the class that course.css knows the page by.
    """
    links = "".join(f"<span>{link}</span>" for link in links)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · mesonet-course</title>
<style>
{STYLE}
</style>
</head>
<body class="{kind}">
<a class="skip" href="#content">Skip to the text</a>
<nav aria-label="Chapters">{links}</nav>
{progress}
<main id="content">
{body}
</main>
<nav aria-label="Chapters, again">{links}</nav>
</body>
</html>
"""


def progress(number: int, of: int) -> str:
    """Which chapter this is, as text and as a thin bar."""
    return (
        f'<div class="progress"><p>Chapter {number} of {of}</p><div class="bar" aria-hidden="true">'
        f'<span style="width:{100 * number / of:.1f}%"></span></div></div>'
    )
