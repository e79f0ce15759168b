"""mesocore: the importable half of mesonet-course (face-forgery detection with MesoNet)."""

from mesocore.runtime import UserError, setup

__all__ = ["UserError", "setup"]
__version__ = "0.1.0"
