"""Records: where each lies in results/, how it is written, and the command that makes it now.

A record names the command that made it, and older ones name scripts that have moved since. What
makes them now is in `COMMANDS`.
"""

import shlex
from pathlib import Path

from experiments.scale import FULL, Scale
from mesocore.core import runtime
from mesocore.core.files import write_json
from mesocore.data import AssembledSet, tiers

GAP_RUNS = ("ensemble", *(f"{model}-{seed}" for model in ("meso4+inverted+highpass", "meso4")
                          for seed in (0, 1, 2)))  # fmt: skip
FRAMING_RUNS = (*GAP_RUNS[4:], *GAP_RUNS[1:4], GAP_RUNS[0])  # Meso-4 first: the others against it
LEFT_OUT = ("dfdc", "diffusion", "openforensics", "photoshop", "stylegan")
COMMANDS = {  # path below results/ -> command
    "assembly-scale.json": "python benchmarks/assembly_scale.py",
    "published/parity.json": "python -m experiments parity FOLDER",
    "real/face-finder.json": "python -m experiments face-finder PICTURES FACES",
    "real/generalisation.json": "python -m experiments generalisation data/openforensics "
    "data/stylegan data/photoshop --outside data/openforensics-validation",
    "real/joint-faces-evidence.json": "python -m experiments evidence recommended data/joint-faces",
    "real/joint-faces-left-out.json": "python -m experiments left-out "
    + " ".join(f"results/runs/joint-faces/cooccurrences-without-{family}-0" for family in LEFT_OUT)
    + " data/joint-faces",
    "real/openforensics-128-ablation.json": "python -m experiments ablation data/openforensics "
    "--reduced --outside data/openforensics-validation",
    "real/openforensics-128-pruning-meso4+inverted.json": "python -m experiments pruning "
    "data/openforensics --reduced",
    "real/openforensics-128-pruning-meso4.json": "python -m experiments pruning "
    "data/openforensics --reduced",
    "real/openforensics-24-epochs-ablation.json": "python -m experiments ablation "
    "data/openforensics --epochs 24 --outside data/openforensics-validation",
    "real/openforensics-24-epochs-combination.json": "python -m experiments combination "
    "data/openforensics --epochs 24 --outside data/openforensics-validation",
    "real/openforensics-audit.json": "mesocore audit data/openforensics "
    "--json results/real/openforensics-audit.json",
    "real/openforensics-augmentation.json": "python -m experiments augmentation data/openforensics",
    "real/openforensics-bands.json": "python -m experiments bands "
    "results/runs/openforensics/meso4-0 results/runs/openforensics/meso4-1 "
    "results/runs/openforensics/meso4-2 data/openforensics-validation",
    "real/openforensics-ensemble.json": "mesocore evaluate "
    "results/runs/openforensics-24-epochs/ensemble --data data/openforensics "
    "--outside data/openforensics-validation --robustness "
    "--json results/real/openforensics-ensemble.json --card results/real/openforensics-ensemble.md",
    "real/openforensics-ensemble.md": "mesocore evaluate "
    "results/runs/openforensics-24-epochs/ensemble --data data/openforensics "
    "--outside data/openforensics-validation --robustness "
    "--json results/real/openforensics-ensemble.json --card results/real/openforensics-ensemble.md",
    "real/openforensics-framing.json": "python -m experiments framing "
    + " ".join(f"results/runs/openforensics-24-epochs/{run}" for run in FRAMING_RUNS)
    + " data/openforensics --outside data/openforensics-validation",
    "real/openforensics-gap.json": "python -m experiments gap "
    + " ".join(f"results/runs/openforensics-24-epochs/{run}" for run in GAP_RUNS)
    + " data/openforensics --outside data/openforensics-more data/openforensics-validation",
    "real/openforensics-learning-curve.json": "python -m experiments learning-curve "
    "data/openforensics",
    "real/openforensics-meso4-errors.json": "python -m experiments errors "
    "results/real/openforensics-meso4 data/photoshop data/stylegan data/openforensics",
    "real/openforensics-meso4.json": "mesocore evaluate results/real/openforensics-meso4 "
    "--data data/openforensics --outside data/openforensics-validation "
    "--json results/real/openforensics-meso4.json",
    "real/openforensics-receptive-field.json": "python -m experiments receptive-field "
    "data/openforensics --outside data/openforensics-validation",
    "real/openforensics-robustness.json": "python -m experiments robustness "
    "results/runs/openforensics/meso4-0 results/runs/openforensics/meso4-1 "
    "results/runs/openforensics/meso4-2 data/openforensics",
    "real/openforensics-validation-robustness.json": "python -m experiments robustness "
    "results/runs/openforensics/meso4-0 results/runs/openforensics/meso4-1 "
    "results/runs/openforensics/meso4-2 data/openforensics-validation",
    "real/photoshop-592-resolution.json": "python -m experiments resolution data/photoshop-592",
    "real/photoshop-audit.json": "mesocore audit data/photoshop "
    "--json results/real/photoshop-audit.json",
    "real/photoshop-transfer.json": "python -m experiments transfer data/photoshop "
    "data/openforensics",
    "real/recommended-int8.json": "python -m experiments int8 recommended data/joint-faces "
    "--outside data/openforensics-validation-faces",
    "real/recommended-scores.json": "python -m experiments scores recommended data/joint-faces "
    "--outside data/openforensics-validation-faces",
    "real/recommended.json": "mesocore evaluate recommended --data data/joint-faces "
    "--outside data/openforensics-validation-faces --robustness "
    "--json results/real/recommended.json --card mesocore/detectors/recommended/card.md",
    "real/retouch-traces.json": "python -m experiments retouch-traces FOLDER",
    "real/stylegan-ablation.json": "python -m experiments ablation data/stylegan",
    "real/stylegan-audit.json": "mesocore audit data/stylegan "
    "--json results/real/stylegan-audit.json",
    "real/stylegan-transfer.json": "python -m experiments transfer data/stylegan "
    "data/openforensics",
    "synthfaces/01.json": "python scripts/course.py 01",
    "synthfaces/02.json": "python scripts/course.py 02",
    "synthfaces/03.json": "python scripts/course.py 03",
    "synthfaces/04.json": "python scripts/course.py 04",
    "synthfaces/05.json": "python scripts/course.py 05",
    "synthfaces/06-card.md": "python scripts/course.py 06",
    "synthfaces/06.json": "python scripts/course.py 06",
    "synthfaces/07.json": "python scripts/course.py 07",
    "synthfaces/ablation.json": "python -m experiments ablation synthfaces",
    "synthfaces/build.json": "python benchmarks/build_time.py",
    "synthfaces/dropout.json": "python -m experiments dropout synthfaces",
    "synthfaces/generator.json": "python -m experiments generator-distance",
    "synthfaces/meso4-seeds.json": "python -m experiments meso4-seeds synthfaces",
    "synthfaces/robustness.json": "python -m experiments robustness runs/02-meso4 synthfaces",
    "synthfaces/08.json": "python scripts/course.py 08",
    "synthfaces/schedules.json": "python -m experiments schedules synthfaces",
}


def path(name: str) -> Path:
    """Where a record lies: results/NAME."""
    return runtime.project_root() / "results" / name


def path_of(data: str | Path | AssembledSet, name: str, scale: Scale = FULL) -> Path:
    """The record of an experiment on a set: synthfaces/NAME.json, or real/SET-NAME.json."""
    if tiers.tier(data) == tiers.EMBEDDED:
        return path(f"synthfaces/{name}.json")
    return path(f"real/{scale.title(data)}-{name}.json")


def shown(data: AssembledSet) -> str:
    """A set as a record's command names it: synthfaces, or data/NAME."""
    own = tiers.tier(data) == tiers.EMBEDDED
    return tiers.EMBEDDED if own else f"data/{data.name}"


def command(name: str, *words: str) -> str:
    """The command that a record names: with `name`, and the words that follow it."""
    return shlex.join(["python", "-m", "experiments", name, *words])


def write(where: Path, values: dict) -> None:
    write_json(where, values)
    print(f"written: {where}")
