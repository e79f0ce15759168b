"""The embedded set: balanced, group-safe, saved alike, and the same after any interruption."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mesocore.core.errors import UserError
from mesocore.core.files import sha256_file
from mesocore.core.images import encode_jpeg
from mesocore.data import synthfaces
from mesocore.data.sources import scanning
from mesocore.faces import rendering, stylegan
from tests import victims

COUNT, SIZE = 32, 64


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("embedded") / "synthfaces"
    synthfaces.build_raw(out, COUNT, SIZE, progress=False)
    return out


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def test_half_is_real_and_the_tables_name_every_file(raw):
    groups = pd.read_csv(raw / "groups.csv", dtype=str, keep_default_na=False)
    assert list(groups) == ["path", "group", "edit"]
    on_disk = {path for path in contents(raw) if path.endswith(".jpg")}
    assert set(groups["path"]) == on_disk == set(pd.read_csv(raw / "params.csv")["path"])
    fake = groups["path"].str.startswith("fake/")
    assert fake.sum() == COUNT // 2 == (~fake).sum()
    assert (groups["edit"][fake] == "generated").sum() == COUNT // 4
    assert (groups["edit"][fake] != "").all() and (groups["edit"][~fake] == "").all()


def test_the_scanner_takes_it_whole_with_its_groups(raw):
    scan = scanning.scan(raw)
    assert len(scan.candidates) == COUNT and scan.unlabelled == []
    assert all(candidate.group for candidate in scan.candidates)


def test_no_photograph_is_in_two_groups_and_no_donor_is_published(raw):
    table = pd.read_csv(raw / "params.csv")
    photographs = table[table["edit"] != "generated"]
    assert photographs.groupby("seed")["group"].nunique().max() == 1
    donors = set(table["donor_seed"].dropna())
    assert donors and not donors & set(photographs["seed"])
    generated = table[table["edit"] == "generated"]
    assert generated["group"].is_unique and not set(generated["group"]) & set(photographs["group"])


def test_no_photograph_taught_the_generator():
    assert stylegan.TRAINING_SEEDS.start > 10**8 * 1000


def test_an_edit_is_with_its_original_and_has_an_exact_mask(raw):
    table = pd.read_csv(raw / "params.csv", keep_default_na=False).set_index("path")
    edited = table[table["original"] != ""]
    assert len(edited) == COUNT // 4
    originals = table.loc[edited["original"]]
    assert (originals["group"].values == edited["group"]).all()
    for path, row in edited.iterrows():
        mask = np.asarray(Image.open(raw / synthfaces.mask_path(path))) > 0
        fake, real = (np.asarray(Image.open(raw / p)).astype(int) for p in (path, row["original"]))
        change = np.abs(fake - real).max(2)
        assert 0.01 <= mask.mean() < 0.7
        # JPEG spreads a change over its block, no further: what is left outside is its rounding
        outside = np.quantile(change[~_grown(mask)], 0.99)
        assert np.quantile(change[mask], 0.99) > 3 * outside


def _grown(mask: np.ndarray, by: int = 16) -> np.ndarray:
    kernel = np.ones((2 * by + 1, 2 * by + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def test_both_classes_are_saved_with_qualities_of_one_distribution(raw):
    table = pd.read_csv(raw / "params.csv")
    assert table["quality"].between(94, 98).all() and table["quality"].nunique() > 2
    for path in sorted(raw.rglob("*.jpg")):
        with Image.open(path) as image:
            assert image.size == (SIZE, SIZE)
            assert all(name.startswith("jfif") for name in image.info)


def test_a_real_is_the_published_photograph_saved_once_more(raw):
    row = pd.read_csv(raw / "params.csv").iloc[0]
    images, _ = rendering.snapshots([row["seed"]], SIZE)
    again = encode_jpeg(Image.fromarray(images[0]), int(row["quality"]))
    assert (raw / row["path"]).read_bytes() == again


def build_a_pair_at_a_time(out: Path) -> None:
    synthfaces.CHUNK = 1
    synthfaces.build_raw(out, COUNT, SIZE, progress=False)


def test_processes_and_interruptions_change_no_byte(raw, tmp_path, monkeypatch, moments):
    out = tmp_path / "synthfaces"
    wanted = moments.integers(1, COUNT // 2)  # of the reals
    print(f"killed after {wanted} reals")
    victim = victims.start(build_a_pair_at_a_time, out)
    victims.wait_until(lambda: len(list(out.glob("real/*.jpg"))) >= wanted, victim)
    victims.kill(victim)
    assert not (out / "groups.csv").exists()
    monkeypatch.setattr(synthfaces, "CHUNK", 1)
    monkeypatch.setattr(synthfaces, "WORKERS", 10)  # too many for 8 steps: this process goes on
    synthfaces.build_raw(out, COUNT, SIZE, progress=False)
    assert contents(out) == contents(raw)


def test_a_complete_set_is_not_made_again(raw):
    before = {path: path.stat().st_mtime_ns for path in raw.rglob("*")}
    synthfaces.build_raw(raw, COUNT, SIZE, progress=False)
    assert {path: path.stat().st_mtime_ns for path in raw.rglob("*")} == before


def test_another_seed_is_another_set(raw, tmp_path):
    synthfaces.build_raw(tmp_path / "other", 2, SIZE, seed=1, progress=False)
    assert not set(contents(tmp_path / "other").values()) & set(contents(raw).values())


def test_mistakes_are_named(raw, tmp_path):
    with pytest.raises(UserError, match="count 1"):
        synthfaces.build_raw(tmp_path / "a", 1, SIZE)
    with pytest.raises(UserError, match="size 63"):
        synthfaces.build_raw(tmp_path / "a", 4, 63)
    with pytest.raises(UserError, match="size 256 is too large"):
        synthfaces.build_raw(tmp_path / "a", 4, 256)
    with pytest.raises(UserError, match="holds another set"):
        synthfaces.build_raw(raw, COUNT + 2, SIZE)
    assert not (tmp_path / "a").exists()


def test_the_version_follows_what_draws_and_not_the_interpreter(monkeypatch, tmp_path):
    synthfaces.version.cache_clear()
    before = synthfaces.version()
    other = tmp_path / "weights.safetensors"
    other.write_bytes(stylegan.WEIGHTS.read_bytes() + b"1")
    monkeypatch.setattr(stylegan, "WEIGHTS", other)
    synthfaces.version.cache_clear()
    assert len(before) == 12 and synthfaces.version() != before
    synthfaces.version.cache_clear()
