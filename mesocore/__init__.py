"""mesocore: the importable half of mesonet-course (face-forgery detection with MesoNet)."""

import warnings

__all__ = ["UserError", "setup"]
__version__ = "0.1.0"

# accelerate imports tqdm's notebook bars, which nothing here uses, and tqdm misses their widgets
warnings.filterwarnings("ignore", message="IProgress not found")


def __getattr__(name: str):
    # late, so that `mesocore doctor` can still speak where torch does not import
    if name in __all__:
        from mesocore import runtime

        return getattr(runtime, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
