"""What the framing record asks: where faces are, and pairs whose faces are alike in size."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from experiments import cli
from experiments.measure import framing
from experiments.measure.framing import Pairs
from mesocore.core import runtime
from mesocore.data.assembly.assemble import assemble
from mesocore.faces import render


def test_size_and_place_are_those_of_the_largest_face(tmp_path):
    face = render([3], 256)[0][0].permute(1, 2, 0).numpy()
    wide = np.full((512, 512, 3), 127, np.uint8)
    wide[200:456, 230:486] = face
    for name, pixels in (("tight", face), ("wide", wide), ("none", wide[:190, :190])):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    tight, wide, none = (framing.framing(str(tmp_path / f"{name}.png"))
                         for name in ("tight", "wide", "none"))  # fmt: skip
    assert wide["log size"] - tight["log size"] == pytest.approx(np.log(2), abs=0.05)
    assert wide["x"] == pytest.approx((230 + 256 * tight["x"]) / 512, abs=0.02)
    assert tight["faces"] == 1 and set(none.values()) == {0.0}


def test_pairs_of_like_size_do_not_reward_a_look_at_the_size():
    rng = np.random.default_rng(0)
    fake = rng.random(600) < 0.5
    size = np.where(fake, 0.4, 0.7) + rng.normal(0, 0.15, 600)
    honest = fake + rng.normal(0, 0.7, 600)
    pairs = Pairs(fake, size, np.arange(600))
    assert pairs.share(-size)["value"] < 0.61 < 0.9 < roc_auc_score(fake, -size)
    found = pairs.share(honest, honest)
    assert found["low"] < 0.84 < found["high"] and 0.8 < found["value"] < 0.88
    better = pairs.difference([honest], [-size])
    assert better["low"] > 0.1 and better["value"] == pytest.approx(
        found["value"] - pairs.share(-size)["value"]
    )


def test_alarms_count_every_real_once():
    table = pd.DataFrame(
        {"log size": np.log([1.2, 1.6, 2, 3, 1]), "label": ["real"] * 4 + ["fake"]}
    )
    rows = framing.alarms(table, np.array([1, 0, 0, 0, 1.0]))
    assert [row["reals"] for row in rows] == [1, 1, 1, 1]
    assert [row["called_fake"] for row in rows] == [1, 0, 0, 0]


def framed(folder, seeds, fake_larger: bool):
    """Drawn faces, fakes in tighter crops if asked for."""
    images, _ = render(seeds, 128)
    for n, image in enumerate(images):
        label = "fake" if n % 2 else "real"
        pixels = image.permute(1, 2, 0).numpy()
        if not (label == "fake" and fake_larger):
            pixels = np.pad(pixels, ((24, 24), (24, 24), (0, 0)), mode="edge")
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / label / f"{seeds[n]}.png")
    assemble([folder], folder.parent / f"{folder.name}-set", size=64, split=(0.5, 0.25, 0.25),
             progress=False)  # fmt: skip
    return folder.parent / f"{folder.name}-set"


def test_the_record_says_what_framing_gives_away(tmp_path, monkeypatch):
    from mesocore.training import TrainConfig, train

    own = framed(tmp_path / "own", range(48), True)
    other = framed(tmp_path / "other", range(100, 130), False)
    runs = [str(tmp_path / f"run-{seed}") for seed in (0, 1)]
    for seed, run in enumerate(runs):
        train(TrainConfig("meso4", str(own), epochs=1, size=64, batch_size=8, seed=seed), run)
    monkeypatch.setattr(runtime, "project_root", lambda: tmp_path)
    assert cli.main(["framing", *runs, str(own), "--outside", str(other)]) == 0
    text = (tmp_path / "results/real/own-set-framing.json").read_text()
    sets = json.loads(text)["sets"]
    assert sets["own-set"]["size_alone"] > 0.9 > 0.8 > sets["other-set"]["size_alone"]
    model = sets["other-set"]["models"]["meso4"]
    assert sum(part["reals"] for part in model["reals_by_size"]) == 15
    assert model["alike"]["low"] <= model["alike"]["value"] <= model["alike"]["high"]
    assert ".jpg" not in text
