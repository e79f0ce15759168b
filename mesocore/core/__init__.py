"""What every room stands on and what knows nothing of faces: errors, files, images, processes."""

from mesocore._lazy import exports

__all__ = ["BadImage", "Preparation", "UserError", "in_parallel", "progress", "setup"]

__getattr__, __dir__ = exports(
    __name__,
    bootstrap=[],
    errors=["UserError"],
    files=[],
    images=["BadImage", "Preparation"],
    parallel=["in_parallel"],
    runtime=["progress", "setup"],
    training_state=[],
)
