"""Runs of one model that differ in their seed, put together: one detector, better than its members.

What one seed gets wrong by chance another gets right, so the mean of their logits ranks better than
any of them; it costs as many times the arithmetic. The ensemble is a run's folder like any other
and needs none of its members' any more.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mesocore.core.errors import UserError
from mesocore.core.files import check_free
from mesocore.data import dataset, tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.evaluation import metrics, records
from mesocore.nets.detector import (
    Detector,
    examine,
    load_detector,
    save_model,
    save_trained_on,
)
from mesocore.nets.models import Ensemble


def ensemble(members: Sequence[Detector], data: str | Path) -> Detector:
    """The members as one detector; threshold and temperature fit the validation split of `data`.

    `data` is the set that all of them learnt from. The name of its model is that of theirs with
    their number before it, `3*meso4`, and its seed lists theirs, `0+1+2`. Raises `UserError` for
    fewer than two members, members that differ in more than their seed, or another set.
    """
    if len(members) < 2:
        raise UserError("an ensemble takes two runs or more; name runs that differ in their seed")
    folder, about = tiers.resolve(data), records.one_model(members)
    config, preparation = about["config"], members[0].preparation
    if not AssembledSet(folder).learnt_by(config):
        raise UserError(f"the runs were not trained on {data}; name the set that they learnt from")
    model = Ensemble([member.model for member in members]).eval()
    left_out = (config.get("leave_out") or "").split("+")
    faces = dataset.without(dataset.load(folder, "val", members[0].size), left_out)
    best, fitted = metrics.fit(faces.labels.numpy(), examine(model, faces.images))
    own = {
        "model": f"{len(members)}*{config['model']}",
        "seed": "+".join(str(m.description["config"]["seed"]) for m in members),
    }
    description = {
        "config": config | own,
        "best": best,
        **fitted,
        "preparation": preparation.to_dict(),
        "members_sha256": [m.description["weights_sha256"] for m in members],
        "environment": about["environment"],
    }
    seen = [member.trained_on for member in members]
    trained_on = None if any(ids is None for ids in seen) else np.unique(np.concatenate(seen))
    band = fitted["band"]["real_below"], fitted["band"]["fake_from"]
    return Detector(model, preparation, members[0].size, fitted["threshold"],
                    fitted["temperature"], description, trained_on, band)  # fmt: skip


def save_ensemble(members: Sequence[Path], data: str | Path, out: Path) -> Detector:
    """Leaves the ensemble of the runs `members` in `out`, which must be new or empty."""
    check_free(out)
    made = ensemble([load_detector(run) for run in members], data)
    out.mkdir(parents=True, exist_ok=True)
    try:
        save_model(out, made.model, made.description)
        if made.trained_on is not None:
            save_trained_on(out, made.trained_on)
    except BaseException:
        shutil.rmtree(out)  # or the same command would find it in use
        raise
    return made
