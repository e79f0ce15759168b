"""Faces are found where they are, at any size, and nowhere else."""

import hashlib
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from mesocore.core.errors import BadImage
from mesocore.faces import face_finder, render
from mesocore.faces.face_finder import crop_to_face, find_faces
from mesocore.faces.landmarks import Face


@pytest.fixture(scope="module")
def drawn():
    """Eight drawn photographs uint8 `(256, 256, 3)`, and the boxes of their faces."""
    images, table = render(range(8), 256)
    boxes = table[["face_x0", "face_y0", "face_x1", "face_y1"]].to_numpy(float)
    return [image.permute(1, 2, 0).numpy() for image in images], boxes


def overlap(face, box) -> float:
    """Intersection over union."""
    right, bottom = face.left + face.width, face.top + face.height
    across = min(right, box[2]) - max(face.left, box[0])
    down = min(bottom, box[3]) - max(face.top, box[1])
    inside = max(0, across) * max(0, down)
    return inside / (face.width * face.height + np.prod(box[2:] - box[:2]) - inside)


def test_the_face_of_each_picture_is_found_once(drawn):
    for image, box in zip(*drawn, strict=True):
        (face,) = find_faces(image)
        assert overlap(face, box) > 0.4 and face.score > 0.8
        right_eye, left_eye, nose, *mouth = face.points
        assert right_eye[0] < nose[0] < left_eye[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < min(point[1] for point in mouth)


def test_the_points_of_a_found_face_are_its_landmarks():
    images, table = render(range(8), 256)
    for image, (_, row) in zip(images, table.iterrows(), strict=True):
        (found,) = find_faces(image.permute(1, 2, 0).numpy())
        apart = Face.from_points(found.points).points() - Face.from_row(row).points()
        assert np.abs(apart).max() < 0.35 * Face.from_row(row).unit


@pytest.mark.parametrize("scale", [0.25, 1, 6])
def test_a_face_is_found_in_pictures_of_any_size(drawn, scale):
    image, box = drawn[0][0], drawn[1][0]
    (face,) = find_faces(cv2.resize(image, None, fx=scale, fy=scale))
    assert overlap(face, box * scale) > 0.4


def test_of_several_faces_the_largest_comes_first(drawn):
    sheet = np.full((300, 600, 3), 127, np.uint8)
    sheet[40:168, 20:148] = cv2.resize(drawn[0][1], (128, 128))
    sheet[20:276, 300:556] = drawn[0][2]
    large, small = find_faces(sheet)
    assert large.side > 1.5 * small.side and large.left > 300 > small.left


def test_nothing_is_found_where_nothing_is(drawn):
    rng = np.random.default_rng(0)
    for size in ((256, 256), (1, 1), (3, 900), (900, 3)):
        assert find_faces(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) == []
    blocks = drawn[0][0].reshape(16, 16, 16, 16, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 16, 16, 3)
    shuffled = blocks[rng.permutation(256)].reshape(16, 16, 16, 16, 3)
    assert find_faces(shuffled.transpose(0, 2, 1, 3, 4).reshape(256, 256, 3)) == []


def test_threads_find_the_same_and_nothing_is_printed(drawn, capfd):
    def boxes() -> list:
        return [(f.left, f.top, f.score) for image in drawn[0] for f in find_faces(image)]

    found, here = {}, boxes()
    threads = [threading.Thread(target=lambda n=n: found.update({n: boxes()})) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(found.values()) == [here] * 3
    assert capfd.readouterr() == ("", "")


def test_the_weights_are_those_that_the_licence_names():
    digest = hashlib.sha256(face_finder.WEIGHTS.read_bytes()).hexdigest()
    notice = face_finder.WEIGHTS.with_name("yunet-LICENSE").read_text(encoding="utf-8")
    assert digest in notice and "Permission is hereby granted" in notice


def test_the_square_about_a_face_holds_it_at_the_margin_asked_for(drawn):
    sheet = np.full((700, 900, 3), 127, np.uint8)
    sheet[300:556, 500:756] = drawn[0][2]
    (face,) = find_faces(sheet)
    for margin in (1.0, 1.3, 2.0):
        cut = crop_to_face(Image.fromarray(sheet), margin)
        assert cut.width == cut.height == round(margin * face.side)
        (again,) = find_faces(np.asarray(cut))
        middle = again.left + again.width / 2, again.top + again.height / 2
        assert np.allclose(middle, cut.width / 2, atol=0.05 * cut.width)


def test_where_the_picture_ends_the_square_is_moved_and_then_smaller(drawn):
    image = Image.fromarray(drawn[0][0][:, 40:])  # 216 x 256, the face at its left edge
    assert face_finder.face_square(image, 5) == (0, *face_finder.face_square(image, 5)[1:])
    left, top, right, bottom = face_finder.face_square(image, 5)
    assert right - left == bottom - top == 216
    with pytest.raises(BadImage, match="no face was found"):
        crop_to_face(Image.new("RGB", (300, 300)), 1.3)
