"""The flaws that a case may have: what each is, how it shows, and which number is its evidence."""

from typing import NamedTuple

import numpy as np

from mesocore.core.errors import UserError

CANNOT_BE_SAID = "cannot be said"
DATA, DETECTOR = "data", "detector"
_SALT = 20_817  # of the draw of the flaws; pictures and weights are drawn from other numbers


class Flaw(NamedTuple):
    """`side`: data or detector. `evidence`: the number that a card has to give, within `tolerance`
    of what the checker measures."""

    side: str
    meaning: str
    shows: str
    evidence: str
    tolerance: float
    chapter: int


CATALOGUE: dict[str, Flaw] = {
    "leak": Flaw(
        DATA, "pictures of one person stand in training and in test",
        "a group has rows in two splits",
        "test pictures of which a relative (the same group) is in training", 0, 1),
    "copies": Flaw(
        DATA, "a test picture is a training picture once more, brighter or darker, under the name "
        "of another person",
        "the audit finds near-duplicates across splits although no group crosses them",
        "pairs of near-duplicates in more than one split", 1, 1),
    "labels": Flaw(
        DATA, "some forged pictures are listed as real",
        "both pictures of a person are forged, or neither, but a group has both labels",
        "groups that have both labels", 0, 1),
    "shortcut": Flaw(
        DATA, "the originals of one class were saved in another way",
        "the audit tells the classes apart by the header alone",
        "ROC AUC of the header before matching", 0.03, 1),
    "counts": Flaw(
        DATA, "the pictures that the paper claims are not those that the set lists",
        "the paper's table beside a count of the manifest's rows",
        "pictures claimed minus pictures listed, in all", 0, 1),
    "shared norm": Flaw(
        DETECTOR, "one BatchNorm layer was used in two places",
        "two layers hold the same scale, shift, mean and variance",
        "channels of a BatchNorm layer that stand in another one as well", 0, 2),
    "empty squeeze": Flaw(
        DETECTOR, "an attention block has the same gates for every picture",
        "a forward hook on the block: its gates do not vary",
        "attention blocks whose gates are the same for all test pictures", 0, 3),
    "masks": Flaw(
        DETECTOR, "weights that were pruned were refilled, or never pruned",
        "the file has hardly any zeros",
        "share of zeros among the weights that may be pruned", 0.005, 5),
    "threshold": Flaw(
        DETECTOR, "the threshold was chosen on the test split",
        "fitted on validation once more, as chapter 4 does it, it comes out as another one",
        "threshold with the best balanced accuracy on the validation split as it is listed",
        0.01, 4),
    "verdict": Flaw(
        DETECTOR, "the file gives P(real) where P(fake) is wanted",
        "what is surely fake gets a low score",
        "ROC AUC of the file's scores, taken for P(fake), on the training split", 0.02, 2),
    "parameters": Flaw(
        DETECTOR, "the network has another number of parameters than the paper claims",
        "count them",
        "trainable parameters of the network in the file", 0, 2),
}  # fmt: skip
# with these no part of the test split is left that could say how good the detector is
SPOILS_ALL = {"shortcut"}


def planted(seed: int) -> tuple[str, ...]:
    """The two or three flaws of the case `seed`, in the order of the catalogue, of both sides.

    Whoever solves a case does not call this. Raises `UserError` for a negative seed.
    """
    if seed < 0:
        raise UserError(f"seed {seed} is negative; seeds start at 0")
    rng = np.random.default_rng([seed, _SALT])
    first = [rng.choice([n for n, f in CATALOGUE.items() if f.side == side])
             for side in (DATA, DETECTOR)]  # fmt: skip
    third = rng.choice([name for name in CATALOGUE if name not in first])
    chosen = {*first, *([third] if rng.random() < 0.5 else [])}
    return tuple(name for name in CATALOGUE if name in chosen)
