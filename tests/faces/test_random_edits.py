"""A session: visible, exact about what it changed, and a function of its random generator."""

import numpy as np
import pytest

from mesocore.core.errors import BadImage
from mesocore.faces import random_edits, rendering, retouching
from mesocore.faces.landmarks import Face
from mesocore.faces.random_edits import Donor, retouch


@pytest.fixture(scope="module")
def people():
    images, table = rendering.snapshots([3, 4], 96)
    return [(image, Face.from_row(row)) for image, (_, row) in zip(images, table.iterrows(),
                                                                  strict=True)]  # fmt: skip


def session(people, seed):
    (image, face), (other, other_face) = people
    return retouch(image, face, np.random.default_rng(seed), lambda: Donor(other, other_face))


def test_a_session_shows_and_says_what_it_did(people):
    for seed in range(12):
        done = session(people, seed)
        before = people[0][0]
        assert np.array_equal(done.mask, (done.image != before).any(axis=2))
        change = np.abs(done.image.astype(int) - before).max(axis=2)
        assert (change >= random_edits.LEAST_CHANGE).mean() >= random_edits.LEAST_SHARE
        assert len(done.edits) == len(done.strengths) == len(set(done.edits)) in (1, 2)
        assert set(done.edits) <= set(random_edits.EDITS) and done.steps
        assert all(
            random_edits.STRENGTH[0] <= s <= random_edits.STRENGTH[1] for s in done.strengths
        )


def test_it_is_a_function_of_its_generator(people):
    assert np.array_equal(session(people, 5).image, session(people, 5).image)
    assert not np.array_equal(session(people, 5).image, session(people, 6).image)


def test_an_edit_that_does_not_show_is_drawn_anew(people, monkeypatch):
    (image, face), _ = people
    monkeypatch.setattr(random_edits.retouching, "smooth", lambda image, *_: retouching.Edited(
        image.copy(), np.zeros(image.shape[:2], bool), []))  # fmt: skip
    monkeypatch.setattr(random_edits, "EDITS", {"smooth": 0.5, "relight": 0.5})
    monkeypatch.setattr(random_edits, "SECOND", 0.0)
    for seed in range(6):
        done = retouch(image, face, np.random.default_rng(seed), lambda: None)
        assert done.edits == ["relight"]


def test_a_donor_is_asked_for_at_need(people, monkeypatch):
    (image, face), _ = people
    monkeypatch.setattr(random_edits, "EDITS", {"heal": 0.5, "relight": 0.5})
    retouch(image, face, np.random.default_rng(0), lambda: pytest.fail("no splice was drawn"))


@pytest.mark.parametrize("shade", [0, 255])
def test_a_picture_of_one_shade_is_refused(shade):
    flat, face = np.full((96, 96, 3), shade, np.uint8), Face.central(96, 96)
    with pytest.raises(BadImage, match="cannot be edited: one shade"):
        retouch(flat, face, np.random.default_rng(0), lambda: Donor(flat, face))


def test_a_face_whose_points_coincide_ends(people):
    image, point = people[0][0], Face(*[(48.0, 48.0)] * 4)
    with pytest.raises(BadImage, match="none of 25 sessions shows"):
        retouch(image, point, np.random.default_rng(0), lambda: Donor(image, point))
