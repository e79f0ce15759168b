"""What is known of the images of a set besides their labels: how a fake was made, what it shows.

The embedded set knows everything, for a program drew it: `params.csv` beside its source has every
number that an image was made from. The real composites of Kaggle's "real and fake face detection"
carry their difficulty and the replaced parts in their names.
"""

import json
from pathlib import Path

import pandas as pd

from mesocore.faces.landmarks import FACE_PARTS
from mesocore.faces.rendering import LOOK
from mesocore.sources import kinds

SWITCHES = ("freckles", "hair_long", "bald", "grey", "beard", "glasses", "stripes", "mouth_open")
TURNS = ("yaw", "pitch", "roll", "gaze_x", "gaze_y", "light_x")  # either way alike: magnitudes
REGIONS = (*FACE_PARTS, "jaw", "skin")
COMPOSITE = r"/(easy|mid|hard)_\d+_([01]{4})\.\w+$"
REPLACED = ("left eye", "right eye", "nose", "mouth")


def known(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """One column a fact, one row a row of `table`, some of the set's manifest; text, or missing.

    An image that has several values of a fact has them joined by "+". `kind` (generated or edited)
    is of fakes, `edit` and `region` of edited ones, `difficulty` and `replaced` of real composites
    alone. The parameters of
    synthetic faces (`rendering.LOOK`) become "low" and "high" about the median of the images here,
    or "without" and "with" for what is there when positive; of poses and light the magnitude
    counts. An edited face has the look of its original, a generated one has none.
    """
    kind = kinds(table).where(table["label"] == "fake")
    edited = kind == "edited"
    facts = pd.DataFrame({"kind": kind.where(kind != "fake"), "edit": table["edit"].where(edited)})
    names = table["origin"].str.extract(COMPOSITE)
    facts["difficulty"] = names[0]
    facts["replaced"] = names[1].map(_replaced, na_action="ignore")
    made_from = _parameters(folder)
    if made_from is not None:
        rows = made_from.reindex(table["origin"]).set_axis(table.index)
        facts["region"] = rows["steps"].where(edited).map(_regions, na_action="ignore")
        facts = facts.assign(**{name: _side(name, rows[name]) for name in LOOK if name in rows})
    return facts.dropna(axis=1, how="all")


def _replaced(digits: str) -> str | None:
    parts = (part for part, digit in zip(REPLACED, digits, strict=True) if digit == "1")
    return "+".join(parts) or None


def _regions(steps: str) -> str:
    """Regions in the words of `touchup`'s steps; what names none is done to the skin as a whole."""
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


def _parameters(folder: Path) -> pd.DataFrame | None:
    """The rows of every source's params.csv, indexed by `origin`; None if no source has one."""
    places = json.loads((Path(folder) / "assembly.json").read_text())["sources"]
    found = []
    for source, place in places.items():
        file = Path(place) / "params.csv"
        if file.is_file():
            table = pd.read_csv(file)
            found.append(table.set_index(source + "/" + table["path"]))
    return pd.concat(found) if found else None
