"""What is known of the images of a set besides their labels: how a fake was made, what it shows.

The embedded set knows everything, for a program drew it: `params.csv` beside its source has every
number that an image was made from. The real composites of Kaggle's "real and fake face detection"
carry their difficulty and the replaced parts in their names.
"""

from pathlib import Path

import pandas as pd

from mesocore.data.assembled_set import AssembledSet, kinds
from mesocore.data.sources import ciplab
from mesocore.faces.landmarks import FACE_PARTS
from mesocore.faces.rendering import LOOK

SWITCHES = ("freckles", "hair_long", "bald", "grey", "beard", "glasses", "stripes", "mouth_open")
TURNS = ("yaw", "pitch", "roll", "gaze_x", "gaze_y", "light_x")  # either way alike: magnitudes
REGIONS = (*FACE_PARTS, "jaw", "skin")


def known(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """One column per fact, one row per row of `table`, some of a set's manifest; text or missing.

    An image that has several values of a fact has them joined by "+". `kind` (generated or edited)
    is of fakes, `edit` and `region` of edited ones, `difficulty` and `replaced` of real composites
    alone. The parameters of synthetic faces (`rendering.LOOK`) become "low" and "high" about the
    median of the images here, or "without" and "with" for what is there when positive; of poses and
    light the magnitude counts. An edited face has the look of its original, a generated one none.
    """
    kind = kinds(table).where(table["label"] == "fake")
    edited = kind == "edited"
    facts = pd.DataFrame({"kind": kind.where(kind != "fake"), "edit": table["edit"].where(edited)})
    names = [ciplab.parsed(origin.rpartition("/")[2]) for origin in table["origin"]]
    facts["difficulty"] = pd.Series([name and name[0] for name in names], table.index, dtype=object)
    facts["replaced"] = pd.Series([name and "+".join(name[1]) or None for name in names],
                                  table.index, dtype=object)  # fmt: skip
    made_from = AssembledSet(folder).parameters()
    if made_from is not None:
        rows = made_from.reindex(table["origin"]).set_axis(table.index)
        facts["region"] = rows["steps"].where(edited).map(_regions, na_action="ignore")
        facts = facts.assign(**{name: _side(name, rows[name]) for name in LOOK if name in rows})
    return facts.dropna(axis=1, how="all")


def _regions(steps: str) -> str:
    """Regions in the words of an edit's steps; what names none is done to the skin as a whole."""
    words = steps.replace("left eye", "eyes").replace("right eye", "eyes")
    found = [region for region in REGIONS if region in words]
    return "+".join(found) or "skin"


def _side(name: str, values: pd.Series) -> pd.Series:
    if name in SWITCHES:
        side = (values > 0).map({True: "with", False: "without"})
    else:
        size = values.abs() if name in TURNS else values
        side = (size > size.median()).map({True: "high", False: "low"})
    return side.where(values.notna())
