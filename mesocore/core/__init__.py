"""What every room stands on and what knows nothing of faces: errors, files, images, processes."""

from mesocore._lazy import exports

__all__ = ["BadImage", "Preparation", "UserError", "in_parallel", "progress", "setup"]

__getattr__, __dir__ = exports(
    __name__,
    bootstrap=[],
    errors=["BadImage", "UserError"],
    files=[],
    formats=[],
    images=["Preparation"],
    parallel=["in_parallel"],
    runtime=["progress", "setup"],
    samples=[],
    schemas=[],
    tensor_files=[],
)
