"""Files beside frames that are no pictures to judge: masks, landmarks, depth.

A file is one by a folder above it (`masks/`), by the end of its name (`x_mask.png` beside `x.png`),
or as data of a frame (`x.npy` beside `x.png`). A mask goes with the frame of its place: the same
folders and name, but for those of sidecars and of compression.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from mesocore.data.sources import labels

KINDS = {
    **dict.fromkeys(("mask", "masks", "gt", "groundtruth", "trimap", "trimaps"), "masks"),
    **dict.fromkeys(("landmark", "landmarks", "lmk", "lmks", "keypoints"), "landmarks"),
    **dict.fromkeys(("depth", "depths"), "depth"),
    **dict.fromkeys(("segmentation", "segmentations", "seg", "parsing", "annotations", "bbox",
                     "bboxes", "matte", "mattes", "heatmaps"), "annotations"),
}  # fmt: skip
_WORN = {"with", "without", "no", "in", "wearing"}  # a mask on a face; "in depth"
# x_mask, x_mask_2, xmask, x-edgemask, mask_x
_KIND = re.compile(
    r"(?P<frame>.+?)[_\-. ]*(?:[a-z]*masks?|gt|groundtruth|landmarks?|depth|seg)(?:[_\-. ]?\d+)?"
    r"|masks?[_\-. ]*(?P<name>.+)",
    re.I,
)
_DATA = {".npy", ".npz", ".json", ".txt", ".xml", ".pts", ".mat", ".csv", ".yaml", ".yml", ".bin"}
_DROPPED = {"raw", "c0", "c15", "c23", "c40", "frames", "images", "imgs", "faces", "videos"}


def of_folder(name: str) -> str | None:
    """What a folder of this name holds, a value of `KINDS`, or None. `with_mask` is no mask."""
    parts = labels.words(name)
    joined = "".join(parts)
    if _WORN & set(parts):
        return None
    found = next((KINDS[word] for word in parts if word in KINDS), None)
    if found or joined in KINDS:
        return found or KINDS[joined]
    ends = any(word.endswith(("mask", "masks")) for word in parts)
    return "masks" if ends or "groundtruth" in joined else None


def kinds(paths: Iterable[str]) -> dict[str, str]:
    """The sidecars among the files of a source: path -> its kind."""
    paths = list(paths)
    of: dict[str, str | None] = {}
    frames: dict[str, set[str]] = defaultdict(set)  # folder -> names of images without their ends
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in of:
            of[folder] = next(filter(None, map(of_folder, folder.split("/"))), None)
        if os.path.splitext(name)[1].lower() not in _DATA:
            frames[folder].add(name.rpartition(".")[0])
    found = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        stem, _, suffix = name.rpartition(".")
        if of[folder]:
            found[path] = of[folder]
        elif f".{suffix.lower()}" in _DATA and stem in frames[folder]:
            found[path] = "annotations"
        elif (match := _KIND.fullmatch(stem)) and (
            match["frame"] in frames[folder] or match["name"] in frames[folder]
        ):
            found[path] = "masks" if "mask" in match[0].lower() else "annotations"
    return found


def masks(frames: Iterable[str], sidecars: Mapping[str, str]) -> dict[str, str]:
    """frame -> its mask, of paths within one source; a mask that fits no one frame is left out."""
    if "masks" not in sidecars.values():  # most sources have none, and many frames
        return {}
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
    match = _KIND.fullmatch(stem)
    return (match["frame"] or match["name"]) if match else stem


def _place(path: str) -> tuple[str, ...]:
    *folders, name = path.split("/")
    kept = [name for name in folders
            if labels.normal(name) not in _DROPPED and not of_folder(name)]  # fmt: skip
    return (*kept, _without_kind(name.rpartition(".")[0]))
