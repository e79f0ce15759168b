"""Do our edits of real photographs leave what hand-made composites leave?

FOLDER has real/ and fake/, photographs and composites made by hand in Photoshop. Photographs are
retouched by `faces.retouch`, both kinds of fake are matched with the photographs, and trivial
features (colour and spectrum) are asked for real or fake: fitted on ours or on the hand-made,
scored on either, on photographs and fakes that were not fitted on. Writes
results/real/retouch-traces.json.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from experiments import records
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.core.images import Preparation, decode, encode_jpeg, open_rgb, prepare
from mesocore.data.auditing import shortcuts, trivial_features
from mesocore.evaluation import metrics
from mesocore.evaluation.tables import interval
from mesocore.faces.landmarks import Face
from mesocore.faces.random_edits import Donor, retouch

SIZE = 256


def features(images: list[Image.Image]) -> pd.DataFrame:
    rows = [
        trivial_features.colour_features(i) | trivial_features.spectrum_features(i) for i in images
    ]
    return pd.DataFrame(rows)


def opened(folder: Path) -> list[Image.Image]:
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
    return [open_rgb(path) for path in runtime.progress(paths, folder.name)]


def retouched(photographs: list[Image.Image]) -> list[Image.Image]:
    arrays = [np.asarray(photograph) for photograph in photographs]
    result = []
    for n, array in enumerate(runtime.progress(arrays, "retouching")):
        other = arrays[(n + 1) % len(arrays)]
        donor = Donor(other, Face.central(*other.shape[:2]))
        session = retouch(array, Face.central(*array.shape[:2]), np.random.default_rng([0, n]),
                           lambda donor=donor: donor)  # fmt: skip
        # the composites were saved once more too
        result.append(reopened(encode_jpeg(Image.fromarray(session.image), 94)))
    return result


def reopened(data: bytes) -> Image.Image:
    return decode(data)[0]


def auc(fit: tuple[pd.DataFrame, ...], score: tuple[pd.DataFrame, ...]) -> dict[str, float]:
    """Fitted on (real, fake), scored on other (real, fake): value, low, high."""
    model = shortcuts.classifier().fit(pd.concat(fit), np.repeat([0, 1], [*map(len, fit)]))
    probability = np.concatenate([model.predict_proba(part)[:, 1] for part in score])
    labels = np.repeat([0, 1], [*map(len, score)])
    alone = np.arange(len(labels))  # every image is a group of its own
    return metrics.metrics_with_intervals(labels, probability, alone, 0.5)["roc_auc"]


def main(word: str) -> None:
    folder = Path(word)
    prep = Preparation(size=SIZE, quality=90)
    photographs, composites = opened(folder / "real"), opened(folder / "fake")
    rng = np.random.default_rng(0)
    order = rng.permutation(len(photographs))
    # three thirds: reals to fit on, reals to score on, originals of our edits
    parts = [[photographs[k] for k in part] for part in np.array_split(order, 3)]
    ours = retouched(parts[2])

    def matched(images: list[Image.Image]) -> pd.DataFrame:
        done = [reopened(encode_jpeg(prepare(i, prep), prep.quality)) for i in images]
        return features(done)

    fit_real, score_real = matched(parts[0]), matched(parts[1])
    ours, hand = matched(ours), matched(composites)
    halves = {"ours": np.array_split(np.arange(len(ours)), 2),
              "hand-made": np.array_split(rng.permutation(len(hand)), 2)}  # fmt: skip
    tables = {"ours": ours, "hand-made": hand}
    found = {}
    for fit_name, fit_table in tables.items():
        for score_name, score_table in tables.items():
            fit = fit_table.iloc[halves[fit_name][0]]
            score = score_table.iloc[halves[score_name][1]]
            value = auc((fit_real, fit), (score_real, score))
            found[f"fitted on {fit_name}, scored on {score_name}"] = value
            print(f"fitted on {fit_name:10} scored on {score_name:10} AUC {interval(value)}")
    records.write(records.path("real/retouch-traces.json"), {
        "trivial_auc": found, "photographs": len(photographs), "composites": len(composites),
        "edits_of_ours": len(ours), "size": SIZE, "environment": runtime.environment(),
        "command": records.command("retouch-traces", "FOLDER"),
    })  # fmt: skip


RETOUCH_TRACES = Command("retouch-traces", __doc__, "FOLDER", main, least=1, most=1)
