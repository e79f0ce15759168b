"""Files beside frames that are no pictures to judge: masks, landmarks, depth.

A file is one by a folder above it (`masks/`), by the end of its name (`x_mask.png` beside `x.png`),
or as data of a frame (`x.npy` beside `x.png`). A mask goes with the frame of its place: the same
folders and name, but for those of sidecars and of compression.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from mesocore.data.sources import labels

KINDS = {
    **dict.fromkeys(("mask", "masks", "gt", "groundtruth", "ground_truth"), "masks"),
    **dict.fromkeys(("landmark", "landmarks", "lmk", "lmks", "keypoints"), "landmarks"),
    **dict.fromkeys(("depth", "depths", "depth_map", "depth_maps"), "depth"),
    **dict.fromkeys(("segmentation", "segmentations", "seg", "parsing", "annotations", "bbox",
                     "bboxes", "matte", "mattes", "heatmaps"), "annotations"),
}  # fmt: skip
_DATA = {".npy", ".npz", ".json", ".txt", ".xml", ".pts", ".mat", ".csv", ".yaml", ".yml", ".bin"}
_DROPPED = {"raw", "c0", "c15", "c23", "c40", "frames", "images", "imgs", "faces", "videos"}


def of_folder(name: str) -> str | None:
    """What a folder of this name holds, a value of `KINDS`, or None. `with_mask` is no mask."""
    plain = labels.normal(name)
    if plain in KINDS:
        return KINDS[plain]
    first, _, last = plain.rpartition("_")
    worn = {"with", "without", "no"} & set(first.split("_"))
    squeezed = KINDS.get(plain.replace("_", "")) or (
        "masks" if plain.replace("_", "").endswith("groundtruth") else None)  # fmt: skip
    return squeezed or (None if worn or last not in KINDS or not first else KINDS[last])


def kinds(paths: Iterable[str]) -> dict[str, str]:
    """The sidecars among the files of a source: path -> its kind."""
    paths = list(paths)
    of: dict[str, str | None] = {}
    frames: dict[str, set[str]] = defaultdict(set)  # folder -> names of images without their ends
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in of:
            of[folder] = next(filter(None, map(of_folder, folder.split("/"))), None)
        if PurePosixPath(name).suffix.lower() not in _DATA:
            frames[folder].add(name.rpartition(".")[0])
    found = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        stem, _, suffix = name.rpartition(".")
        if of[folder]:
            found[path] = of[folder]
        elif f".{suffix.lower()}" in _DATA and stem in frames[folder]:
            found[path] = "annotations"
        elif (base := _without_kind(stem)) != stem and base in frames[folder]:
            found[path] = KINDS[labels.normal(stem).rpartition("_")[2]]
    return found


def masks(frames: Iterable[str], sidecars: Mapping[str, str]) -> dict[str, str]:
    """frame -> its mask, of paths within one source; a mask that fits no one frame is left out."""
    by_place: dict[tuple, list[str]] = defaultdict(list)
    by_name: dict[str, list[str]] = defaultdict(list)
    for frame in frames:
        place = _place(frame)
        by_place[place].append(frame)
        by_name[place[-1]].append(frame)
    found = {}
    for path, kind in sorted(sidecars.items()):
        if kind == "masks":
            place = _place(path)
            fitting = by_place.get(place) or by_name.get(place[-1], [])
            if len(fitting) == 1:
                found.setdefault(fitting[0], path)
    return found


def _without_kind(stem: str) -> str:
    for sign in "_-.":
        base, _, last = stem.rpartition(sign)
        if base and labels.normal(last) in KINDS:
            return base
    return stem


def _place(path: str) -> tuple[str, ...]:
    *folders, name = path.split("/")
    kept = [name for name in folders
            if labels.normal(name) not in _DROPPED and not of_folder(name)]  # fmt: skip
    return (*kept, _without_kind(name.rpartition(".")[0]))
