"""mesocore: the importable half of mesonet-course (face-forgery detection with MesoNet)."""

__all__ = ["UserError", "setup"]
__version__ = "0.1.0"


def __getattr__(name: str):
    # late, so that `mesocore doctor` can still speak where torch does not import
    if name in __all__:
        from mesocore import runtime

        return getattr(runtime, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
