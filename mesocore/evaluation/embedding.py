"""What a network knows of an image just before it decides, and a flat picture of that."""

import numpy as np
import torch
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from mesocore.core.errors import UserError


def embed(model: nn.Module, images: Tensor, batch: int = 64) -> np.ndarray:
    """What goes into the dense layer that is computed last: uint8 `(N, 3, S, S)` -> float64
    `(N, D)`."""
    parts: list[Tensor] = []
    seen: list[Tensor] = []  # what dense layers were given, in the order of computing
    dense = [module for module in model.modules() if isinstance(module, nn.Linear)]
    hooks = [layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
             for layer in dense]  # fmt: skip
    try:
        with torch.inference_mode():
            for part in images.split(batch):
                model.eval()(part)
                parts.append(seen[-1].flatten(1))
                seen.clear()
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(parts).double().numpy()


def tsne(points: np.ndarray, perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """`(N, D)` -> `(N, 2)` in which neighbours stay neighbours; distances and sizes mean nothing.

    Columns are scaled to unit deviation first. van der Maaten and Hinton, JMLR 9, 2008, by
    scikit-learn, started from the principal components. Raises `UserError` for `perplexity` or
    fewer points.
    """
    if len(points) <= perplexity:
        raise UserError(f"{len(points)} points are too few for perplexity {perplexity:g}")
    scaled = _scaled(points)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(scaled)


def neighbours_alike(points: np.ndarray, kinds: np.ndarray, k: int = 10) -> dict[str, float]:
    """For each kind, the share of the `k` nearest neighbours that are of it too, in `(N, D)`.

    A number for what a t-SNE seems to show, measured where the network is and not in the picture.
    Beside each kind stands its share of all other images in `chance KIND`.
    """
    scaled, kinds = _scaled(points), np.asarray(kinds)
    nearest = NearestNeighbors(n_neighbors=k).fit(scaled).kneighbors(return_distance=False)
    alike = (kinds[nearest] == kinds[:, None]).mean(1)
    found = {}
    for kind in sorted(set(kinds)):
        found[str(kind)] = float(alike[kinds == kind].mean())
        found[f"chance {kind}"] = float(((kinds == kind).sum() - 1) / (len(kinds) - 1))
    return found


def _scaled(points: np.ndarray) -> np.ndarray:
    spread = points.std(0)
    return (points - points.mean(0)) / np.where(spread > 0, spread, 1)
