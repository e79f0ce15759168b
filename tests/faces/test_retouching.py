"""Edits: identity at strength 0, exact masks, determinism, and that each does what it says."""

import numpy as np
import pytest

from mesocore.core.errors import UserError
from mesocore.faces import blending, rendering, retouching
from mesocore.faces.landmarks import FACE_PARTS, Face

SIZE = 96


def _splice(part):
    def edit(people, **how):
        (image, face), (donor, donor_face) = people
        return retouching.splice(image, donor, part, face, donor_face, **how)

    return edit


EDITS = {
    **{f"splice {part}": _splice(part) for part in FACE_PARTS},
    "liquify": lambda p, **k: retouching.liquify(*p[0], **k),
    "heal": lambda p, **k: retouching.heal(*p[0], **k),
    "smooth": lambda p, **k: retouching.smooth(*p[0], **k),
    "relight": lambda p, **k: retouching.relight(*p[0], **k),
    "levels": lambda p, **k: retouching.levels(*p[0], **k),
}


@pytest.fixture(scope="module")
def people():
    images, table = rendering.render([3, 4], SIZE)
    arrays = images.permute(0, 2, 3, 1).numpy()
    rows = [row for _, row in table.iterrows()]
    return [(a.copy(), Face.from_row(row)) for a, row in zip(arrays, rows, strict=True)]


@pytest.fixture(params=EDITS)
def edit(request):
    return EDITS[request.param]


def test_strength_0_is_the_identity(edit, people):
    for seed in range(3):
        edited = edit(people, strength=0.0, seed=seed)
        assert np.array_equal(edited.image, people[0][0])
        assert not edited.mask.any() and edited.steps == []


def test_the_mask_is_exactly_what_changed_and_lies_on_the_face(edit, people):
    before, face = people[0]
    for seed in range(4):
        edited = edit(people, strength=0.8, seed=seed)
        assert edited.image.dtype == np.uint8 and edited.mask.dtype == bool
        assert np.array_equal(edited.mask, (edited.image != before).any(axis=2))
        assert 0.002 < edited.mask.mean() < 0.5 and len(edited.steps) == 1
        y, x = np.nonzero(edited.mask)
        centre = face.points().mean(0)
        assert np.hypot(x - centre[0], y - centre[1]).max() < 2.6 * face.unit


def test_an_edit_is_a_function_of_its_seed(edit, people):
    images = [edit(people, strength=0.9, seed=seed).image for seed in (1, 1, 2, 3)]
    assert np.array_equal(images[0], images[1])
    assert any(not np.array_equal(images[0], other) for other in images[2:])


def test_more_strength_changes_more(edit, people):
    before = people[0][0].astype(float)
    change = [np.abs(edit(people, strength=s, seed=5).image - before).sum() for s in (0.2, 1.0)]
    assert change[0] < change[1]


def test_the_input_is_left_alone(edit, people):
    copies = [image.copy() for image, _ in people]
    edit(people, seed=1).image[:] = 0
    assert all(np.array_equal(a, b[0]) for a, b in zip(copies, people, strict=True))


def test_without_landmarks_the_middle_is_edited():
    rng = np.random.default_rng(0)
    image = rng.integers(60, 200, (80, 100, 3), dtype=np.uint8)
    mask = retouching.splice(image, image[::-1].copy(), "face", seed=1).mask
    assert mask[40, 50] and not mask[:, :10].any() and not mask[:, -10:].any()


def test_splicing_a_picture_into_itself_moves_nothing(people):
    (image, face), _ = people
    for seed in range(4):  # both kinds of blending
        edited = retouching.splice(image, image, "nose", face, face, seed=seed)
        assert np.abs(edited.image.astype(int) - image).max() <= 4  # rounding, CIELAB and back


def test_a_splice_takes_content_of_the_donor_in_colours_of_the_target(people):
    (image, face), _ = people
    donor = np.zeros_like(image)
    donor[::2] = 255  # stripes of another brightness
    edited = retouching.splice(image, donor, "nose", face, face, seed=2)
    x, y = np.rint(face.nose).astype(int)
    rows = edited.image[y - 4 : y + 4, x].astype(float).mean(1)
    before = image[y - 4 : y + 4, x].astype(float).mean(1)
    assert np.abs(np.diff(rows)).mean() > 2 * np.abs(np.diff(before)).mean()


def test_smoothing_takes_noise_from_skin_and_keeps_edges(people):
    image = np.full((SIZE, SIZE, 3), 120, dtype=np.uint8)
    image[:, SIZE // 2 :] = 240
    noisy = image + np.random.default_rng(0).integers(0, 12, image.shape, dtype=np.uint8)
    edited = retouching.smooth(noisy, seed=0)
    cheek = (slice(56, 60), slice(36, 44))
    assert edited.mask[cheek].mean() > 0.8
    assert edited.image[cheek].std() < 0.5 * noisy[cheek].std()
    step = edited.image[58, 50].astype(int) - edited.image[58, 45]
    assert step.min() > 100


def test_relight_brightens_one_side_and_darkens_the_other():
    image = np.full((SIZE, SIZE, 3), 120, dtype=np.uint8)
    change = retouching.relight(image, seed=1).image.astype(int).mean(2) - 120
    assert change.max() > 10 and change.min() < -10
    y, x = np.unravel_index([change.argmax(), change.argmin()], change.shape)
    centre = Face.central(SIZE, SIZE).points().mean(0)
    bright, dark = (np.array([x[k], y[k]]) - centre for k in (0, 1))
    assert bright @ dark < 0


def test_levels_move_values_and_keep_their_order():
    pattern = np.random.default_rng(0).integers(60, 180, (SIZE, SIZE, 1), dtype=np.uint8)
    edited = retouching.levels(np.repeat(pattern, 3, axis=2), seed=4)
    assert edited.mask.any() and "levels" in edited.steps[0]
    rows, columns = np.nonzero(edited.mask)
    y, x = int(rows.mean()), int(columns.mean())
    window = (slice(y - 2, y + 3), slice(x - 2, x + 3))  # small: the layer's opacity is even in it
    before, after = pattern[window].ravel().astype(int), edited.image[window][..., 0].ravel()
    assert np.corrcoef(before, after)[0, 1] > 0.97


def test_a_box_places_the_parts_of_an_upright_face():
    face = Face.from_box(20, 30, 80, 110)
    assert face.left_eye[0] < face.nose[0] < face.right_eye[0] and face.unit == 24
    assert 30 < face.left_eye[1] < face.nose[1] < face.mouth[1] < 110


def test_poisson_blending_stays_in_place():
    image = np.random.default_rng(1).integers(80, 160, (64, 64, 3), dtype=np.uint8)
    shape = np.zeros((64, 64), dtype=bool)
    shape[20:41, 17:50] = True
    blended = blending.poisson(image, image, shape)
    assert np.abs(blended.astype(int) - image).max() <= 3


def test_mistakes_are_named(people):
    image = people[0][0]
    with pytest.raises(UserError, match="chin"):
        retouching.splice(image, image, "chin")
    with pytest.raises(UserError, match="strength 1.5"):
        retouching.smooth(image, strength=1.5)
    with pytest.raises(UserError, match="float32"):
        retouching.heal(image.astype(np.float32))
