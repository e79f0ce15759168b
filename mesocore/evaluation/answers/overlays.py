"""Pictures of where a detector found evidence, one for each face that it judged."""

import re
import textwrap
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mesocore.core.files import printable
from mesocore.evaluation.prediction import Verdict, fitted
from mesocore.nets.inference.calibration import Calibrated
from mesocore.nets.inference.exported import ExportedDetector

SIDE, EDGE, TEXT = 320, 12, 14  # pixels: of a panel, around it, of a letter
HEAT = (213, 94, 0)  # the course's colour of fakes
CAVEAT = (
    "Left: what was judged. Right: the more orange, the more evidence for fake the convolutions "
    "found there, on a scale of this picture's own (Grad-CAM). What is counted over the whole "
    "picture has no place in it. Measured on composites, such maps do not say which part of a face "
    "was replaced (RESULTS.md): no proof of anything."
)


class Overlays:
    """Writes PNGs into `folder`, numbered in the order in which faces were judged.

    On the left what was judged, on the right the same in grey under the evidence for "fake" by
    place (`evidence`), with the verdict above and what the map is not below.
    """

    def __init__(self, detector: Calibrated, folder: Path):
        """Raises `UserError` for an exported detector that gives no evidence by place."""
        if isinstance(detector, ExportedDetector):
            detector.check_evidence()
        self.detector, self.folder, self.count = detector, folder, 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, verdict: Verdict, image: np.ndarray) -> Path:
        """Writes the picture of one face; `image` is uint8 `(3, S, S)`, as it was prepared."""
        self.count += 1
        name = re.sub(r"[^\w.-]", "_", Path(printable(verdict.path)).stem)[:60]
        face = "" if verdict.face is None else f"-face-{verdict.face}"
        out = self.folder / f"{self.count:05d}-{name}{face}.png"
        (seen,) = fitted(image[None], self.detector.size)
        picture(seen, evidence(self.detector, seen), str(verdict)).save(out)
        return out


def evidence(detector: Calibrated, image: np.ndarray) -> np.ndarray:
    """Evidence for "fake" by place (`saliency.gradcam`) of uint8 `(3, S, S)`: float `(S, S)` from
    0. An exported detector gives the same without PyTorch."""
    if isinstance(detector, ExportedDetector):
        (found,) = detector.evidence(image[None])
        return cv2.resize(found, image.shape[:0:-1], interpolation=cv2.INTER_LINEAR)
    import torch  # late: it takes seconds

    from mesocore.evaluation.saliency import gradcam

    return gradcam(detector.model, torch.from_numpy(image)[None])[0].numpy()


def picture(image: np.ndarray, heat: np.ndarray, title: str) -> Image.Image:
    """uint8 `(3, S, S)` and float `(S, S)`, 0 and above -> the two panels with their texts."""
    face = Image.fromarray(image.transpose(1, 2, 0))
    share = heat / heat.max() if heat.max() > 0 else heat
    mask = Image.fromarray((200 * share).astype(np.uint8))
    grey = face.convert("L").convert("RGB")
    grey.paste(Image.new("RGB", face.size, HEAT), mask=mask)
    font, width = ImageFont.load_default(TEXT), 2 * SIDE + 3 * EDGE
    letters = int((width - 2 * EDGE) / (0.52 * TEXT))
    above, below = (textwrap.fill(text, letters) for text in (title, CAVEAT))
    top, bottom = (int(TEXT * 1.35 * (text.count("\n") + 1)) for text in (above, below))
    sheet = Image.new("RGB", (width, top + SIDE + bottom + 4 * EDGE), "white")
    draw = ImageDraw.Draw(sheet)
    draw.multiline_text((EDGE, EDGE), above, "black", font)
    for column, panel in enumerate((face, grey)):
        place = (EDGE + column * (SIDE + EDGE), top + 2 * EDGE)
        sheet.paste(panel.resize((SIDE, SIDE), Image.Resampling.LANCZOS), place)
    draw.multiline_text((EDGE, top + SIDE + 3 * EDGE), below, "black", font)
    return sheet
