"""What the names of published collections say about their images.

ciplab ("real and fake face detection") names a fake `easy_100_1010.jpg`: how hard its makers found
it to tell, a number, and for the left eye, the right eye, the nose and the mouth a 1 where the part
was replaced by somebody else's.
"""

import re

PARTS = ("left eye", "right eye", "nose", "mouth")
_CIPLAB = re.compile(r"(easy|mid|hard)_\d+_([01]{4})\.\w+")


def ciplab_edit(name: str) -> str:
    """The manifest's `edit` for the file name of a ciplab fake: "easy+left eye+nose".

    Difficulty first, then the replaced parts in the order of the digits. A name of another form is
    "", as for any fake of which nothing is known.
    """
    found = _CIPLAB.fullmatch(name)
    if not found:
        return ""
    replaced = [part for part, digit in zip(PARTS, found[2], strict=True) if digit == "1"]
    return "+".join([found[1], *replaced])
