"""mesocore: the importable half of mesonet-course (face-forgery detection with MesoNet)."""

import os
import warnings

from mesocore._lazy import exports

__version__ = "0.1.0"
__all__ = [
    "UserError",
    "core",
    "course",
    "data",
    "evaluation",
    "faces",
    "nets",
    "setup",
    "training",
]

# accelerate imports tqdm's notebook bars, which nothing here uses, and tqdm misses their widgets
warnings.filterwarnings("ignore", message="IProgress not found")

# Threads that wait in a loop keep the core from what they wait for, wherever anything else runs.
# torch's OpenMP reads this once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOMS = ("core", "faces", "nets", "data", "evaluation", "training", "course")

__getattr__, __dir__ = exports(__name__, ROOMS, core=["UserError", "setup"])
