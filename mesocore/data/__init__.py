"""Training sets: assembled from what people have, audited, and read as tensors.

`assembly` makes a set, `auditing` doubts it, `AssembledSet` is one on disk, and `load` one split of
it in memory.
"""

from mesocore._lazy import exports

__all__ = ["AssembledSet", "FaceSet", "assemble", "audit", "kinds", "load", "resolve", "tier"]

__getattr__, __dir__ = exports(
    __name__,
    ("assembly", "auditing"),
    {"assemble": "assembly.assemble", "audit": "auditing.audit"},
    assembled_set=["AssembledSet", "kinds"],
    attributes=[],
    augmentation=[],
    cache=[],
    dataset=["FaceSet", "load"],
    schemas=[],
    synthfaces=[],
    tiers=["resolve", "tier"],
)
