"""The embedded set: balanced, group-safe, saved alike, and the same after any interruption."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mesocore import embedded, pixels, sources, synthfaces
from mesocore.runtime import UserError, sha256_file

COUNT, SIZE = 32, 64


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("embedded") / "synthfaces"
    embedded.build_raw(out, COUNT, SIZE, progress=False)
    return out


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def quality_tables(path: Path) -> dict:
    with Image.open(path) as image:
        return image.quantization


def test_half_is_real_and_the_tables_name_every_file(raw):
    groups = pd.read_csv(raw / "groups.csv", dtype=str, keep_default_na=False)
    assert list(groups) == ["path", "group", "edit"]
    on_disk = {path for path in contents(raw) if path.endswith(".jpg")}
    assert set(groups["path"]) == on_disk == set(pd.read_csv(raw / "params.csv")["path"])
    fake = groups["path"].str.startswith("fake/")
    assert fake.sum() == COUNT // 2 == (~fake).sum()
    assert (groups["edit"][fake] != "").all() and (groups["edit"][~fake] == "").all()
    assert set("+".join(groups["edit"][fake]).split("+")) == set(embedded.EDITS)


def test_the_scanner_takes_it_whole_with_its_groups(raw):
    scan = sources.scan(raw)
    assert len(scan.candidates) == COUNT and scan.unlabelled == []
    assert all(candidate.group for candidate in scan.candidates)


def test_no_photograph_is_in_two_groups(raw):
    table = pd.read_csv(raw / "params.csv")
    donors = table.dropna(subset="donor_seed")[["group", "donor_seed"]]
    pairs = pd.concat([table[["group", "seed"]], donors.rename(columns={"donor_seed": "seed"})])
    assert pairs.groupby("seed")["group"].nunique().max() == 1


def test_some_originals_are_in_the_set_and_some_are_not(raw):
    table = pd.read_csv(raw / "params.csv", keep_default_na=False).set_index("path")
    fakes = table[table.index.str.startswith("fake/")]
    known = fakes["original"] != ""
    assert 0.2 < known.mean() < 0.8
    assert (table.loc[fakes["original"][known], "seed"].values == fakes["seed"][known]).all()
    assert not fakes["seed"][~known].isin(table["seed"][table.index.str.startswith("real/")]).any()


def test_both_classes_are_saved_alike(raw):
    for path in sorted((raw / "real").iterdir()):
        assert quality_tables(path) == quality_tables(raw / "fake" / path.name)


def test_a_real_is_the_photograph_saved_twice(raw):
    row = pd.read_csv(raw / "params.csv").iloc[0]
    image, _ = synthfaces.render([row["seed"]], SIZE)
    picture = Image.fromarray(image[0].permute(1, 2, 0).contiguous().numpy())
    first = Image.open(io.BytesIO(pixels.encode_jpeg(picture, int(row["camera_quality"]))))
    again = pixels.encode_jpeg(first, int(row["quality"]))
    assert (raw / row["path"]).read_bytes() == again


def test_fakes_differ_from_their_originals_where_the_face_is(raw):
    table = pd.read_csv(raw / "params.csv", keep_default_na=False)
    for _, row in table[table["original"] != ""].iterrows():
        fake, real = (
            np.asarray(Image.open(raw / row[c])).astype(int) for c in ("path", "original")
        )
        change = np.abs(fake - real).max(2)
        height = slice(int(max(row["face_y0"], 0)), int(row["face_y1"]) + 1)
        width = slice(int(max(row["face_x0"], 0)), int(row["face_x1"]) + 1)
        assert change[height, width].max() > 4
        assert change[:, :3].mean() < change[height, width].mean()


def test_processes_and_interruptions_change_no_byte(raw, tmp_path, monkeypatch):
    out = tmp_path / "synthfaces"
    code = (
        "import sys; from pathlib import Path; from mesocore import embedded; embedded.CHUNK = 3\n"
        f"embedded.build_raw(Path(sys.argv[1]), {COUNT}, {SIZE}, progress=False)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(out)], start_new_session=True)
    deadline = time.monotonic() + 120
    while child.poll() is None and len(list(out.glob("real/*.jpg"))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not (out / "groups.csv").exists()
    monkeypatch.setattr(embedded, "CHUNK", 3)
    monkeypatch.setattr(embedded, "WORKERS", 10)  # too many for 6 steps: it goes on in this process
    embedded.build_raw(out, COUNT, SIZE, progress=False)
    assert contents(out) == contents(raw)


def test_a_complete_set_is_not_made_again(raw):
    before = {path: path.stat().st_mtime_ns for path in raw.rglob("*")}
    embedded.build_raw(raw, COUNT, SIZE, progress=False)
    assert {path: path.stat().st_mtime_ns for path in raw.rglob("*")} == before


def test_another_seed_is_another_set(raw, tmp_path):
    embedded.build_raw(tmp_path / "other", 2, SIZE, seed=1, progress=False)
    assert not set(contents(tmp_path / "other").values()) & set(contents(raw).values())


def test_mistakes_are_named(raw, tmp_path):
    with pytest.raises(UserError, match="count 1"):
        embedded.build_raw(tmp_path / "a", 1, SIZE)
    with pytest.raises(UserError, match="size 63"):
        embedded.build_raw(tmp_path / "a", 4, 63)
    with pytest.raises(UserError, match="holds another set"):
        embedded.build_raw(raw, COUNT + 2, SIZE)
    assert not (tmp_path / "a").exists()
