"""What sources were taken to be, in numbers and in words: nobody should have to trust a guess."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.data.assembled_set import LABELS, SPLITS
from mesocore.data.sources import labels
from mesocore.data.sources.scanning import Candidate, Scan

_MOST = 12  # lines of labelled folders


def found(scans: Sequence[Scan], candidates: Sequence[Candidate], keep_splits: bool) -> dict:
    """Plain values for assembly.json.

    labels: label -> folder -> images. videos: what named them -> how many. sidecars: kind -> files.
    masks: images that have one. given_splits: split -> images. notes: what else should be known.
    """
    folders, videos, beside = Counter(), Counter(), Counter()
    for scan in scans:
        own = scan.candidates[0].source if scan.candidates and len(scans) > 1 else ""
        for (label, folder), number in scan.folders.items():
            folders[label, f"{own}/{folder}" if own else folder] += number
        videos.update(scan.videos)
        beside.update(scan.sidecars)
    given = Counter(c.split for c in candidates if c.split)
    return {
        "labels": _by_label(folders),
        "videos": dict(videos),
        "sidecars": dict(sorted(beside.items())),
        "masks": sum(bool(c.mask) for c in candidates),
        "given_splits": {name: given[name] for name in SPLITS if given[name]},
        "notes": [note for scan in scans for note in scan.notes],
        "kept_splits": keep_splits,
    }


def _by_label(folders: Counter) -> dict[str, dict[str, int]]:
    """label -> folder -> images; where there are many folders, those of one name are one."""
    if len(folders) > _MOST:
        together: dict[tuple[str, str], list[int]] = defaultdict(list)
        for (label, folder), number in folders.items():
            together[label, folder.rpartition("/")[2]].append(number)
        folders = Counter({
            (label, f"{name} ({len(numbers)} folders)" if len(numbers) > 1 else name): sum(numbers)
            for (label, name), numbers in together.items()
        })  # fmt: skip
    return {
        label: {folder: number for (one, folder), number in folders.most_common() if one == label}
        for label in LABELS
    }


def lines(about: dict) -> list[str]:
    """`found`, line by line, for the terminal."""
    if not about:
        return []
    text = []
    for label, folders in about["labels"].items():
        shown = [f"{folder} {number}" for folder, number in list(folders.items())[:_MOST]]
        rest = len(folders) - len(shown)
        text.append(f"{label}: {', '.join(shown)}" + (f" and {rest} more" if rest else ""))
    if about["videos"]:
        shown = [f"{number} from {what}" for what, number in about["videos"].items()]
        text.append(f"videos: {', '.join(shown)}; images of one are one group (if they are none: "
                    "--group-by image)")  # fmt: skip
    elif not about["notes"]:
        text.append("videos: none seen in folders or names; each image is a group, with its "
                    "near-duplicates (if they are frames: groups.csv)")  # fmt: skip
    text += [f"note: {note}" for note in about["notes"]]
    if about["sidecars"]:
        shown = [f"{number} {kind}" for kind, number in about["sidecars"].items()]
        text.append(f"beside the images: {', '.join(shown)}; {about['masks']} images have a mask")
    if about["given_splits"]:
        shown = [f"{name} {number}" for name, number in about["given_splits"].items()]
        done = "kept" if about["kept_splits"] else "replaced (to keep them: --keep-splits)"
        text.append(f"splits of the collection: {', '.join(shown)}; {done}")
    return text


def check_classes(scans: Sequence[Scan], folders: Sequence[Path]) -> None:
    """Raises `UserError` if a label has no image, with what was found and how to say what it is."""
    there = {candidate.label for scan in scans for candidate in scan.candidates}
    missing = [label for label in LABELS if label not in there]
    if not missing:
        return
    places = ", ".join(map(str, folders))
    without = sum(len(scan.unlabelled) for scan in scans)
    reasons = Counter(reason for scan in scans for _, reason in scan.unlabelled)
    count = f" ({without} files without a label)" if without else ""
    if reasons:
        count += f", mostly: {reasons.most_common(1)[0][0]}"
    tree = "; ".join(scan.tree for scan in scans if scan.tree)
    word = labels.REAL_WORDS if missing[0] == "real" else labels.FAKE_WORDS
    raise UserError(
        f"no {missing[0]} image in {places}{count}. Folders: {tree}. Names that mean "
        f"{missing[0]}: {', '.join(word)}. Say what others mean: --label FOLDER={missing[0]}"
    )
