"""Groups from how frames are stored: images of one video, person or photograph.

Frames of one video look alike and are no independent evidence, so a group must not cross a split.
Collections say which frames belong together by where they put them: a folder a video
(`000/00000.png`), a name a video and a number a frame (`id00_0000_000.png`), and a forged video by
the videos it was made of (`000_003`). Each image is given the names of its videos; images that
share one are a group. Too large a group wastes images, too small a one flatters the detector: where
names leave it open, the larger is taken, and what was found is said.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mesocore.data.assembled_set import SPLITS
from mesocore.data.sources import given_splits, labels

MANY = 4  # folders without numbers in their names: fewer are kinds of images, not videos
MANY_NAMES = 10  # the same of names
_STRUCTURE = {  # folders that every collection has
    "frames", "frame", "images", "image", "imgs", "img", "faces", "face", "crops", "cropped",
    "aligned", "videos", "video", "data", "dataset", "rgb", "png", "jpg", "jpeg", "sequences",
    "raw", "c0", "c15", "c23", "c40", "youtube", "actors",
}  # fmt: skip
_NO_NAME = {"easy", "mid", "hard", "frame", "image", "img", "face", "photo", "dsc", "dscn", "pic",
            "seed", "crop", "sample", "p", "pxl"}  # fmt: skip
_FRAME = re.compile(r"(.*?)[_\-. ]+(?:frame|frm|f|img|image|face|crop)?[_\-. ]*(\d+)$", re.I)
_VIDEO_FILE = re.compile(r"\.(mp4|avi|mov|mkv|webm)$", re.I)


@dataclass
class Groups:
    """`videos`: for each image the names of its videos, () if none is known.

    `found`: what named them ("folders", "names", "pairs") -> how many. `notes`: what was left open.
    """

    videos: list[tuple[str, ...]]
    found: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def of_paths(
    paths: Sequence[str], label: Sequence[str], depth: Sequence[int],
    given: Mapping[str, str] | None = None,
) -> Groups:  # fmt: skip
    """The videos of images.

    paths: of the images within their source. label: "real" or "fake". depth: of the folder that
    gave each its label (`labels.Found`). given: labels of folders' names, as `labels.of_name`.
    """
    parts = [path.split("/")[:-1] for path in paths]
    plain = [[name for name in p[d:] if not _is_structure(name, given)]
             for p, d in zip(parts, depth, strict=True)]  # fmt: skip
    _from_above(parts, plain, depth, given)
    notes: list[str] = []
    folder_of = _from_folders(plain, label, notes)
    name_of = _from_names(paths, label, [folder is None for folder in folder_of])
    videos, pairs = [], set()
    for folder, names, kind in zip(folder_of, name_of, label, strict=True):
        own = (folder,) if folder else names
        whole = tuple(dict.fromkeys(video for name in own for video in _members(name, kind)))
        if len(whole) > 1:
            pairs.add(own)
        videos.append(whole)
    by_name = Counter(name for names in name_of for name in names)
    found = {
        "folders": len({folder for folder in folder_of if folder}),
        "names": sum(number > 1 for number in by_name.values()),
        "pairs": len(pairs),
    }
    return Groups(videos, {what: number for what, number in found.items() if number}, notes)


def crossing(origins: Iterable[str], label: Iterable[str], split: Iterable[str]) -> list[str]:
    """The videos in more than one split, as text; `origins` are `source/path within the source`."""
    by_source: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for origin, kind, where in zip(origins, label, split, strict=True):
        source, _, path = origin.partition("/")
        by_source[source].append((path, kind, where))
    found = []
    for source, rows in sorted(by_source.items()):
        paths, kinds, places = zip(*rows, strict=True)
        folders = labels.FolderLabels({p.rpartition("/")[0] for p in paths}, source)
        depth = [folders[path.rpartition("/")[0]].depth for path in paths]
        where: dict[str, set[str]] = defaultdict(set)
        for names, place in zip(of_paths(paths, kinds, depth).videos, places, strict=True):
            for name in names:
                where[name].add(place)
        found += [f"{source}: {name} ({', '.join(s for s in SPLITS if s in places)})"
                  for name, places in sorted(where.items()) if len(places) > 1]  # fmt: skip
    return found


def _is_structure(name: str, given: Mapping[str, str] | None) -> bool:
    plain = labels.normal(name)
    known = plain in _STRUCTURE or given_splits.of_name(name) or labels.of_name(name, given)
    return bool(known) or bool(re.fullmatch(r"\d+x\d+|\d+px", plain))


def _from_above(
    parts: list[list[str]], plain: list[list[str]], depth: Sequence[int],
    given: Mapping[str, str] | None,
) -> None:  # fmt: skip
    """Where label folders stand within numbered folders (`000/real/`), those are the videos."""
    above = [
        p[d - 2] if d > 1 and not names and not _is_structure(p[d - 2], given) else None
        for p, names, d in zip(parts, plain, depth, strict=True)
    ]
    different = {name for name in above if name}
    if len(different) > 2 and all(re.search(r"\d", name) for name in different):
        for names, name in zip(plain, above, strict=True):
            if name:
                names.append(name)


def _from_folders(
    plain: list[list[str]], label: Sequence[str], notes: list[str]
) -> list[str | None]:
    """The folder that is each image's video, None if its folder is none."""
    kinds: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for names, kind in zip(plain, label, strict=True):
        if names:
            kinds[kind].add(tuple(names))
    video: dict[tuple[str, tuple[str, ...]], str] = {}
    for kind, folders in sorted(kinds.items()):
        leaves = Counter(folder[-1] for folder in folders)
        numbered = all(re.search(r"\d", leaf) for leaf in leaves)
        if len(folders) < (2 if numbered else MANY):
            notes.append(f"{kind} images in {', '.join(sorted(leaves))}: taken as kinds of images, "
                         "not as videos")  # fmt: skip
            continue
        tops = {folder[0] for folder in folders}
        for folder in folders:  # alice/01 and bob/01: each is one person, not two of one video
            repeated = leaves[folder[-1]] > 1 and len(tops) >= MANY
            video[kind, folder] = _clean(folder[0] if repeated else folder[-1])
    return [video.get((kind, tuple(names))) for names, kind in zip(plain, label, strict=True)]


def _from_names(
    paths: Sequence[str], label: Sequence[str], wanted: Sequence[bool]
) -> list[tuple[str, ...]]:
    """The videos that names give: what stands before the number of the frame.

    After VIDEO_FRAME a face may be counted; where the last number takes few values, what stands
    before the number before it joins too.
    """
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, (path, kind) in enumerate(zip(paths, label, strict=True)):
        if wanted[row]:
            places[path.rpartition("/")[0], kind].append(row)
    found: list[tuple[str, ...]] = [()] * len(paths)
    for rows in places.values():
        names = {row: paths[row].rpartition("/")[2].rpartition(".")[0] for row in rows}
        first = {row: match for row in rows if (match := _FRAME.fullmatch(names[row]))}
        counted = len({match[2] for match in first.values()}) <= 4
        second = {row: again for row, match in first.items()
                  if counted and (again := _FRAME.fullmatch(match[1]))}  # fmt: skip
        for stems in (first, second):
            for row, stem in _believed({row: m[1] for row, m in stems.items()}).items():
                found[row] = (*found[row], stem)
    return found


def _believed(stems: dict[int, str]) -> dict[int, str]:
    """Of stems by row those that can tell videos apart: one for all is only a way of naming."""
    cleaned = {row: _clean(stem) for row, stem in stems.items()}
    good = {stem for stem in set(cleaned.values())
            if stem and stem not in _NO_NAME and not labels.of_name(stem)}  # fmt: skip
    numbered = {stem for stem in good if re.search(r"\d", stem)}
    if len(good) < MANY_NAMES:
        good = numbered
    if len(good) < 2:
        return {}
    return {row: stem for row, stem in cleaned.items() if stem in good}


def _clean(name: str) -> str:
    return _VIDEO_FILE.sub("", name).strip(" _-.").lower()


def _members(name: str, label: str) -> tuple[str, ...]:
    """The videos that a name stands for.

    FaceForensics++: a forged `000_003` shows video 000 with a face of 003. Celeb-DF: `id0_id1_0000`
    is the video id0_0000. DeepFakeDetection: what precedes "__" are actors.
    """
    if match := re.fullmatch(r"(\d+(?:_\d+)*)__.*", name):
        return tuple(match[1].split("_"))
    if label == "fake" and (match := re.fullmatch(r"(id\d+)_id\d+_(\d+)", name)):
        return (f"{match[1]}_{match[2]}",)
    if label == "fake" and (match := re.fullmatch(r"(\d+)_(\d+)", name)):
        return match[1], match[2]
    return (name,)
