"""What outlives a step of training as named tensors: modules and optimisers, and back.

Written as safetensors, never as a pickle. A part's tensors are `PART.NAME`; an optimiser's moments
`PART.INDEX.NAME`, its settings are the caller's to restore.
"""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.optim import Optimizer


def collect(parts: Mapping[str, nn.Module | Optimizer]) -> dict[str, Tensor]:
    """All tensors of the parts, contiguous, by name."""
    tensors = {}
    for part, holder in parts.items():
        if isinstance(holder, Optimizer):
            for index, moments in holder.state_dict()["state"].items():
                tensors |= {f"{part}.{index}.{name}": value for name, value in moments.items()}
        else:
            tensors |= {f"{part}.{name}": value for name, value in holder.state_dict().items()}
    return {name: value.contiguous() for name, value in tensors.items()}


def put_back(parts: Mapping[str, nn.Module | Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `collect`, into parts of the same shapes."""
    for part, holder in parts.items():
        prefix = f"{part}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if isinstance(holder, Optimizer):
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in own.items():
                index, name = key.split(".", 1)
                moments.setdefault(int(index), {})[name] = value
            groups = holder.state_dict()["param_groups"]
            holder.load_state_dict({"state": moments, "param_groups": groups})
        else:
            holder.load_state_dict(own)
