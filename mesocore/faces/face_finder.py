"""Where the faces of a picture are: YuNet, as OpenCV runs it.

Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20,
2023. The weights are face_detection_yunet_2023mar.onnx of OpenCV's model zoo, unchanged, MIT
licensed (weights/yunet-LICENSE): 233 kB, so they are part of the package. It finds faces of 10 to
300 pixels, so large pictures are scaled down first.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mesocore.core.errors import BadImage

WEIGHTS = Path(__file__).with_name("weights") / "yunet-2023mar.onnx"
LONGEST = 640  # pixels; a longer side is scaled down to it
LEAST_SCORE = 0.7
Square = tuple[int, int, int, int]  # left, top, right, bottom
_OVERLAP = 0.3  # of two boxes, from which only the better one is kept
_kept = threading.local()  # a detector of OpenCV serves one thread
_quiet = threading.Lock()  # OpenCV's log level is one for all threads


@dataclass(frozen=True)
class FoundFace:
    """A face in pixels of the picture: a box that may reach beyond it, and five points.

    points: float32 `(5, 2)`, x and y of the right eye (left in the picture), the left eye, the tip
    of the nose, and the right and left corner of the mouth. score: in 0..1.
    """

    left: float
    top: float
    width: float
    height: float
    score: float
    points: np.ndarray

    @property
    def side(self) -> float:
        """The longer side of the box."""
        return max(self.width, self.height)


def find_faces(image: np.ndarray, least_score: float = LEAST_SCORE) -> list[FoundFace]:
    """The faces of a uint8 RGB image `(H, W, 3)`, the largest first."""
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    yunet = _yunet()
    yunet.setInputSize(image.shape[1::-1])
    yunet.setScoreThreshold(least_score)
    rows = yunet.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    faces = [] if rows is None else [_face(row, scale) for row in rows]
    return sorted(faces, key=lambda face: -face.side)


def crop_to_face(image: Image.Image, margin: float) -> Image.Image:
    """The square about the largest face of an RGB image, its side `margin` times the face's.

    Where the picture ends before it does, the square is moved, and made smaller at last: nothing is
    filled in. Raises `BadImage` if no face is found.
    """
    return image.crop(face_square(image, margin))


def face_square(image: Image.Image, margin: float) -> Square:
    """Left, top, right and bottom of `crop_to_face`."""
    return face_squares(image, margin)[0]


def face_squares(image: Image.Image, margin: float) -> list[Square]:
    """The squares about all faces of an RGB image, that of the largest first.

    Raises `BadImage` if no face is found.
    """
    faces = find_faces(np.asarray(image))
    if not faces:
        raise BadImage("no face was found")
    return [_square(face, image.size, margin) for face in faces]


def _square(face: FoundFace, size: tuple[int, int], margin: float) -> Square:
    side = max(1, min(round(margin * face.side), *size))
    centre = face.left + face.width / 2, face.top + face.height / 2
    left, top = (round(min(max(0, middle - side / 2), length - side))
                 for middle, length in zip(centre, size, strict=True))  # fmt: skip
    return left, top, left + side, top + side


def _yunet() -> "cv2.FaceDetectorYN":
    if not hasattr(_kept, "yunet"):
        logging = cv2.utils.logging
        with _quiet:
            level = logging.setLogLevel(logging.LOG_LEVEL_ERROR)  # it warns of unused engines
            _kept.yunet = cv2.FaceDetectorYN.create(
                str(WEIGHTS), "", (320, 320), LEAST_SCORE, _OVERLAP
            )
            logging.setLogLevel(level)
    return _kept.yunet


def _face(row: np.ndarray, scale: float) -> FoundFace:
    left, top, width, height = (row[:4] / scale).tolist()
    return FoundFace(left, top, width, height, float(row[14]), row[4:14].reshape(5, 2) / scale)
