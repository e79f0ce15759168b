"""mesocore: the importable half of mesonet-course (face-forgery detection with MesoNet)."""

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

ROOMS = ("core", "faces", "nets", "data", "evaluation", "training", "course")

__getattr__, __dir__ = exports(__name__, ROOMS, core=["UserError", "setup"])
