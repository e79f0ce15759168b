"""Links that open a chapter in Colab or Binder, where the course has a public address.

The address is the environment variable COURSE_REPOSITORY, `owner/name` of a repository on GitHub,
at the time when the site is built. Without it there are no links.
"""

import os
import re
from urllib.parse import quote

VARIABLE = "COURSE_REPOSITORY"
BRANCH = "main"


def repository() -> str:
    """`owner/name`, or nothing. Exits with one line if the variable holds something else."""
    given = os.environ.get(VARIABLE, "").strip()
    if given and not re.fullmatch(r"[A-Za-z0-9-]+/[\w.-]+", given, re.ASCII):
        raise SystemExit(f"course: {VARIABLE} is {given!r}, should be owner/name as on GitHub")
    return given


def links(notebook: str) -> str:
    """What follows "as a notebook" on a chapter's page; `notebook` is the name of its file."""
    where = repository()
    if not where:
        return ""
    colab = f"https://colab.research.google.com/github/{where}/blob/{BRANCH}/notebooks/{notebook}"
    path = quote(f"notebooks/{notebook}", safe="")
    binder = f"https://mybinder.org/v2/gh/{where}/{BRANCH}?labpath={path}"
    return (f' · <a class="button" href="{colab}">Open in Colab</a>'
            f' <a class="button" href="{binder}">Open in Binder</a>')  # fmt: skip
