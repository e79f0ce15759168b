"""The final project: every flaw shows with public tools, and cards are marked as they deserve."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from scipy import stats

from mesocore import UserError, data, nets
from mesocore.course.flawed_sets import hash_bits
from mesocore.course.project import (
    CANNOT_BE_SAID,
    CATALOGUE,
    cases,
    catalogue,
    marking,
    measuring,
    photographs,
)
from mesocore.course.project.cases import Case, make_case
from mesocore.data.auditing import leakage, shortcuts, trivial_features
from mesocore.evaluation import metrics
from mesocore.evaluation.prediction import Verdict

SEED = 0
FLAWS = list(CATALOGUE)


class Detective:
    """What a reader can find out with the tools of the chapters, without `measuring`."""

    def __init__(self, case: Case):
        self.case, self.set, self.table = case, case.set, case.set.rows()
        self.detector = nets.load_detector(case.folder / "detector")
        self.parts = {name: data.load(self.set, name, 64) for name in ("train", "val", "test")}
        self.fake = {name: part.labels.numpy() for name, part in self.parts.items()}
        score = {n: self.detector.probabilities(p.images) for n, p in self.parts.items()}
        self.auc = metrics.point_metrics(self.fake["train"], score["train"], 0.5)["roc_auc"]
        self.score = {n: 1 - s if self.auc < 0.5 else s for n, s in score.items()}
        self.threshold = metrics.fit_threshold(self.fake["val"], self.score["val"])

    def flaws(self) -> dict[str, float]:
        """Name -> evidence, of what is found."""
        found = {}
        groups = self.table.groupby("group")
        test = self.table[self.table["split"] == "test"]
        train = self.table[self.table["split"] == "train"]
        relatives = int(test["group"].isin(set(train["group"])).sum())
        twice = leakage.check(self.set.folder, self.table).findings
        mixed = int((groups["label"].nunique() > 1).sum())
        claimed = pd.DataFrame(self.case.claims["pictures"]).T
        listed = pd.crosstab(self.table["split"], self.table["label"])
        missing = int((claimed - listed).to_numpy().sum())
        header = self.header()
        model = self.detector.model
        shared, still = self.shared_channels(), self.still_blocks()
        zeros = nets.pruning.sparsity(model).loc["all", "share"]
        for name, value, shows in (
            ("leak", relatives, relatives > 0),
            ("copies", twice.get(measuring.NEAR, {"number": 0})["number"], measuring.NEAR in twice),
            ("labels", mixed, mixed > 0),
            ("shortcut", header, header > 0.75),
            ("counts", missing, missing != 0),
            ("shared norm", shared, shared > 0),
            ("empty squeeze", still, still > 0),
            ("masks", zeros, abs(zeros - self.case.claims["sparsity"]) > 0.02),
            ("threshold", self.threshold, abs(self.threshold - self.detector.threshold) > 0.02),
            ("verdict", self.auc, self.auc < 0.5),
            ("parameters", nets.parameter_count(model),
             nets.parameter_count(model) != self.case.claims["parameters"]),
        ):  # fmt: skip
            if shows:
                found[name] = value
        return found

    def header(self) -> float:
        facts = self.set.originals().set_index("origin").loc[self.table["origin"]]
        features = trivial_features.header_features(facts.set_axis(self.table.index))
        return shortcuts.scores({"header": features}, self.table, 0, "all")[0].auc

    def shared_channels(self) -> int:
        state = self.detector.model.state_dict()
        norms = [name.removesuffix("running_mean") for name in state if "running_mean" in name]
        kept = ("weight", "bias", "running_mean", "running_var")
        rows = [{tuple(row) for row in torch.stack([state[n + k] for k in kept], 1).tolist()}
                for n in norms]  # fmt: skip
        return max(len(a & b) for a, b in combinations(rows, 2))

    def still_blocks(self) -> int:
        gates = []
        kind = nets.layers.SqueezeExcitation
        hooks = [m.register_forward_hook(lambda m, x, _: gates.append(m.gate(x[0])))
                 for m in self.detector.model.modules() if isinstance(m, kind)]  # fmt: skip
        with torch.inference_mode():
            self.detector.model(self.parts["test"].images)
        for hook in hooks:
            hook.remove()
        return sum(float(gate.std(0).max()) < 1e-4 for gate in gates)

    def accuracy(self, found: dict) -> object:
        """95 % interval (Clopper and Pearson) on what is sound of the test split."""
        if "shortcut" in found:
            return CANNOT_BE_SAID
        groups = self.table.groupby("group")
        alone = (groups["split"].nunique() == 1) & (groups["label"].nunique() == 1)
        bits = hash_bits(self.table["phash"])
        split = self.table["split"].to_numpy()
        near = (bits[split == "test"][:, None] != bits[split != "test"][None]).sum(2).min(1) <= 6
        test = self.parts["test"].table
        relative = ~test["group"].map(alone).to_numpy(bool)
        right = (self.score["test"] >= self.threshold) == self.fake["test"]
        # relatives look alike as well
        kept = right[~relative & ~near]
        found = stats.binomtest(int(kept.sum()), len(kept)).proportion_ci(0.95, "exact")
        return [found.low, found.high]

    def card(self) -> dict:
        found = self.flaws()
        flaws = {name: {"value": value, "how": "counted or fitted once more from the files"}
                 for name, value in found.items()}  # fmt: skip
        return {"flaws": flaws, "accuracy": self.accuracy(found)}


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Cases by their flaws, each made once."""
    made = {}

    def one(*flaws: str) -> Case:
        if flaws not in made:
            made[flaws] = cases.write(SEED, flaws, tmp_path_factory.mktemp("case") / "case")
        return made[flaws]

    return one


def perfect(case: Case) -> dict:
    return Detective(case).card()


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_shows_with_public_tools_and_nothing_else_does(make, flaw):
    case = make(flaw)
    card = perfect(case)
    assert list(card["flaws"]) == [flaw]
    found = marking.mark(card, case, (flaw,))
    assert (found.points, found.passed) == (found.total, True), str(found)


def test_a_sound_case_shows_nothing_and_its_claim_is_reproduced(make):
    case = make()
    detective = Detective(case)
    assert detective.flaws() == {}
    right = (detective.score["test"] >= detective.threshold) == detective.fake["test"]
    assert right.sum() == case.claims["accuracy"]["right"]
    assert len(right) == case.claims["accuracy"]["of"]


def test_flaws_that_stand_together_are_told_apart(make):
    case = make("leak", "copies", "labels", "threshold", "verdict", "masks", "empty squeeze")
    card = perfect(case)
    assert set(card["flaws"]) == {"leak", "copies", "labels", "threshold", "verdict", "masks",
                                  "empty squeeze"}  # fmt: skip


@pytest.mark.parametrize("card", [None, ..., {}, {"flaws": {}, "accuracy": None}])
def test_an_empty_card_is_not_attempted(make, card):
    found = marking.mark(card, make("leak"), ("leak",))
    assert not found.attempted and not found.passed and "not attempted" in str(found)


def test_a_card_that_names_everything_does_not_pass_and_learns_nothing(make):
    case = make("leak")
    flaws = {n: {"value": f(case), "how": "everything was measured"}
             for n, f in measuring.MEASURED.items()}  # fmt: skip
    found = marking.mark({"flaws": flaws, "accuracy": perfect(case)["accuracy"]}, case, ("leak",))
    assert not found.passed and found.points == 0 and found.false == len(FLAWS) - 1
    assert not any(name in str(found) for name in FLAWS)


def test_a_missed_flaw_is_counted_and_not_named(make):
    case = make("leak", "verdict")
    card = perfect(case)
    del card["flaws"]["verdict"]
    found = marking.mark(card, case, ("leak", "verdict"))
    assert found.missed == 1 and "1 flaw is missing" in str(found) and "verdict" not in str(found)


def test_a_false_accusation_costs_as_much_as_a_missed_flaw(make):
    case = make("leak", "verdict")
    card = perfect(case)
    full = marking.mark(card, case, ("leak", "verdict"))
    more = {**card["flaws"], "masks": {"value": 0.2, "how": "zeros were counted"}}
    accused = marking.mark({**card, "flaws": more}, case, ("leak", "verdict"))
    less = {"leak": card["flaws"]["leak"]}
    missed = marking.mark({**card, "flaws": less}, case, ("leak", "verdict"))
    assert full.points == full.total
    assert full.points - accused.points == full.points - missed.points == 3
    assert "masks" not in str(accused)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": 3, "how": "counted in the manifest"}, "another value"),
        ({"value": "12", "how": "counted in the manifest"}, "no number"),
        ({"value": None, "how": "counted in the manifest"}, "no number"),
        ({"value": 12, "how": ""}, "say in `how`"),
        ({"value": 12}, "say in `how`"),
    ],
)
def test_evidence_has_to_be_measured(make, change, says):
    case = make("leak")
    card = perfect(case)
    assert card["flaws"]["leak"]["value"] == 12
    card["flaws"]["leak"] = change
    found = marking.mark(card, case, ("leak",))
    assert found.points == found.total - 1 and says in str(found)


@pytest.mark.parametrize(
    ("accuracy", "says"),
    [
        (None, "missing"),
        (CANNOT_BE_SAID, "something can be said"),
        ([0.0, 1.0], "much wider"),
        ([0.2, 0.4], "does not hold"),
        ([0.9, 0.8], "two numbers in order"),
        (0.85, "two numbers in order"),
        ("good", "two numbers in order"),
        ([True, 2], "two numbers in order"),
    ],
)
def test_the_corrected_claim_has_to_hold(make, accuracy, says):
    case = make("leak")
    found = marking.mark({**perfect(case), "accuracy": accuracy}, case, ("leak",))
    assert found.points == found.total - 3 and says in str(found)


def test_of_a_shortcut_no_accuracy_can_be_said(make):
    case = make("shortcut")
    found = marking.mark({**perfect(case), "accuracy": [0.8, 0.95]}, case, ("shortcut",))
    assert found.points == found.total - 3 and "cannot say it" in str(found)


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("no such file.yaml", "cannot be read"),
        (7, "cannot be read"),
        ({"flaws": ["leak"], "accuracy": [0.8, 0.9]}, "no dictionary"),
        ({"flaws": {"lek": {"value": 1, "how": "counted"}}}, "no flaw is called 'lek'"),
        ({"flaws": {"leak": 12}}, "leak: write a dictionary"),
    ],
)
def test_a_card_that_is_no_card_gets_a_sentence(make, card, says):
    found = marking.mark(card, make("leak"), ("leak",))
    assert says in str(found) and not found.passed


def test_a_card_may_be_a_file_and_the_seed_has_the_truth(tmp_path, capsys):
    case = make_case(3, tmp_path / "case")
    card = perfect(case)
    plain = json.loads(json.dumps(card, default=float))
    for name, text in (("card.yaml", yaml.safe_dump(plain)), ("card.json", json.dumps(plain))):
        (tmp_path / name).write_text(text)
        found = marking.check(tmp_path / name, tmp_path / "case")
        assert found.passed and found.points == found.total, str(found)
    assert "points: passed" in capsys.readouterr().out
    assert set(card["flaws"]) == set(catalogue.planted(3))


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*")
            if p.is_file() and ".cache" not in p.parts}  # fmt: skip


def test_the_same_seed_gives_the_same_bytes_and_names_say_nothing(tmp_path):
    first, again = (make_case(5, tmp_path / name) for name in ("first", "again"))
    assert files(first.folder) == files(again.folder)
    other = make_case(6, tmp_path / "other")
    assert first.claims != other.claims
    text = " ".join(files(first.folder)) + " " + json.dumps(json.loads(
        (first.folder / "case.json").read_text())) + first.set.rows().to_csv()  # fmt: skip
    assert not any(name in text for name in ("leak", "copies", "shortcut", "masks", "flaw"))
    assert set(first.set.rows()["edit"]) == {""}


def test_seeds_plant_two_or_three_flaws_of_both_sides_and_use_all_of_the_catalogue():
    drawn = [catalogue.planted(seed) for seed in range(200)]
    assert {len(names) for names in drawn} == {2, 3}
    for names in drawn:
        assert {CATALOGUE[name].side for name in names} == {"data", "detector"}
    assert {name for names in drawn for name in names} == set(CATALOGUE) == set(measuring.MEASURED)
    with pytest.raises(UserError, match="negative"):
        catalogue.planted(-1)


def test_a_folder_in_use_and_one_without_a_case_are_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(UserError, match="not empty"):
        make_case(1, tmp_path)
    with pytest.raises(UserError, match="holds no case"):
        Case(tmp_path)


def test_alarms_are_counted_by_the_largest_face():
    verdicts = [Verdict("a", 1, verdict="fake"), Verdict("a", 2, verdict="fake"),
                Verdict("b", 1, verdict="real"), Verdict("c", None, verdict="unsure"),
                Verdict("d", error="no face was found")]  # fmt: skip
    found = photographs.count(verdicts)
    assert found == photographs.Alarms(real=1, fake=1, unsure=1, nothing=1)
    assert (found.asked, found.judged, found.share) == (4, 3, pytest.approx(1 / 3))


def test_intervals_of_alarms_are_wilsons_or_exact():
    none = photographs.Alarms(real=100)
    assert none.interval("exact") == pytest.approx((0, 1 - 0.025 ** (1 / 100)))
    assert none.interval() == pytest.approx((0, 0.0370), abs=1e-4)
    assert photographs.Alarms(nothing=3).interval() == (0, 1)
    assert photographs.Alarms(nothing=3).share is None
    with pytest.raises(UserError, match="no interval is called 'wald'"):
        none.interval("wald")


def test_the_card_of_photographs_says_what_is_not_answered():
    text = photographs.card("ours", photographs.Alarms(real=8, fake=2), ["me", "", "", ""])
    assert "20.0%" in text and "not answered" in text and "10 judged pictures say little" in text
    with pytest.raises(UserError, match="1 answers to 4"):
        photographs.card("ours", photographs.Alarms(), ["me"])
    assert np.isclose(photographs.Alarms(real=8, fake=2).share, 0.2)
