"""A table behind a fold: one line until a reader opens it. Markdown's folds cannot hold outputs."""

from html import escape

import pandas as pd


class Folded:
    """What a notebook cell shows of `table` if this is its last line: `title`, closed.

    Works without JavaScript; where no HTML is shown, the table is plain text.
    """

    def __init__(self, table: pd.DataFrame, title: str):
        """`title`: the line that opens it, plain text."""
        self.table, self.title = table, title

    def _repr_html_(self) -> str:
        summary = f"<summary>{escape(self.title)}</summary>"
        return f"<details>{summary}\n{self.table.to_html()}\n</details>"

    def __repr__(self) -> str:
        return f"{self.title}\n{self.table.to_string()}"
