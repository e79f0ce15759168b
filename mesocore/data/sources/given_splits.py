"""The splits that a collection comes with: folders called train, val and test."""

from mesocore.data.sources import labels

WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def of_name(name: str) -> str | None:
    """The split that a folder's name says ("real_train": train), None if none or several."""
    found = {WORDS[word] for word in labels.words(name) if word in WORDS}
    return found.pop() if len(found) == 1 else None


def of_path(path: str) -> str:
    """The split of the nearest folder above the file at `path` that says one, "" if none does."""
    return next(filter(None, map(of_name, reversed(path.split("/")[:-1]))), "")
