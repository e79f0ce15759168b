"""What dropout costs at the start: Meso-4 on the embedded set with 0 and with the published 0.5.

    python benchmarks/dropout.py

Three seeds each at the course's settings, which were chosen by this comparison; so it looks at
validation alone. Runs without dropout are those of meso4_seeds.py; interrupted ones go on.
Writes results/synthfaces/dropout.json: validation ROC AUC by epoch.
"""

from dataclasses import asdict, replace

from mesocore.core import files, runtime
from mesocore.course.chapter import course_config
from mesocore.data import tiers
from mesocore.data.assembled_set import AssembledSet
from mesocore.data.tiers import tier

SEEDS = (0, 1, 2)
SHARES = {0.0: "meso4-seed-{}", 0.5: "meso4-dropout-seed-{}"}


def main() -> None:
    folder = tiers.resolve(tiers.EMBEDDED)
    found = {}
    for share, name in SHARES.items():
        for seed in SEEDS:
            run = runtime.project_root() / "runs" / name.format(seed)
            config = course_config("meso4", str(folder), seed)
            history = run.train(replace(config, dropout=share), run, resume=run.exists())
            found.setdefault(str(share), {})[str(seed)] = history["val_roc_auc"].tolist()
            print(f"dropout {share}, seed {seed}: {history['val_roc_auc'].max():.3f}")
    record = {
        "model": asdict(config) | {"data": folder.name, "seed": SEEDS, "dropout": list(SHARES)},
        "data": {"tier": tier(folder), "manifest_sha256": AssembledSet(folder).manifest_sha256,
                 "split": "val"},
        "val_roc_auc": found,
        "environment": runtime.environment(),
        "command": "python benchmarks/dropout.py",
    }  # fmt: skip
    files.write_json(runtime.project_root() / "results" / "synthfaces" / "dropout.json", record)


if __name__ == "__main__":
    main()
