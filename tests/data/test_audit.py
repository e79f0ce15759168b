"""The audits: planted shortcuts and planted leaks are found, a matched set passes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from mesocore.core.errors import UserError
from mesocore.data.assembly.assemble import assemble
from mesocore.data.auditing import shortcuts, trivial_features
from mesocore.data.auditing.audit import audit, trivial_baseline
from mesocore.data.auditing.report import HEADER_LIMIT, PIXEL_LIMIT
from tests.conftest import fill, picture

COUNT = 40


def assembled(source: Path, **options) -> Path:
    out = source.parent / "set"
    assemble([source], out, **{"size": 64, "progress": False, "workers": 1, **options})
    return out


def edit_manifest(folder: Path, change) -> None:
    table = pd.read_csv(folder / "manifest.csv", keep_default_na=False)
    change(table)
    table.to_csv(folder / "manifest.csv", index=False)


@pytest.fixture
def matched(tmp_path) -> Path:
    fill(tmp_path / "faces/real", COUNT)
    fill(tmp_path / "faces/fake", COUNT, first=1000)
    return tmp_path / "faces"


def auc(scores: list, family: str, scope: str = "all") -> float:
    return next(s.auc for s in scores if (s.family, s.scope) == (family, scope))


def test_a_matched_set_passes(matched):
    report = audit(assembled(matched))
    assert report.passed and report.exit_code == 0 and not report.notes
    families = {"header", "colour", "spectrum", "together"}
    assert {s.family for s in report.before} == {s.family for s in report.after} == families
    assert all(s.low <= s.auc <= s.high and s.images == 2 * COUNT for s in report.after)
    assert report.to_text().splitlines()[-1] == "passed"
    assert json.loads(json.dumps(report.to_dict()))["passed"] is True


def test_png_against_jpeg_is_reported_as_such(tmp_path):
    fill(tmp_path / "faces/real", COUNT, suffix="png")
    fill(tmp_path / "faces/fake", COUNT, first=1000)
    report = audit(assembled(tmp_path / "faces"))
    assert report.exit_code == 4 and not report.leaked
    assert auc(report.before, "header") > 0.99
    text = report.to_text()
    assert "real is 100% PNG" in text and "fake is 100% JPEG" in text
    assert "not the compression and resizing history" in text
    raw = audit(tmp_path / "faces")
    assert raw.exit_code == 4 and raw.after is None and raw.leakage is None
    assert "real is 100% PNG" in raw.to_text()


def test_one_class_enlarged_shows_in_the_spectrum_after_matching(tmp_path):
    fill(tmp_path / "faces/real", COUNT, size=128, suffix="png")
    (tmp_path / "faces/fake").mkdir()
    for seed in range(1000, 1000 + COUNT):
        image = picture(seed, 80).resize((128, 128))
        image.save(tmp_path / f"faces/fake/{seed}.png")
    report = audit(assembled(tmp_path / "faces", size=128))
    assert auc(report.after, "spectrum") > PIXEL_LIMIT and report.exit_code == 4
    assert any(text.startswith("spectrum after matching") for text in report.failures)


def test_one_class_tinted_shows_in_colour_and_names_the_feature(tmp_path):
    fill(tmp_path / "faces/real", COUNT)
    (tmp_path / "faces/fake").mkdir()
    for seed in range(1000, 1000 + COUNT):
        tinted = np.asarray(picture(seed)) // [1, 1, 2]
        Image.fromarray(tinted.astype(np.uint8)).save(tmp_path / f"faces/fake/{seed}.jpg")
    report = audit(assembled(tmp_path / "faces"))
    sentence = next(t for t in report.failures if t.startswith("colour after matching"))
    assert report.exit_code == 4 and "by itself blue" in sentence


def test_a_shortcut_inside_one_source_is_found(matched, tmp_path):
    fill(tmp_path / "more/real", COUNT, first=3000, suffix="png")
    fill(tmp_path / "more/fake", COUNT, first=4000)
    fill(tmp_path / "third/fake", 5, first=5000)
    sources = [matched, tmp_path / "more", tmp_path / "third"]
    assemble(sources, tmp_path / "set", size=64, progress=False)
    report = audit(tmp_path / "set")
    assert auc(report.before, "header", "more") > 0.99 > auc(report.before, "header", "faces")
    assert {s.scope for s in report.before} == {"all", "faces", "more"}
    assert any(text.startswith("third has only fake images") for text in report.notes)


def test_generated_and_edited_fakes_are_scored_apart(tmp_path):
    fill(tmp_path / "faces/real", COUNT)
    fill(tmp_path / "faces/fake", 2 * COUNT, first=1000)
    names = [f"{seed:05d}.jpg" for seed in range(1000, 1000 + 2 * COUNT)]
    kinds = ["generated", "splice+heal"] * COUNT
    for name, kind in zip(names, kinds, strict=True):
        if kind == "generated":
            darker = picture(int(name[:5])).point(lambda value: value // 3)
            darker.save(tmp_path / "faces/fake" / name)
    rows = [f"fake/{name},{name},{kind}" for name, kind in zip(names, kinds, strict=True)]
    (tmp_path / "faces/groups.csv").write_text("\n".join(["path,group,edit", *rows]))
    report = audit(assembled(tmp_path / "faces"))
    assert auc(report.after, "colour", "generated") > 0.95
    assert auc(report.after, "colour", "edited") < 0.75
    assert {s.scope for s in report.after} == {"all", "generated", "edited"}


def test_groups_crossing_splits_are_a_leak(matched):
    folder = assembled(matched)

    def cross(table):
        table.loc[0, "split"], table.loc[1, "split"] = "train", "test"
        table.loc[1, "group"] = table.loc[0, "group"]

    edit_manifest(folder, cross)
    report = audit(folder)
    assert report.exit_code == 8
    assert set(report.leakage.findings) == {"groups in more than one split"}


def test_copies_and_near_copies_crossing_splits_are_leaks(matched):
    folder = assembled(matched)
    table = pd.read_csv(folder / "manifest.csv", keep_default_na=False)
    train, test = (table[table["split"] == name].iloc[0] for name in ("train", "test"))
    shutil.copy(folder / train["path"], folder / test["path"])
    found = audit(folder).leakage.findings
    assert found["identical images in more than one split"]["number"] == 1
    assert found["images whose content is not what the manifest says"]["examples"] == [test["path"]]
    Image.open(folder / train["path"]).save(folder / test["path"], quality=60)
    found = audit(folder).leakage.findings
    assert found["near-duplicates in more than one split"]["number"] == 1
    assert "identical images in more than one split" not in found


def test_missing_unlisted_and_ruined_files_are_named(matched):
    folder = assembled(matched)
    table = pd.read_csv(folder / "manifest.csv", keep_default_na=False)
    (folder / table.loc[0, "path"]).unlink()
    ruined = [table[table["split"] == name].iloc[2]["path"] for name in ("train", "test")]
    for path in ruined:
        (folder / path).write_text("ruined")
    picture(1).save(folder / "images/real/stranger.jpg")
    report = audit(folder)
    assert report.exit_code == 8
    findings = {what: sorted(found["examples"]) for what, found in report.leakage.findings.items()}
    assert findings == {
        "listed images that are missing": [table.loc[0, "path"]],
        "images whose content is not what the manifest says": sorted(ruined),
        "images that the manifest does not list": ["images/real/stranger.jpg"],
    }
    assert "stranger.jpg" in report.to_text()


def test_shortcut_and_leak_together(tmp_path):
    fill(tmp_path / "faces/real", COUNT, suffix="png")
    fill(tmp_path / "faces/fake", COUNT, first=1000)
    folder = assembled(tmp_path / "faces")
    picture(1).save(folder / "images/real/stranger.jpg")
    report = audit(folder)
    assert report.exit_code == 12 and report.to_text().endswith("FAILED: shortcut and leak")


def test_originals_that_are_gone_leave_the_recorded_header(tmp_path):
    fill(tmp_path / "faces/real", COUNT, suffix="png")
    fill(tmp_path / "faces/fake", COUNT, first=1000)
    folder = assembled(tmp_path / "faces")
    present = audit(folder)
    shutil.rmtree(tmp_path / "faces")
    report = audit(folder)
    assert {s.family for s in report.before} == {"header"}
    assert auc(report.before, "header") == auc(present.before, "header")
    assert any("80 of 80 originals cannot be read any more" in note for note in report.notes)


def test_sampling_is_seeded_and_said(matched):
    folder = assembled(matched)
    report = audit(folder, sample=30)
    assert report.after[0].images == 60
    assert "30 of 40 real images were drawn with seed 0" in report.to_text()
    assert report.to_dict() == audit(folder, sample=30).to_dict()
    assert report.to_dict() != audit(folder, sample=30, seed=1).to_dict()


def test_what_cannot_be_audited_is_one_line(matched, tmp_path):
    fill(tmp_path / "few/real", 3)
    fill(tmp_path / "few/fake", 3, first=50)
    (tmp_path / "empty").mkdir()
    for folder, message in (
        (tmp_path / "few", "too few images to audit: 3"),
        (tmp_path / "empty", "no real image in"),
        (tmp_path / "nowhere", "nowhere is not a folder"),
    ):
        with pytest.raises(UserError, match=message):
            audit(folder)
    with pytest.raises(UserError, match="is no assembled set"):
        trivial_baseline(matched)


def test_the_trivial_baseline_is_scored_on_other_images(tmp_path):
    fill(tmp_path / "faces/real", COUNT)
    fill(tmp_path / "faces/fake", COUNT, first=1000, quality=5)
    folder = assembled(tmp_path / "faces")
    result = trivial_baseline(folder)
    assert list(result) == [*trivial_features.FAMILIES, "together"]
    assert result["together"] > 0.9
    edit_manifest(folder, lambda t: t.update({"split": t["split"].replace("test", "train")}))
    assert trivial_baseline(folder) == {}


def test_the_trivial_baseline_is_scored_on_another_set(tmp_path):
    found = {}
    for name, first, quality in (("own", 0, 5), ("alike", 5000, 5), ("other", 7000, 75)):
        fill(tmp_path / name / "real", COUNT, first)
        fill(tmp_path / name / "fake", COUNT, first + 1000, quality=quality)
        found[name] = tmp_path / f"set-{name}"
        assemble([tmp_path / name], found[name], size=64, progress=False, workers=1)
    own = found["own"]
    assert trivial_baseline(own, "test", own) == trivial_baseline(own)
    assert trivial_baseline(own, "all", found["alike"])["together"] > 0.9
    assert trivial_baseline(own, "all", found["other"])["together"] < 0.8


def test_spectrum_finds_a_wave_where_it_is():
    x = np.arange(128)
    wave = 127 + 60 * np.sin(2 * np.pi * 0.25 * x)[None].repeat(128, axis=0)
    image = Image.fromarray(wave.astype(np.uint8)).convert("RGB")
    features = trivial_features.spectrum_features(image)
    assert len(features) == trivial_features.BINS
    assert max(features, key=features.get) == "0.250 cycles/px"


def test_weighted_auc_is_scikit_learns():
    generator = np.random.default_rng(0)
    fake, score = generator.integers(0, 2, 300), generator.integers(0, 40, 300)
    weight = generator.integers(0, 4, 300)
    rank = np.unique(score, return_inverse=True)[1]
    ours = shortcuts._auc(rank, weight * fake, weight * (1 - fake))
    assert ours == pytest.approx(roc_auc_score(fake, score, sample_weight=weight), abs=1e-12)


def test_real_faces_of_one_history_have_no_header_shortcut(real_faces):
    report = audit(real_faces / "openforensics")
    assert auc(report.before, "header") <= HEADER_LIMIT
