"""Which label a file's folders give it.

The nearest folder above a file whose name holds a label word decides (the source's own name counts
last). A word in a name that stands higher up says nothing where labels of both kinds lie below it:
`deepfakes/real/` is real. What the folders leave open stays without a label, and says why.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mesocore.core.errors import UserError

REAL_WORDS = ("real", "reals", "original", "originals", "authentic", "pristine", "genuine")
FAKE_WORDS = (
    "fake", "fakes", "deepfake", "deepfakes", "forged", "forgery", "forgeries", "manipulated",
    "tampered", "altered", "edited", "spliced", "photoshopped", "generated", "synthetic",
    "synthesis", "synthesized", "faceswap", "face2face", "neuraltextures", "faceshifter",
)  # fmt: skip
# names that mean a label only as a whole: of MesoNet, CASIA, GenImage, FakeAVCeleb (its pictures)
CODES = {
    "df": "fake", "au": "real", "tp": "fake", "nature": "real", "ai": "fake",
    "realvideo_realaudio": "real", "realvideo_fakeaudio": "real",
    "fakevideo_realaudio": "fake", "fakevideo_fakeaudio": "fake",
}  # fmt: skip
BOTH = "both"  # the label of a name such as real_vs_fake, which is none
_WORDS = dict.fromkeys(REAL_WORDS, "real") | dict.fromkeys(FAKE_WORDS, "fake")
_NO_LABEL = {"detection", "detector", "detect", "challenge", "benchmark"}  # names of projects
_NOUN = re.compile(r"(images?|imgs?|faces?|videos?|frames?|photos?|pics?|data)$")


def words(name: str) -> list[str]:
    """The lower-case words of a name: at case changes, digits and signs. "Fake_Images2" has 3."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def normal(name: str) -> str:
    """A name in lower case, with one "_" for all that is neither letter nor digit."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def of_name(name: str, given: Mapping[str, str] | None = None) -> str | None:
    """The label of a folder's name: "real", "fake", `BOTH`, or None.

    given: names as `normal` gives them -> label; they come before the known words.
    """
    plain = normal(name)
    if given and plain in given:
        return given[plain]
    if plain in CODES:
        return CODES[plain]
    parts, squeezed = words(name), plain.replace("_", "")
    found = {_WORDS[word] for word in (*parts, squeezed, _NOUN.sub("", squeezed)) if word in _WORDS}
    if len(found) == 2:
        return BOTH
    return None if _NO_LABEL & set(parts) else next(iter(found), None)


def parse_given(pairs: Iterable[str]) -> dict[str, str]:
    """["NAME=fake", ...] -> {normal(NAME): "fake"}. Raises `UserError`."""
    given = {}
    for pair in pairs:
        name, _, label = pair.rpartition("=")
        if not normal(name) or label not in ("real", "fake"):
            raise UserError(f"--label {pair!r}: write FOLDER=real or FOLDER=fake")
        if given.setdefault(normal(name), label) != label:
            raise UserError(f"--label gives {name} both labels; give it once")
    return given


@dataclass(frozen=True)
class Found:
    """What the folders say of one folder's files: a label and the folder that has it (its depth:
    0 is the source itself), or why there is none."""

    label: str | None
    depth: int = 0
    reason: str = ""


class FolderLabels:
    """The labels of the folders that hold files: of each by all of them.

    folders: relative to the source, "" for the source itself, whose name is `root`.
    """

    def __init__(self, folders: Iterable[str], root: str, given: Mapping[str, str] | None = None):
        self.root, self.given = root, dict(given or {})
        self._own: dict[tuple[str, ...], str | None] = {}
        self._below: dict[tuple[str, ...], set[str]] = {}
        self._used: set[tuple[str, ...]] = set()  # folders whose label some file takes
        folders = {self._parts(folder) for folder in folders}
        for parts in folders:
            for depth in range(len(parts)):
                place = parts[: depth + 1]
                self._own.setdefault(place, of_name(parts[depth], self.given))
        for place, label in self._own.items():
            if label in ("real", "fake"):
                for depth in range(1, len(place)):
                    self._below.setdefault(place[:depth], set()).add(label)
        for parts in folders:
            if nearest := self._labelled(parts):
                self._used.add(nearest[-1])
        unknown = set(self.given) - {normal(part) for parts in folders for part in parts}
        self.unknown = sorted(unknown)  # given names that no folder has

    def some(self, most: int = 10) -> str:
        """The folders, the shallowest first, as text for an error."""
        found = sorted({"/".join(p[1:]) or "." for p in self._own}, key=lambda p: (p.count("/"), p))
        found = [place for place in found if place != "."] or found
        more = f" and {len(found) - most} more" if len(found) > most else ""
        return ", ".join(found[:most]) + more

    def _parts(self, folder: str) -> tuple[str, ...]:
        return (self.root, *folder.split("/")) if folder else (self.root,)

    def _labelled(self, parts: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The folders above, and the folder itself, that have a label; the nearest last."""
        places = [parts[: depth + 1] for depth in range(len(parts))]
        return [place for place in places if self._own[place] in ("real", "fake")]

    def __getitem__(self, folder: str) -> Found:
        parts = self._parts(folder)
        *above, nearest = self._labelled(parts) or [None]
        if nearest is None:
            both = next((p[-1] for p in self._own if self._own[p] == BOTH and parts[: len(p)] == p),
                        None)  # fmt: skip
            reason = f"{both} names both labels, and no folder below it does" if both else (
                "no real or fake folder above it")  # fmt: skip
            return Found(None, reason=reason)
        label = self._own[nearest]
        other = "fake" if label == "real" else "real"
        inherits = nearest != parts or len(nearest) == 1
        if inherits and other in self._below.get(nearest, ()):
            return Found(None, reason=f"no label word of its own: in {nearest[-1]}, beside folders "
                         f"that say {other}")  # fmt: skip
        for place in above:
            clash = self._own[place] == other and self._below[place] == {label}
            if clash and place in self._used and len(place) > 1:
                return Found(None, reason=f"two labels: {place[-1]} says {other}, {nearest[-1]} "
                             f"says {label}")  # fmt: skip
        return Found(label, len(nearest) - 1)
