"""Synthetic photographs: a function of their seed alone, varied, and taken by a camera."""

import numpy as np
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.faces import camera, rendering


@pytest.fixture(scope="module")
def faces():
    return rendering.render(range(12), size=64)


def test_shape_type_and_table(faces):
    images, table = faces
    assert images.shape == (12, 3, 64, 64) and images.dtype == torch.uint8
    assert list(table.index) == list(range(12))
    for name, (low, high) in rendering.LOOK.items():
        assert table[name].between(low, high).all(), name


def test_an_image_depends_on_its_seed_alone(faces):
    alone, _ = rendering.render([7], size=64)
    assert torch.equal(alone[0], faces[0][7])


def test_threads_and_company_leave_every_bit_alone(faces):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        other, _ = rendering.render([11, 2], size=64)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(other, faces[0][[11, 2]])


def test_no_two_look_alike(faces):
    flat = faces[0].float().flatten(1)
    distance = torch.cdist(flat, flat) / flat.shape[1] ** 0.5
    assert distance[~torch.eye(12, dtype=bool)].min() > 10  # grey levels, root mean square


def test_landmarks_lie_in_the_picture_and_in_order(faces):
    _, table = faces
    assert (table["left_eye_x"] < table["right_eye_x"]).all()
    for name in ("left_eye", "right_eye", "nose", "mouth"):
        assert table[f"{name}_x"].between(0, 63).all() and table[f"{name}_y"].between(0, 63).all()
    assert (table["nose_y"] < table["mouth_y"]).all()
    assert (table["face_y1"] > table["mouth_y"]).all()


def test_eyes_are_where_the_landmarks_say():
    images, table = rendering.render(range(12), size=128)
    dark = 0
    for image, (_, row) in zip(images.float().mean(1), table.iterrows(), strict=True):
        x, y = round(row["right_eye_x"]), round(row["right_eye_y"])
        eye = image[max(y - 6, 0) : y + 7, max(x - 6, 0) : x + 7]
        cheek = image[y + 14 : y + 20, max(x - 4, 0) : x + 5]
        dark += float(eye.min()) < 0.8 * float(cheek.median())
    assert dark >= 10


def test_skin_tones_spread_over_the_whole_range():
    _, table = rendering.render(range(24), size=64)
    shares, _ = np.histogram(table["melanin"], bins=4, range=rendering.LOOK["melanin"])
    assert shares.min() >= 2


def test_mistakes_are_named():
    with pytest.raises(UserError, match="size 63"):
        rendering.render([0], size=63)
    with pytest.raises(UserError, match="seed -1"):
        rendering.render([3, -1])


def still_camera(**changes: float) -> dict[str, torch.Tensor]:
    look = {"blur": 0.1, "vignette": 0.0, "warmth": 0.0, "exposure": 1.0, "shot": 0.0, "read": 0.0,
            "sharpen": 0.0, "contrast": 0.0}  # fmt: skip
    return {name: torch.tensor([value]) for name, value in (look | changes).items()}


def test_a_perfect_camera_on_a_grey_wall():
    wall, noise = torch.full((1, 3, 32, 32), 0.5), torch.randn(1, 32, 32)
    image = camera.photograph(wall, still_camera(), noise)
    assert (image == round(0.5 ** (1 / 2.2) * 255)).all()


def test_each_part_of_the_camera_does_its_work():
    wall, noise = torch.full((1, 3, 32, 32), 0.5), torch.randn(1, 32, 32)
    noisy = camera.photograph(wall, still_camera(read=0.05), noise).float()
    assert 3 < noisy.std() < 20
    dim = camera.photograph(wall, still_camera(vignette=0.5), noise).float()
    assert dim[..., 0, 0].mean() < dim[..., 16, 16].mean() - 20
    edge = wall.clone()
    edge[..., 16:] = 0.1
    sharp, soft = (camera.photograph(edge, still_camera(blur=b), noise).float() for b in (0.1, 2.0))
    assert soft.diff(dim=-1).abs().max() < 0.6 * sharp.diff(dim=-1).abs().max()


def test_demosaicing_leaves_neighbours_correlated():
    noise = torch.randn(1, 64, 64)
    grey = camera.photograph(torch.full((1, 3, 64, 64), 0.4), still_camera(read=0.05), noise)
    red = grey[0, 0].float() - grey[0, 0].float().mean()
    neighbour = (red[:, 1:] * red[:, :-1]).mean() / red.square().mean()
    assert neighbour > 0.3  # independent noise would have none
