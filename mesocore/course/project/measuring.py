"""What the checker measures in a case: the evidence for each flaw, and what the detector is worth.

It reads the files of the case, as a reader does. Only what is known of the seed (which flaws there
are) comes from elsewhere, and it is not used here.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from scipy import stats
from torch import nn

from mesocore.course.flawed_sets import hash_bits
from mesocore.course.project import pictures
from mesocore.course.project.cases import Case
from mesocore.data import load
from mesocore.data.auditing import leakage, shortcuts, trivial_features
from mesocore.evaluation import metrics
from mesocore.nets import parameter_count, pruning
from mesocore.nets.layers import Attention

NEAR = "near-duplicates in more than one split"
NEAR_BITS = 6  # of 64, in which the hashes of near-copies differ at most
STILL = 1e-4  # standard deviation of a gate below which it is the same for every picture
OTHERS = tuple(range(1000, 1040))  # people of whom no case has a picture


@dataclass(frozen=True)
class Worth:
    """What a detector that is read rightly is worth: `right` of `of` clean test pictures, and
    `outside` of `asked` pictures of other people."""

    right: int
    of: int
    outside: int
    asked: int

    @property
    def interval(self) -> tuple[float, float]:
        """99 % interval of the accuracy outside, which is itself an estimate."""
        return wilson(self.outside, self.asked, 0.99)

    @property
    def width(self) -> float:
        """Of the 95 % interval that the clean test pictures give."""
        low, high = wilson(self.right, self.of)
        return high - low


def wilson(right: int, of: int, share: float = 0.95) -> tuple[float, float]:
    """The interval of a share: Wilson, JASA 1927. (0, 1) of nothing."""
    if not of:
        return 0.0, 1.0
    found = stats.binomtest(right, of).proportion_ci(share, "wilson")
    return float(found.low), float(found.high)


def leak(case: Case) -> float:
    """Test pictures with a relative in training."""
    table = case.set.rows()
    known = set(table["group"][table["split"] == "train"])
    return float(table["group"][table["split"] == "test"].isin(known).sum())


@functools.lru_cache(maxsize=16)  # a case is read once
def copies(case: Case) -> float:
    """Pairs of near-duplicates across splits, as the audit finds them."""
    found = leakage.check(case.set.folder, case.set.rows()).findings
    return float(found.get(NEAR, {"number": 0})["number"])


def labels(case: Case) -> float:
    """Groups with both labels."""
    return float((case.set.rows().groupby("group")["label"].nunique() > 1).sum())


def shortcut(case: Case) -> float:
    """ROC AUC of the header, as the audit measures it."""
    table = case.set.rows()
    facts = case.set.originals().set_index("origin").loc[table["origin"]].set_axis(table.index)
    header = trivial_features.header_features(facts)
    return shortcuts.scores({"header": header}, table, 0, "all")[0].auc


def counts(case: Case) -> float:
    """Pictures claimed minus pictures listed."""
    claimed = sum(sum(of.values()) for of in case.claims["pictures"].values())
    return float(claimed - len(case.set.rows()))


def shared_norm(case: Case) -> float:
    """Channels that two BatchNorm layers have in common."""
    norms = [m for m in case.detector.model.modules() if isinstance(m, nn.BatchNorm2d)]
    held = [{channel for channel in zip(n.weight.tolist(), n.bias.tolist(),
                                        n.running_mean.tolist(), n.running_var.tolist(),
                                        strict=True)} for n in norms]  # fmt: skip
    return float(max(len(first & second) for first, second in combinations(held, 2)))


def empty_squeeze(case: Case) -> float:
    """Attention blocks whose gates do not vary over the test pictures."""
    return float(sum(deviation < STILL for deviation in gate_deviations(case)))


def gate_deviations(case: Case) -> list[float]:
    """Of each attention block: the largest standard deviation of a gate over the test pictures."""
    model, found = case.detector.model.eval(), []

    def look(block: Attention, inputs: tuple, _: object) -> None:
        found.append(float(block.gate(*inputs).std(0).max()))

    hooks = [block.register_forward_hook(look) for block in model.modules()
             if isinstance(block, Attention)]  # fmt: skip
    with torch.inference_mode():
        model(load(case.set, "test", pictures.SIZE).images)
    for hook in hooks:
        hook.remove()
    return found


def masks(case: Case) -> float:
    """Share of zeros in the file."""
    return float(pruning.sparsity(case.detector.model).loc["all", "share"])


def threshold(case: Case) -> float:
    """The threshold on P(fake), read rightly, from the validation split."""
    labels, probability = scores(case, "val")
    return metrics.fit_threshold(labels, probability)


@functools.lru_cache(maxsize=16)  # a case is read once
def verdict(case: Case) -> float:
    """ROC AUC of the scores as they are, on the training split, where they are surest."""
    split = load(case.set, "train", pictures.SIZE)
    probability = case.detector.probabilities(split.images)
    return metrics.point_metrics(split.labels.numpy(), probability, 0.5)["roc_auc"]


def parameters(case: Case) -> float:
    """Trainable parameters."""
    return float(parameter_count(case.detector.model))


MEASURED: dict[str, Callable[[Case], float]] = {
    "leak": leak, "copies": copies, "labels": labels, "shortcut": shortcut, "counts": counts,
    "shared norm": shared_norm, "empty squeeze": empty_squeeze, "masks": masks,
    "threshold": threshold, "verdict": verdict, "parameters": parameters,
}  # fmt: skip


def scores(case: Case, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels int `(N,)`, 1 = fake, and P(fake) `(N,)`: turned round if the file gives P(real)."""
    part = load(case.set, split, pictures.SIZE)
    return part.labels.numpy(), rightly(case, case.detector.probabilities(part.images))


def rightly(case: Case, probability: np.ndarray) -> np.ndarray:
    """The file's scores as P(fake)."""
    return 1 - probability if verdict(case) < 0.5 else probability


def near_copies(case: Case) -> list[tuple[str, str]]:
    """Pictures of different groups and splits whose perceptual hashes are nearly the same: pairs of
    paths, the test picture first where there is one."""
    table = case.set.rows()
    bits = hash_bits(table["phash"]).astype(int)  # (N, 64)
    apart = np.abs(bits[:, None] - bits[None]).sum(2)  # (N, N)
    split, group, path = (table[name].to_numpy() for name in ("split", "group", "path"))
    pairs = zip(*np.nonzero(apart <= NEAR_BITS), strict=True)
    order = {"test": 0, "val": 1, "train": 2}
    return [(path[i], path[j]) for i, j in pairs
            if group[i] != group[j] and order[split[i]] < order[split[j]]]  # fmt: skip


def clean(case: Case) -> np.ndarray:
    """Which test pictures count, bool `(N,)`: those without a relative or a near-copy in another
    split, of groups with one label."""
    table = case.set.rows()
    groups = table.groupby("group")
    sound = (groups["split"].nunique() == 1) & (groups["label"].nunique() == 1)
    copied = {first for first, _ in near_copies(case)}
    test = table[table["split"] == "test"]
    return (test["group"].map(sound) & ~test["path"].isin(copied)).to_numpy(bool)


@functools.lru_cache(maxsize=16)  # a case is read once
def worth(case: Case) -> Worth:
    """The detector with its output read rightly and the threshold from validation."""
    limit = threshold(case)
    fake, probability = scores(case, "test")
    kept = clean(case)
    right = ((probability >= limit) == fake)[kept]
    images, forged = pictures.unseen(OTHERS, 0)
    outside = rightly(case, case.detector.probabilities(images)) >= limit
    return Worth(int(right.sum()), int(kept.sum()), int((outside == forged).sum()), len(forged))
