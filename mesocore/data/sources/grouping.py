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

FEW = 3  # folders alike but for numbers, above others: fewer are no videos
MANY = 10  # the same of names that differ (StyleGAN2, ProGAN)
_STRUCTURE = {  # folders that every collection has
    "frames", "frame", "images", "image", "imgs", "img", "faces", "face", "crops", "cropped",
    "aligned", "videos", "video", "data", "dataset", "rgb", "png", "jpg", "jpeg", "sequences",
    "raw", "c0", "c15", "c23", "c40", "youtube", "actors",
}  # fmt: skip
_NO_NAME = {"easy", "mid", "hard", "frame", "image", "img", "face", "photo", "dsc", "dscn", "pic",
            "seed", "crop", "sample", "p", "pxl"}  # fmt: skip
_FRAME = re.compile(
    r"(?P<video>.*?)(?:[_\-. ]+(?:f|img|image|face|crop)?|[_\-. ]*(?:frame|frm))[_\-. ]*"
    r"(?P<frame>\d+(?:\.\d+)?s?)$"
    r"|(?:frame|frm)[_\-. ]*(?P<number>\d+)[_\-. ]+(?P<last>.+)",
    re.I,
)
_LAST_WORD = re.compile(r"[_\-. ]+(?:faces?|aligned|crop(?:ped)?|orig)$", re.I)
_CASIA = re.compile(
    r"(?:tp|sp)_.*?_([a-z]{3}\d{4,5})_([a-z]{3}\d{4,5})_\d+|au_([a-z]{3})_(\d{4,5})"
)
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
    notes: list[str] = []
    _from_above(parts, plain, depth, given, notes)
    folder_of = _from_folders(plain, label, notes)
    name_of = _from_names(paths, label, [folder is None for folder in folder_of], notes)
    videos, pairs = [], set()
    for folder, names, kind in zip(folder_of, name_of, label, strict=True):
        own = (folder,) if folder else names
        whole = tuple(dict.fromkeys(video for name in own for video in _members(name, kind)))
        if len(whole) > 1:
            pairs.add(own)
        videos.append(whole)
    by_name = Counter(name for names in name_of for name in names)
    several = sorted(name for name, number in by_name.items() if number > 1)
    found = {
        "folders": sorted({folder for folder in folder_of if folder}),
        "names": several,
        "pairs": sorted("_".join(pair) for pair in pairs),
    }
    shown = {f"{what} ({', '.join(names[:3])}{', ...' * (len(names) > 3)})": len(names)
             for what, names in found.items() if names}  # fmt: skip
    return Groups(videos, shown, notes)


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
    given: Mapping[str, str] | None, notes: list[str],
) -> None:  # fmt: skip
    """Where label folders stand within numbered folders (`000/real/`), or are several themselves
    (`000_fake/`), those are the videos: they come first in `plain`."""
    above = [
        p[d - 2] if d > 1 and not _is_structure(p[d - 2], given) else ""
        for p, d in zip(parts, depth, strict=True)
    ]
    own = [_without_labels(p[d - 1]) if d and not names else ""
           for p, names, d in zip(parts, plain, depth, strict=True)]  # fmt: skip
    for found in (above, own):
        different = {name for name in found if re.search(r"\d", name)}
        if len(different) >= FEW:
            for names, name in zip(plain, found, strict=True):
                if name in different:
                    names.insert(0, name)
    letters = sorted({name for name in above if name and not re.search(r"\d", name)})
    if len(letters) > 1:
        notes.append(f"{', '.join(letters[:6])}: folders above the labels are taken as kinds of "
                     "images; if they are people or videos: groups.csv")  # fmt: skip


def _without_labels(name: str) -> str:
    """A name without its label words at either end: `0000_fake` -> "0000"."""
    parts = re.findall(r"[^_\-. ]+|[_\-. ]+", name)  # words and what is between them
    while parts and labels.of_name(parts[-1]):
        del parts[-2:]
    while parts and labels.of_name(parts[0]):
        del parts[:2]
    return "".join(parts)


def _alike(names: Iterable[str]) -> bool:
    """True for names that differ in their numbers alone, or nearly: they count something."""
    names = list(names)
    forms = {re.sub(r"\d+", "", name) for name in names}
    return all(re.search(r"\d", name) for name in names) and len(forms) <= max(1, len(names) // 3)


def _from_folders(
    plain: list[list[str]], label: Sequence[str], notes: list[str]
) -> list[str | None]:
    """The folder that is each image's video, None if its folder is none."""
    kinds: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for names, kind in zip(plain, label, strict=True):
        if names:
            kinds[kind].add(tuple(names))
    elsewhere = {
        kind: {video for other, folders in kinds.items() if other != kind
               for folder in folders for name in folder for video in _members(_clean(name), other)}
        for kind in kinds
    }  # fmt: skip
    video: dict[tuple[str, tuple[str, ...]], str] = {}
    for kind, folders in sorted(kinds.items()):
        leaves = Counter(folder[-1] for folder in folders)
        known = any(member in elsewhere[kind] for leaf in leaves
                    for member in _members(_clean(leaf), kind))  # fmt: skip
        nested = leaves.most_common(1)[0][1] > 1 and len({folder[0] for folder in folders}) > FEW
        telling = known or nested or _alike(leaves) or len(leaves) >= MANY
        if len(folders) < 2 or not telling:
            names = ", ".join(sorted(leaves)[:6])
            notes.append(f"{kind} images in {names}: taken as kinds of images, not as videos")
            continue
        for folder in folders:
            video[kind, folder] = _clean(_telling(folder, folders, leaves))
    return [video.get((kind, tuple(names))) for names, kind in zip(plain, label, strict=True)]


def _telling(folder: tuple[str, ...], folders: set[tuple[str, ...]], leaves: Counter) -> str:
    """The part of a folder's path that is its video: the highest of several numbered ones.

    Else the last; or the first where the last ones repeat: alice/01 and bob/01 are two people.
    """
    for level, name in enumerate(folder[:-1]):
        peers = {other[level] for other in folders if len(other) > level}
        if len(peers) >= FEW and _alike(peers):
            return name
    tops = {other[0] for other in folders}
    return folder[0] if leaves[folder[-1]] > 1 and len(tops) > FEW else folder[-1]


def _from_names(
    paths: Sequence[str], label: Sequence[str], wanted: Sequence[bool], notes: list[str]
) -> list[tuple[str, ...]]:
    """The videos that names give: what stands before the number of the frame.

    After VIDEO_FRAME a face may be counted; where the last number takes few values, what stands
    before the number before it joins too. Names that are a video's name alone, or that of a pair of
    reals, are joined to it.
    """
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    whole = [_whole(path) for path in paths]
    for row, (path, kind) in enumerate(zip(paths, label, strict=True)):
        if wanted[row]:
            places[path.rpartition("/")[0], kind].append(row)
    found: list[tuple[str, ...]] = [()] * len(paths)
    for rows in places.values():
        first = {row: match for row in rows if (match := _FRAME.fullmatch(whole[row]))}
        counted = len({match["frame"] or match["number"] for match in first.values()}) <= 4
        second = {row: again for row, match in first.items()
                  if counted and (again := _FRAME.fullmatch(match["video"] or ""))}  # fmt: skip
        for stems in (first, second):
            names = {row: match["video"] or match["last"] or "" for row, match in stems.items()}
            for row, stem in _believed(names, notes).items():
                found[row] = (*found[row], stem)
    _join_whole_names(found, whole, label, wanted)
    for row, path in enumerate(paths):
        if casia := _CASIA.fullmatch(_clean(path.rpartition("/")[2].rpartition(".")[0])):
            of = [casia[3] + casia[4]] if casia[3] else [casia[1], casia[2]]
            found[row] = tuple(dict.fromkeys(of))
    return found


def _join_whole_names(
    found: list[tuple[str, ...]], whole: list[str], label: Sequence[str], wanted: Sequence[bool]
) -> None:
    reals = {name for name, kind in zip(whole, label, strict=True) if kind == "real"}
    stems = {stem for names in found for stem in names}
    fakes = {name for name, kind in zip(whole, label, strict=True) if kind == "fake"}
    pairs = {name for name in fakes if re.fullmatch(r"\d+_\d+", name)
             and set(name.split("_")) <= reals}  # fmt: skip
    single = {video for pair in pairs for video in pair.split("_")}
    for row, name in enumerate(whole):
        if wanted[row] and (name in pairs or not found[row] and name in stems | single):
            found[row] = (name,)


def _whole(path: str) -> str:
    """A file's name without its ending, label words and a last word such as face."""
    return _clean(_without_labels(_LAST_WORD.sub("", path.rpartition("/")[2].rpartition(".")[0])))


def _believed(stems: dict[int, str], notes: list[str]) -> dict[int, str]:
    """Of stems by row those that can tell videos apart: one for all is only a way of naming."""
    cleaned = {row: _clean(stem) for row, stem in stems.items()}
    counts = Counter(cleaned.values())
    good = {stem for stem in counts if stem and stem not in _NO_NAME}
    numbered = {stem for stem in good if re.search(r"\d", stem)}
    if len(good) < MANY:
        letters = sorted(stem for stem in good - numbered if counts[stem] > 1)
        if len(letters) > 1:
            notes.append(f"names that begin with {', '.join(letters[:6])}: taken as ways of "
                         "naming, not as videos")  # fmt: skip
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
