"""What nbval compares of the cells tagged `nbval-check-output`, of notebooks that have run already.

nbval itself runs a notebook again, which trains every network of a chapter a second time.
"""

import re
from collections import defaultdict
from pathlib import Path

from nbformat import NotebookNode
from nbval.plugin import coalesce_streams, get_sanitize_patterns, transform_streams_for_comparison

from tests.notebook_rules import code_cells, is_checked

SANITIZE = Path(__file__).parent / "nbval_sanitize.cfg"
SKIPPED = {"metadata", "traceback", "output_type", "name", "execution_count",
           "image/png", "image/jpeg"}  # fmt: skip
PATTERNS = get_sanitize_patterns(SANITIZE.read_text())


def checked_outputs(notebook: NotebookNode) -> dict[str, dict[str, list]]:
    """Source of each checked cell -> what it shows, by stream or MIME type, sanitised."""
    return {cell.source: _shown(cell) for cell in code_cells(notebook) if is_checked(cell)}


def _shown(cell: NotebookNode) -> dict[str, list]:
    shown = defaultdict(list)
    for output in transform_streams_for_comparison(coalesce_streams(cell.outputs)):
        for kind, value in {**output, **output.get("data", {})}.items():
            if kind not in SKIPPED | {"data"}:
                shown[kind].append(_sanitised(value))
    return dict(shown)


def _sanitised(value: object) -> object:
    if isinstance(value, str):
        for pattern, replacement in PATTERNS:
            value = re.sub(pattern, replacement, value)
    return value
