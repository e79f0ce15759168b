"""From an assembled set to tensors: decoding once into a packed cache, then batches.

A packed cache is one NumPy file per split and size. Its name carries the hash of the manifest as it
is now, so a set that was assembled anew, or whose manifest was edited, never meets an old cache. It
is mapped, not read: memory stays flat, and the system keeps what fits. On a GPU with room a split
is kept there (`on_device`), and nothing has to be read or sent any more.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from mesocore import assemble, embedded, packed
from mesocore.augment import augment
from mesocore.core.errors import UserError
from mesocore.core.files import sha256_file
from mesocore.core.images import Preparation
from mesocore.core.runtime import project_root

SPLITS = ("train", "val", "test")
EMBEDDED, EMBEDDED_COUNT = "synthfaces", 4800
FULL = "150k"  # the tier of data/recipes/150k.yaml


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


def resolve(data: str | Path, count: int | None = None) -> Path:
    """The assembled set behind the word `synthfaces` or `150k`, or a path.

    `synthfaces` is built on first use and kept in `data/synthfaces` (`data/synthfaces-COUNT` for
    another `count` than 4,800); `count` means nothing for a path. Raises `UserError` if a path
    holds no assembled set.
    """
    if str(data) == EMBEDDED:
        return build_embedded(count or EMBEDDED_COUNT)
    folder = Path(data)
    if str(data) == FULL and not is_assembled(folder):
        folder = project_root() / "data" / FULL
        if not is_assembled(folder):
            recipe = f"data/recipes/{FULL}.yaml"
            raise UserError(f"{FULL} is not built yet; data/README.md says what it takes: "
                            f"mesocore assemble {recipe} --out data/{FULL}")  # fmt: skip
    if not is_assembled(folder):
        raise UserError(f"{folder} is no assembled set; make one: mesocore assemble {folder} --out")
    return folder


def is_assembled(folder: Path) -> bool:
    """True if `folder` holds a complete set: its last file, `assembly.json`, is there."""
    return (folder / "assembly.json").is_file()


def build_embedded(count: int) -> Path:
    """Makes and assembles the embedded set of `count` images, or finds it done.

    One that an earlier version of the course made is replaced.
    """
    name = EMBEDDED if count == EMBEDDED_COUNT else f"{EMBEDDED}-{count}"
    out = project_root() / "data" / name
    if is_assembled(out):
        made_from = json.loads((out / "assembly.json").read_text())["sources"]
        if Path(made_from.get(EMBEDDED, "")).parent.name == embedded.version():
            return out
        shutil.rmtree(out)
        shutil.rmtree(out.with_name(f"{name}-raw"), ignore_errors=True)
    raw = raw_source(EMBEDDED, out, count)
    assemble.assemble([raw], out, size=embedded.SIZE, quality=embedded.QUALITY)
    return out


def raw_source(source: str, out: Path, count: int) -> Path:
    """The folder behind one source of an assembly.

    A path is that path. `synthfaces` is made beside `out`, in `OUT-raw/VERSION/synthfaces`.
    """
    if source != EMBEDDED:
        return Path(source)
    raw = out.with_name(f"{out.name}-raw") / embedded.version() / EMBEDDED
    embedded.build_raw(raw, count=count)
    return raw


def mask(folder: Path, row: pd.Series) -> np.ndarray | None:
    """The pixels that an edit changed, bool `(S, S)`, for a manifest row; None if none is known.

    The embedded set keeps masks beside its source: `masks/fake/NAME.png` for `fake/NAME.jpg`.
    """
    source, _, relative = row["origin"].partition("/")
    about = json.loads((folder / "assembly.json").read_text())
    path = Path(about["sources"].get(source, "")) / embedded.mask_path(relative)
    if not path.is_file():
        return None
    size = preparation(folder).size
    with Image.open(path) as image:
        return np.asarray(image.resize((size, size), Image.Resampling.NEAREST)) > 0


def manifest_hash(folder: Path) -> str:
    """SHA-256 of the set's manifest as it is now: what a model was trained or measured on."""
    return sha256_file(Path(folder) / "manifest.csv")


def preparation(folder: Path) -> Preparation:
    """How the set's images were prepared: what a new image must go through before the model."""
    return Preparation.from_dict(json.loads((folder / "assembly.json").read_text())["preparation"])


def read_manifest(folder: Path, split: str = "all") -> pd.DataFrame:
    """The manifest's rows of one split (`train`, `val`, `test`) or of `all`.

    Raises `UserError` for another word or an empty split.
    """
    if split not in (*SPLITS, "all"):
        raise UserError(f"no split is called {split!r}; choose one of: {', '.join(SPLITS)}, all")
    table = pd.read_csv(folder / "manifest.csv", dtype={"group": str, "edit": str})
    table = table.fillna({"edit": ""})
    if split != "all":
        table = table[table["split"] == split].reset_index(drop=True)
    if table.empty:
        raise UserError(f"{folder}: the {split} split is empty; assemble more images")
    return table


def load(folder: Path, split: str, size: int | None = None) -> FaceSet:
    """One split as a `FaceSet`, resized to `size` px when that differs from the assembled size."""
    folder = Path(folder)
    table = read_manifest(folder, split)
    labels = torch.from_numpy((table["label"] == "fake").to_numpy(np.int64))
    assembled = preparation(folder).size
    cache = packed.cache_file(folder, split, size or assembled, manifest_hash(folder))
    if not cache.exists():
        matched = Preparation(size=assembled, quality=None)  # already: only to be decoded
        packed.pack([folder / path for path in table["path"]], cache, matched, size or assembled)
    pixels = np.load(cache, mmap_mode="c")  # copy on write: the file itself is never changed
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
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image once, in random order: uint8 `(B, 3, S, S)` and float `(B,)` with 1 = fake.

    `augmentations` as in "flip+jpeg" (augment.py), or "none". They and the order depend on the
    generator's state alone. The last batch may be smaller. `balanced` draws as many images with
    replacement, both classes equally often. `share` is (k, n): of each batch the images k, k + n,
    k + 2n, ..., which together with those of the other k are the batch of (0, 1).
    """
    first, step = share
    for rows in _order(data.labels.cpu(), generator, balanced).split(size):
        own = slice(first, None, step)
        mine = rows[own].to(data.images.device)
        images = augment(data.images[mine], augmentations, generator, len(rows), own)
        yield images, data.labels[mine].float()


def _order(labels: Tensor, generator: torch.Generator, balanced: bool) -> Tensor:
    if not balanced:
        return torch.randperm(len(labels), generator=generator)
    weights = 1 / torch.bincount(labels)[labels].double()
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator)


def subset(data: FaceSet, images: int) -> FaceSet:
    """The first whole groups, in an order by their names' hashes, that hold at least `images`.

    Smaller subsets lie in larger ones. Raises `UserError` if there are fewer images.
    """
    if images > len(data):
        raise UserError(f"{images} training images were asked for; the set has {len(data)}")
    by_hash = data.table["group"].map(lambda name: hashlib.sha256(name.encode()).hexdigest())
    order = np.argsort(by_hash.to_numpy(), kind="stable")  # a group's images follow one another
    last = by_hash.iloc[order[images - 1]]
    rows = np.flatnonzero(by_hash <= last)
    return FaceSet(data.images[rows], data.labels[rows], data.table.iloc[rows])
