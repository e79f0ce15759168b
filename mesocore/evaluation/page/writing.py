"""A detector as one HTML file: network, face finder and ONNX Runtime are inside it.

It needs no server, so that it opens from a disk as well as from a site, and it cannot send
anything: its content security policy allows no connection. ONNX Runtime Web (vendor/, MIT licensed)
runs the networks; pixels.js and faces.js prepare pictures as the package does, and a test compares
the two.
"""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.core.files import write_text
from mesocore.nets.inference.exported import ExportedDetector, load_exported

FOLDER = Path(__file__).parent
SCRIPTS = ("pixels.js", "faces.js", "verdicts.js", "app.js")
RUNTIME, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm.gz"
FINDER = "yunet-2023mar-any-size.onnx"
UNMEASURED = "<p>How well it does was not measured, or its figures were not given.</p>"


def write_page(detector: Path, out: Path, figures: Sequence[Mapping[str, str]] = ()) -> None:
    """Writes the page of an exported detector. `figures`: rows of a table of what it is worth.

    Raises `UserError` if there is no such detector, or if it looks at more than faces cut out.
    """
    write_text(out, page_html(detector, figures))


def page_html(detector: Path, figures: Sequence[Mapping[str, str]] = ()) -> str:
    """The page's text."""
    read = load_exported(detector)
    if read.preparation.margin is None or read.preparation.size != read.size:
        raise UserError(f"{detector} judges whole pictures, and the page faces that are cut out; "
                        "export a detector of a set assembled with --face-margin")  # fmt: skip
    about = read.description | {"detector": detector.name}
    files = {"ort": RUNTIME, "wasm": WASM, "finder": FINDER}
    data = {name: _stored(FOLDER / "vendor" / file) for name, file in files.items()}
    data["detector"] = _stored(detector)
    inside = [f'<script type="application/json" id="about">{_json(about)}</script>']
    inside += [f'<script type="text/plain" id="{name}">{text}</script>'
               for name, text in data.items()]  # fmt: skip
    parts = {
        "page.css": _text("page.css"),
        "worth": _table(figures) if figures else UNMEASURED,
        "about": html.escape(_sentence(read)),
        "data": "\n".join(inside),
        "scripts": "\n".join(map(_text, SCRIPTS)),
    }
    page = _text("page.html")
    for name, part in parts.items():
        page = page.replace(f"@@{name}@@", part)
    return page


def _sentence(detector: ExportedDetector) -> str:
    about = detector.description
    low, high = detector.band
    unknown = " Unsure too what is like nothing it learnt from." * (detector.kind_from is not None)
    return (f"{about['model']}: {about['parameters']:,} weights ({about['weights_sha256'][:12]}). "
            f"Real below {low:.3f}, fake from {high:.3f}, otherwise unsure.{unknown}")  # fmt: skip


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    head = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row.values())}</tr>"
        for row in rows
    )
    return (f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")  # fmt: skip


def _json(values: dict) -> str:
    return json.dumps(values).replace("<", "\\u003c")  # which could end the element


def _stored(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
