"""docs/page.png, the page of `mesocore demo` with an answer.

`PYTHONPATH=. python scripts/page_picture.py`; takes Chromium. The picture is a face that the
course draws.
"""

import base64
import tempfile
from pathlib import Path

from PIL import Image

from mesocore import faces
from mesocore.core.runtime import project_root
from mesocore.evaluation.page import write_page
from mesocore.nets.inference import shipped
from tests.browser import opened

OUT = project_root() / "docs/page.png"
WIDTH, HEIGHT = 960, 1050  # pixels of the window


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page, drawn = Path(folder) / "page.html", Path(folder) / "drawn.png"
        detector = shipped.find("recommended")
        (figures,) = [each.figures for each in shipped.shipped() if each.folder == detector]
        write_page(shipped.soonest(detector), page, figures)
        Image.fromarray(faces.snapshots([3], 256)[0][0]).save(drawn)
        with opened(page, Path(folder) / "profile") as tab:
            tab.ask("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT,
                    deviceScaleFactor=1, mobile=False)  # fmt: skip
            tab.ask("Emulation.setScrollbarsHidden", hidden=True)
            tab.wait_for("document.documentElement.dataset.ready === 'yes'")
            tab.choose("#files", [drawn])
            tab.wait_for("/faces?:/.test(document.getElementById('status').textContent)")
            shot = tab.ask("Page.captureScreenshot", format="png")
    OUT.write_bytes(base64.b64decode(shot["data"]))
    print(OUT)


if __name__ == "__main__":
    main()
