"""From an assembled set to tensors: decoding once into a packed cache, then batches.

A packed cache is one NumPy file per split and size. Its name carries the hash of the manifest as it
is now, so a set that was assembled anew, or whose manifest was edited, never meets an old cache. It
is mapped, not read: memory stays flat, and the system keeps what fits. On a GPU with room a split
is kept there (`on_device`), and nothing has to be read or sent any more.
"""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation
from mesocore.data import cache
from mesocore.data.assembled_set import AssembledSet, family_of, kinds
from mesocore.data.augmentation import augment, cropped, self_blended

Batch = tuple[Tensor, Tensor, Tensor]  # images, labels, kinds


@dataclass(frozen=True)
class FaceSet:
    """Images and labels of one split, in manifest order.

    `images` is uint8 `(N, 3, S, S)` RGB, `labels` is int64 `(N,)` with 1 = fake, and `table` holds
    the N manifest rows.
    """

    images: Tensor
    labels: Tensor
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def kinds(self) -> Tensor:
        """int64 `(N,)`: the kind of each image, numbered from 0 among the photographs and again
        among the fakes: its family of sources and what made it (`assembled_set.kinds`). Numbers are
        of these images alone: without a source, others move up."""
        family = self.table["source"].map(family_of(self.table["source"]))
        names = (family + "/" + kinds(self.table)).to_numpy(str)
        numbers, fake = np.zeros(len(self), np.int64), self.labels.cpu().numpy() == 1
        for rows in (fake, ~fake):
            numbers[rows] = np.unique(names[rows], return_inverse=True)[1]
        return torch.from_numpy(numbers)

    def kind_counts(self) -> tuple[int, int]:
        """How many kinds of photographs and of fakes there are."""
        numbers, fake = self.kinds.numpy(), self.labels.cpu().numpy() == 1
        return len(np.unique(numbers[~fake])), len(np.unique(numbers[fake]))


def load(data: str | Path | AssembledSet, split: str, size: int | None = None) -> FaceSet:
    """One split as a `FaceSet`, resized to `size` px when that differs from the assembled size."""
    assembled = AssembledSet(data)
    table = assembled.rows(split)
    labels = torch.from_numpy((table["label"] == "fake").to_numpy(np.int64))
    prepared = assembled.preparation.size
    side = prepared if size is None else size
    file = assembled.cache_file(split, side)
    pixels = cache.mapped(file, len(table), side)
    if pixels is None:
        matched = Preparation(size=prepared, quality=None)  # already: only to be decoded
        files = {assembled.folder / path: digest
                 for path, digest in zip(table["path"], table["sha256"], strict=True)}  # fmt: skip
        cache.pack(files, file, matched, side)
        pixels = cache.mapped(file, len(table), side)
    return FaceSet(torch.from_numpy(pixels), labels, table)


def on_device(data: FaceSet, device: torch.device | str, share: float = 0.5) -> FaceSet:
    """The split on a GPU, if it takes at most `share` of the memory that is free there.

    Otherwise, and on a CPU, as it is: its pixels stay in the mapped file, its labels in memory.
    """
    device = torch.device(device)
    if device.type != "cuda" or data.images.nbytes > share * torch.cuda.mem_get_info(device)[0]:
        return data
    images = torch.empty(data.images.shape, dtype=torch.uint8, device=device)
    for rows in range(0, len(data), 1024):  # a part at a time: the file may be larger than memory
        images[rows : rows + 1024] = data.images[rows : rows + 1024].to(device)
    return FaceSet(images, data.labels.to(device), data.table)


def batches(
    data: FaceSet,
    size: int,
    generator: torch.Generator,
    augmentations: str,
    balanced: bool = False,
    share: tuple[int, int] = (0, 1),
    self_blend: float = 0.0,
    views: int = 1,
    crop: int = 0,
) -> Iterator[Batch]:
    """Every image once, in random order: uint8 `(B, 3, S, S)`, float `(B,)` with 1 = fake, and
    int64 `(B,)`, the image's kind: `FaceSet.kinds`, and the next number for self-blends.

    `augmentations` as in "flip+jpeg" (augmentation.py), or "none". They and the order depend on the
    generator's state alone. The last batch may be smaller. `balanced` draws as many images with
    replacement, both classes of each source equally often. `share` is (k, n): of each batch the
    images k, k + n, k + 2n, ..., which together with those of the other k are the batch of (0, 1).
    To a batch `pairs(B, self_blend)` photographs are added, and as many self-blends of these, as
    fakes (faces/self_blending.py). Of each batch come `views` in one: all its images
    augmented, then all once more, otherwise. With `crop` each image is cut to a square of so many
    pixels first, anywhere in it.
    """
    first, step = share
    own = slice(first, None, step)
    numbers, blend = data.kinds.to(data.images.device), data.kind_counts()[1]
    reals = (data.labels == 0).nonzero()[:, 0].cpu()
    for rows in _order(data, generator, balanced).split(size):
        count = pairs(len(rows), self_blend)
        added = reals[torch.randint(len(reals), (count,), generator=generator)]
        blended = torch.arange(len(rows) + 2 * count) >= len(rows) + count
        rows = torch.cat([rows, added, added])
        mine = rows[own].to(data.images.device)
        images = self_blended(data.images[mine], blended, generator, own)
        if crop:
            images = cropped(images, crop, generator, len(rows), own)
        is_blend = blended[own].to(mine.device)
        labels = torch.where(is_blend, 1, data.labels[mine]).float()
        kind = torch.where(is_blend, blend, numbers[mine])
        seen = [augment(images, augmentations, generator, len(rows), own) for _ in range(views)]
        yield torch.cat(seen), labels.repeat(views), kind.repeat(views)


def kind_weights(data: FaceSet, balance: float) -> Tensor:
    """What an image of each kind counts: float `(2, K)`, of photographs, then of fakes.

    The number of images of a kind to the power of `-balance`, times what makes the mean over all
    images 1: with 0 all count the same, with 1 each kind as much as any other, however rare it is.
    The last column, of self-blends, is 1.
    """
    columns = max(data.kind_counts()) + 1
    numbers = data.labels.cpu() * columns + data.kinds
    counts = torch.bincount(numbers, minlength=2 * columns).double()
    weights = torch.where(counts > 0, counts.clamp(min=1) ** -balance, 0.0)
    weights *= len(data) / (counts * weights).sum()
    weights[counts == 0] = 1.0
    return weights.float().view(2, columns)


def pairs(images: int, self_blend: float) -> int:
    """How many pairs are added to a batch of so many images."""
    return round(images * self_blend)


def _order(data: FaceSet, generator: torch.Generator, balanced: bool) -> Tensor:
    if not balanced:
        return torch.randperm(len(data), generator=generator)
    kinds = data.table.groupby(["source", "label"]).ngroup().to_numpy()
    weights = torch.from_numpy(1 / np.bincount(kinds)[kinds])
    return torch.multinomial(weights, len(data), replacement=True, generator=generator)


def without(data: FaceSet, sources: Collection[str]) -> FaceSet:
    """The images of all sources but these."""
    rows = np.flatnonzero(~data.table["source"].isin(sources))
    return FaceSet(data.images[rows], data.labels[rows], data.table.iloc[rows])


def subset(data: FaceSet, images: int) -> FaceSet:
    """The first whole groups, in an order by their names' hashes, that hold at least `images`.

    Smaller subsets lie in larger ones. Raises `UserError` if there are fewer images.
    """
    rows = first_groups(data.table, images)
    return FaceSet(data.images[rows], data.labels[rows], data.table.iloc[rows])


def first_groups(table: pd.DataFrame, images: int) -> np.ndarray:
    """The rows of a manifest's split, int `(n,)` ascending, that `subset` takes."""
    if images > len(table):
        raise UserError(f"{images} training images were asked for; the set has {len(table)}")
    by_hash = table["group"].map(lambda name: hashlib.sha256(name.encode()).hexdigest())
    order = np.argsort(by_hash.to_numpy(), kind="stable")  # a group's images follow one another
    last = by_hash.iloc[order[images - 1]]
    return np.flatnonzero(by_hash <= last)
