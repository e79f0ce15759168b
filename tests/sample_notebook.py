"""A small notebook that keeps every rule, to test the machinery without a chapter."""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

TITLE = """# 1. A sample

Does the machinery work? About 25 min; runs in 1 min on 2 CPU cores."""
OBJECTIVES = """## Objectives

Formulae: $x^2$, `$not math$`, and

$$\\mathrm{AUC} = \\frac{1}{n m} \\sum_{i,j} [s_i < t_j]$$

See [the next one](02_second.ipynb#section-1) and [terms](../GLOSSARY.md)."""
PARAMETERS = 'DATA = "synthfaces"  # tier\nFAST = False  # short version\nSEED = 0  # of everything'
SETUP = "from mesocore.core.runtime import fast\n\nFAST = FAST or fast()"
PREDICT = "## A section\n\n**Predict** the product before you run the cell."
CHECKED = "6 * 7"
TIMED = "import time\n\nprint(f'took {time.perf_counter():.2f} s')"
FIGURE = """import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(1, 1))"""
FOLDED = """<details><summary>Answer</summary>

| a | b |
|---|---|
| 1 | 2 |

</details>"""
LAST = """import json
from mesocore.core.runtime import output_root

results = output_root(FAST) / "results" / "synthfaces"
results.mkdir(parents=True, exist_ok=True)
_ = (results / "01.json").write_text(json.dumps({"fast": FAST}))"""


def sample() -> NotebookNode:
    """The notebook, not executed."""
    closing = ("Check your understanding", "Recap", "What would change our mind", "References")
    notebook = new_notebook(
        cells=[
            new_markdown_cell(TITLE),
            new_markdown_cell(OBJECTIVES),
            new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            new_code_cell(SETUP),
            new_markdown_cell(PREDICT),
            new_code_cell(CHECKED, metadata={"tags": ["nbval-check-output"]}),
            new_code_cell(TIMED),
            new_code_cell(FIGURE, metadata={"alt": "An empty figure"}),
            new_markdown_cell(FOLDED),
            *[new_markdown_cell(f"## {heading}") for heading in closing],
            new_code_cell(LAST),
        ]
    )
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook
