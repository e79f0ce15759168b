"""Recipes: what they draw, what they refuse, and the whole way from published layouts to a set."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mesocore.core.errors import UserError
from mesocore.data.assembly import convert, fetch, plan, recipe
from mesocore.data.assembly.assemble import assemble_recipe, load, merge
from mesocore.data.sources import ciplab
from tests.conftest import fill, picture
from tests.data.test_assemble import tree

RECIPES = recipe.PUBLISHED
CIPLAB = ("easy_1_1000", "easy_2_0110", "mid_3_1111", "hard_4_0001")


def small(**changes: str) -> recipe.Recipe:
    """The 150k recipe with 5 files a folder and 3 edits; everything else is as published."""
    text = (RECIPES / "150k.yaml").read_text()
    text = re.sub(r"files: (\d+)", lambda m: f"files: {4 if m[1] == '960' else 5}", text)
    text = text.replace("{real: 70000, fake: 70000}", "{real: 14, fake: 13}")
    text = text.replace("{real: 1081, fake: 960}", "{real: 5, fake: 4}")
    text = text.replace("quota: 7959", "quota: 3").replace("size: 256", "size: 64")
    for old, new in changes.items():
        text = text.replace(old.replace("__", ": "), new)
    return recipe.parse(text, "small.yaml")


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> dict[str, Path]:
    """Stand-ins with the layouts of the archives, side files and second copies included."""
    root = tmp_path_factory.mktemp("published")
    first, faces = 0, root / "140k/real_vs_fake/real-vs-fake"
    for part in ("train", "valid", "test"):
        rows = []
        for number, label in enumerate(("fake", "real")):
            fill(faces / part / label, 5, first)
            first += 5
            rows += [{"original_path": "/kaggle/input/x.png", "id": path.stem, "label": number,
                      "label_str": label, "path": f"{part}/{label}/{path.name}"}
                     for path in sorted((faces / part / label).iterdir())]  # fmt: skip
        pd.DataFrame(rows).to_csv(root / f"140k/{part}.csv")
    fill(root / "ciplab/real_and_fake_face/training_real", 5, 100)
    fakes = root / "ciplab/real_and_fake_face/training_fake"
    fakes.mkdir()
    for seed, name in enumerate(CIPLAB):
        picture(200 + seed, 120).save(fakes / f"{name}.jpg")
    again = root / "ciplab/real_and_fake_face_detection/real_and_fake_face"
    shutil.copytree(root / "ciplab/real_and_fake_face", again)
    return {name: root / name for name in ("140k", "ciplab")}


@pytest.fixture(scope="module")
def built(published, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("built") / "set"
    assemble_recipe(small(), out, published, progress=False)
    return out


def test_the_recipes_add_up():
    sizes = {}
    for path in RECIPES.glob("*.yaml"):
        one = recipe.read(path)
        sizes[one.name] = sum(sum(c.quota.values()) for c in one.sources)
        sizes[one.name] += one.edits.quota if one.edits else 0
        assert one.name == path.stem
    assert sizes == {"150k": 150_000, "mini": 1_500, "openforensics": 190_335}


def test_everything_is_drawn_labelled_and_accounted_for(built):
    made = load(built)
    assert made.counts["inputs"] == made.counts["accepted"] == 14 + 13 + 5 + 4 + 3
    sources = made.manifest.groupby(["source", "label"]).size().to_dict()
    assert sources == {("140k", "real"): 14, ("140k", "fake"): 13, ("ciplab", "real"): 5,
                       ("ciplab", "fake"): 4, ("edits", "fake"): 3}  # fmt: skip
    edit = made.manifest.set_index("origin")["edit"]
    place = "ciplab/real_and_fake_face/training_fake"
    assert edit[f"{place}/easy_2_0110.jpg"] == "easy+right eye+nose"
    assert edit[f"{place}/mid_3_1111.jpg"] == "mid+left eye+right eye+nose+mouth"
    assert set(edit[edit.index.str.match("140k/.*/fake/")]) == {"generated"}
    assert not made.manifest["origin"].str.contains("real_and_fake_face_detection").any()


def test_an_edit_its_original_and_its_donor_are_one_group(built, published):
    table = load(built).manifest.set_index("origin")
    edits = table[table["source"] == "edits"]
    assert (edits["edit"] != "").all()
    assert (table.groupby("group").size().sort_values() == [1] * 30 + [3] * 3).all()
    for origin, row in edits.iterrows():
        original = table.loc[origin.removeprefix("edits/")]
        assert original["group"] == row["group"] and original["split"] == row["split"]
        pixels = [np.asarray(Image.open(built / r["path"]), int) for r in (original, row)]
        assert np.abs(pixels[0] - pixels[1]).max() > 8  # it shows


def test_the_card_names_terms_and_numbers(built):
    card = (built / "README.md").read_text()
    for text in ("CC BY-NC-SA 4.0", "xhlulu/140k-real-and-fake-faces", "39 images, 19 real and 20",
                 "27 of 30 images drawn", json.loads((built / "assembly.json").read_text())
                 ["manifest_sha256"]):  # fmt: skip
        assert text in card, text


def test_a_draw_depends_on_the_seed_and_not_on_order(published):
    def origins(wanted):
        return [c.origin for c in plan.of_recipe(wanted, published).candidates]

    assert origins(small()) == origins(small()) != origins(small(seed__0="seed: 1"))


def test_shards_of_a_recipe_merge_into_the_same_set(built, published, tmp_path):
    for index in (3, 1, 2):
        assemble_recipe(small(), tmp_path / "set", published, shard=(index, 3))
    merge(tmp_path / "set")
    assert tree(tmp_path / "set") == tree(built)


def test_a_complete_set_needs_no_sources(built, published, monkeypatch):
    monkeypatch.setattr(fetch, "_download", None)
    assert assemble_recipe(small(), built).already_complete
    with pytest.raises(UserError, match="another recipe"):
        assemble_recipe(small(**{"# FFHQ": "# Its FFHQ"}), built)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("seed: 0", "", "seed is missing"),
     ("seed: 0", "seed: -1", "seed is -1"),
     ("seed: 0", "seed: 0\nseeds: 1", "seeds is no key"),
     ("val: 0.1", "val: 0.2", "split does not sum to 1"),
     ("size: 256", "size: 250", "preparation.size is 250"),
     ("quality: 90", "quality: 99", "preparation does not work: JPEG quality 99"),
     ("kaggle: ciplab/", "kaggle: ", r"sources\.ciplab\.kaggle is"),
     ("training_real, label: real", "training_real, label: yes", r"ciplab\.folders\[0\]\.label"),
     ("path: real_and_fake_face/training_real", "path: ../x", r"folders\[0\]\.path is '\.\./x'"),
     ("fake: 960}", "fake: 961}", r"sources\.ciplab\.quota\.fake is 961; the collection has 960"),
     ("quota: 7959", "quota: 40000", "edits.quota is 40000"),
     ("of: 140k", "of: 141k", "edits.of is '141k'; name a collection: 140k, ciplab"),
     ("nose: [0.50, 0.61]", "nose: [0.50, 61]", r"edits\.face\.nose is \[0\.5, 61\]"),
     ("name: 150k", "name: [", "is not YAML"),
     ("name: 150k", 'name: "150\\0k"', "name is .* a character that cannot be printed"),
     ("gigabytes: 4.1", "gigabytes: much", r"sources\.140k\.gigabytes is 'much'; write a number"),
     ("kaggle: ciplab/", "kaggle: ", "write OWNER/NAME"),
     ("gigabytes: 0.5", "gigabytes: 0.5\n    name: ciplab", r"sources\.ciplab\.name is no key"),
     ("gigabytes: 0.5", "gigabytes: 0.5\n    sha256: abc", "write 64 hexadecimal digits"),
     ("  ciplab:\n", "  edits:\n", r"sources\.edits is no name for a collection"),
     ("fake: 960}", "maybe: 960}", r"sources\.ciplab\.quota\.maybe is 'maybe'; write real or fake"),
     ("seed: 0", "seed: 0\nthe file: x", "'the file' is no key")],
)  # fmt: skip
def test_a_mistake_in_a_recipe_is_named(old, new, message):
    text = (RECIPES / "150k.yaml").read_text()
    assert old in text
    with pytest.raises(UserError, match=f"^mine.yaml(:| ).*{message}"):
        recipe.parse(text.replace(old, new), "mine.yaml")


def test_missing_files_and_a_wrong_index_are_named(published, tmp_path):
    folder = tmp_path / "140k"
    shutil.copytree(published["140k"], folder)
    collection = small().sources[0]
    fetch.check(collection, folder)
    lost = next((folder / "real_vs_fake/real-vs-fake/valid/fake").iterdir())
    lost.rename(lost.with_suffix(".png"))
    with pytest.raises(UserError, match=f"valid.csv lists valid/fake/{lost.name} as fake"):
        fetch.check(collection, folder)
    lost.with_suffix(".png").unlink()
    with pytest.raises(UserError, match="valid/fake has 4 files, the recipe expects 5"):
        fetch.check(collection, folder)


def test_a_zip_is_unpacked_once_and_its_sum_checked(published, tmp_path):
    zipped = Path(shutil.make_archive(str(tmp_path / "ciplab"), "zip", published["ciplab"]))
    collection = small().sources[1]
    folder = fetch.obtain(collection, {"ciplab": zipped}, tmp_path / "set")
    assert tree(folder) == tree(published["ciplab"])
    before = folder.stat().st_mtime_ns
    assert fetch.obtain(collection, {"ciplab": zipped}, tmp_path / "set") == folder
    assert folder.stat().st_mtime_ns == before
    known = recipe.Collection(**(vars(collection) | {"sha256": "0" * 64}))
    with pytest.raises(UserError, match="is not the archive that the recipe knows"):
        fetch.obtain(known, {"ciplab": zipped}, tmp_path / "set")


@pytest.mark.parametrize("name", ["../outside.jpg", "/outside.jpg", "a/../../outside.jpg",
                                  "..\\outside.jpg", "C:/outside.jpg"])  # fmt: skip
def test_an_archive_cannot_leave_its_folder(name, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("fine.jpg", b"1")
        file.writestr(name, b"2")
    with pytest.raises(UserError, match="leaves the folder"):
        fetch.unpack(tmp_path / "x.zip", tmp_path / "in/out")
    assert not (tmp_path / "in/out").exists() and not list(tmp_path.rglob("outside.jpg"))


def test_links_bombs_torn_archives_and_full_disks_are_refused(tmp_path, monkeypatch):
    def zipped(name: str, member: zipfile.ZipInfo | str, content: bytes) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(member, content, zipfile.ZIP_DEFLATED)
        return tmp_path / name

    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    whole = zipped("whole.zip", "a.jpg", bytes(range(256)) * 40)
    torn = tmp_path / "torn.zip"
    torn.write_bytes(whole.read_bytes()[:-30])
    monkeypatch.setattr(fetch, "_SLACK", 0)
    for file, message in ((zipped("link.zip", link, b"/etc"), "is a link"),
                          (zipped("bomb.zip", "zeros", bytes(2**22)), "grows beyond"),
                          (torn, "is no whole zip")):  # fmt: skip
        with pytest.raises(UserError, match=message):
            fetch.unpack(file, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    monkeypatch.setattr(fetch.files, "free_bytes", lambda _: 10)
    with pytest.raises(UserError, match="make room"):
        fetch.unpack(whole, tmp_path / "out")


def test_a_download_explains_account_network_and_room(published, tmp_path, monkeypatch):
    import kagglehub
    import requests
    from kagglehub import exceptions

    collection, asked = small().sources[1], []
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setattr(
        kagglehub, "dataset_download", lambda handle: asked.append(handle) or published["ciplab"]
    )
    assert fetch.obtain(collection, {}, tmp_path / "set") == published["ciplab"]
    assert asked == ["ciplab/real-and-fake-face-detection"]
    for error, message in ((exceptions.UnauthenticatedError(), "Kaggle account.*data/README.md"),
                           (exceptions.KaggleApiHTTPError("403"), "accepted its terms"),
                           (requests.ConnectionError("no route"), "cannot be reached"),
                           (exceptions.DataCorruptionError(), "damaged")):  # fmt: skip

        def fail(_, error=error):
            raise error

        monkeypatch.setattr(kagglehub, "dataset_download", fail)
        with pytest.raises(UserError, match=message):
            fetch.obtain(collection, {}, tmp_path / "set")
    monkeypatch.setattr(fetch.files, "free_bytes", lambda _: 10**8)
    with pytest.raises(UserError, match=r"takes 1\.0 GB .* KAGGLEHUB_CACHE"):
        fetch.obtain(collection, {}, tmp_path / "set")


def test_sources_on_disk_are_named_by_their_collection(tmp_path):
    assert fetch.parse_given(["a=/x=y"], ["a"]) == {"a": Path("/x=y")}
    for text in ("a", "b=/x", "a="):
        with pytest.raises(UserError, match="write NAME=FOLDER"):
            fetch.parse_given([text], ["a"])
    with pytest.raises(UserError, match="no such folder or zip"):
        fetch.obtain(small().sources[0], {"140k": tmp_path / "nothing"}, tmp_path / "set")


@pytest.mark.parametrize(("name", "edit"), [("easy_10_1000.jpg", "easy+left eye"),
                                            ("hard_10_0101.JPG", "hard+right eye+mouth"),
                                            ("mid_1_0000.jpg", "mid"), ("fake_7.jpg", ""),
                                            ("easy_1_111.jpg", "")])  # fmt: skip
def test_part_digits(name, edit):
    assert ciplab.edit(name) == edit


def test_an_edit_of_a_broken_photograph_is_rejected(published, tmp_path):
    candidates = plan.of_recipe(small(), published).candidates
    edit = next(c for c in candidates if c.retouch)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    broken = plan.replace(edit, path=str(bad))
    record = convert.convert_file(broken, tmp_path, small().preparation)
    assert record["reason"] == "not an image" and "edit" not in record


def test_a_recipe_of_the_package_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recipe.find("mini.yaml") == recipe.PUBLISHED / "mini.yaml"
    assert recipe.find("other.yaml") == Path("other.yaml")
    assert recipe.find("sub/mini.yaml") == Path("sub/mini.yaml")
    (tmp_path / "mini.yaml").write_text("mine")
    assert recipe.find("mini.yaml") == Path("mini.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: " + "[" * 5000 + "]" * 5000, "more than 20 deep"),
        ("- " * 5000, "more than 20 deep"),
        ("seed: " + "9" * 5000, "too long for a number"),
        ("seed: " + "1:" * 3000 + "1", "too long for a number"),
        ("seed: 0x" + "f" * 5000, "too long for a number"),
        ("date: 2024-99-99", "is not YAML"),
        ("a: &a [x, x]\nb: [*a, *a]", "repeats a part as \\*a"),
        ("a: b\n" * 30_000, "larger than 100 kB"),
    ],
    ids=["flow", "block", "number", "base-60", "hexadecimal", "date", "alias", "long"],
)
def test_yaml_that_would_exhaust_the_machine_is_one_line(text, said):
    with pytest.raises(UserError, match=said) as caught:
        recipe.parse(text, "own.yaml")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_recipe_is_a_file():
    with pytest.raises(UserError, match="recipe /dev/zero is no file"):
        recipe.read(Path("/dev/zero"))


def test_a_folder_is_named_once():
    text = (RECIPES / "150k.yaml").read_text()
    path = re.search(r"path: ([^,}]+)", text)[1]
    other = re.findall(r"path: ([^,}]+)", text)[1]
    with pytest.raises(UserError, match="names the folder .* twice: name each folder once"):
        recipe.parse(text.replace(f"path: {other},", f"path: ./{path},"), "own.yaml")


def test_a_face_has_two_eyes():
    text = (RECIPES / "150k.yaml").read_text()
    with pytest.raises(UserError, match="has both eyes at"):
        recipe.parse(text.replace("right_eye: [0.63, 0.47]", "right_eye: [0.37, 0.47]"), "own.yaml")
