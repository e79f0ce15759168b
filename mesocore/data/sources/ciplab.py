"""What the file names of ciplab ("real and fake face detection") say."""

import re

REPLACED_PARTS = ("left eye", "right eye", "nose", "mouth")  # in the order of ciplab's digits
_CIPLAB = re.compile(r"(easy|mid|hard)_\d+_([01]{4})\.\w+")


def parsed(name: str) -> tuple[str, list[str]] | None:
    """Difficulty and replaced parts in the file name of a composite, None for any other name.

    ciplab ("real and fake face detection") names a fake `easy_100_1010.jpg`: how hard its makers
    found it to tell, a number, and for the left eye, the right eye, the nose and the mouth a 1
    where the part was replaced by somebody else's.
    """
    found = _CIPLAB.fullmatch(name)
    if not found:
        return None
    digits = zip(REPLACED_PARTS, found[2], strict=True)
    return found[1], [part for part, digit in digits if digit == "1"]


def edit(name: str) -> str:
    """The manifest's `edit` for the file name of a ciplab fake: "easy+left eye+nose".

    A name of another form is "", as for any fake of which nothing is known.
    """
    difficulty, parts = parsed(name) or ("", [])
    return "+".join([difficulty, *parts])
