"""Which label a file's folders give it.

The nearest folder above a file whose name holds a label word decides (the source's own name counts
last). A word in a name that stands higher up says nothing where labels of both kinds lie below it:
in `deepfakes/`, `real/` beside `fake/` is real. Where only the contrary lies below it, two words
contradict each other. What the folders leave open stays without a label, and says why.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mesocore.core.errors import UserError

REAL_WORDS = ("real", "reals", "original", "originals", "authentic", "pristine", "genuine", "auth")
FAKE_WORDS = (
    "fake", "fakes", "deepfake", "deepfakes", "forged", "forgery", "forgeries", "manipulated",
    "tampered", "altered", "edited", "spliced", "splc", "photoshopped", "generated", "synthetic",
    "synthesis", "synthesized", "faceswap", "face2face", "neuraltextures", "faceshifter",
)  # fmt: skip
# names that mean a label only as a whole, and with no label word above them: of MesoNet, CASIA,
# GenImage, FakeAVCeleb (its pictures), FaceForensics++
CODES = {
    "df": "fake", "au": "real", "tp": "fake", "sp": "fake", "nature": "real", "ai": "fake",
    "realvideo_realaudio": "real", "realvideo_fakeaudio": "real",
    "fakevideo_realaudio": "fake", "fakevideo_fakeaudio": "fake",
    "deepfakedetection": "fake", "deepfakedetection_original": "real",
}  # fmt: skip
BOTH = "both"  # the label of a name such as real_vs_fake, which is none
_WORDS = dict.fromkeys(REAL_WORDS, "real") | dict.fromkeys(FAKE_WORDS, "fake")
_NO_LABEL = {  # names of projects, and what turns a word round
    "detection", "detector", "detect", "challenge", "benchmark",
    "not", "non", "no", "un", "without", "never",
}  # fmt: skip
_GENERATORS = re.compile("realvis|realesrgan")  # whose names begin with a label word
_NOUN = re.compile(r"(images?|imgs?|faces?|videos?|frames?|photos?|pics?|data)$")


def words(name: str) -> list[str]:
    """The lower-case words of a name: at case changes, digits and signs. "Fake_Images2" has 3."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


@functools.lru_cache(4096)
def normal(name: str) -> str:
    """A name in lower case, with one "_" for all that is neither letter nor digit."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", name).casefold()).strip("_")


def of_name(name: str, given: Mapping[str, str] | None = None) -> str | None:
    """The label of a folder's name: "real", "fake", `BOTH`, or None.

    given: of `parse_given`; its names come before the known words.
    """
    return given and _given(name, given) or _of_known_words(name)


@functools.lru_cache(4096)  # the same folders stand above many files
def _of_known_words(name: str) -> str | None:
    plain = normal(name)
    if plain in CODES:
        return CODES[plain]
    parts, squeezed = words(name), plain.replace("_", "")
    if _GENERATORS.match(squeezed):
        return None
    found = {_WORDS[word] for word in (*parts, squeezed, _NOUN.sub("", squeezed)) if word in _WORDS}
    if len(found) == 2:
        return BOTH
    return None if _NO_LABEL & set(parts) else next(iter(found), None)


def _given(name: str, given: Mapping[str, str]) -> str | None:
    """The label given for exactly this name, or else for one that differs in signs and case."""
    exact = name.strip().casefold()
    if exact in given:
        return given[exact]
    alike = {given[other] for other in given if normal(other) == normal(name)}
    return alike.pop() if len(alike) == 1 else None


def parse_given(pairs: Iterable[str]) -> dict[str, str]:
    """["NAME=fake", ...] -> {NAME in lower case: "fake"}. Raises `UserError`."""
    given = {}
    for pair in pairs:
        name, _, label = pair.rpartition("=")
        name = name.strip().casefold()
        if not name or label not in ("real", "fake"):
            raise UserError(f"--label {pair!r}: write FOLDER=real or FOLDER=fake")
        if "/" in name:
            raise UserError(f"--label {pair!r}: write the folder's own name, without its path")
        if given.setdefault(name, label) != label:
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
        folders = {self._parts(folder) for folder in folders}
        for parts in folders:
            for depth in range(len(parts)):
                place = parts[: depth + 1]
                self._own.setdefault(place, self._of_place(place))
        for place, label in self._own.items():
            if label in ("real", "fake"):
                for depth in range(1, len(place)):
                    self._below.setdefault(place[:depth], set()).add(label)
        names = {normal(part) for parts in folders for part in parts}
        # given names that no folder has
        self.unknown = sorted(name for name in self.given if normal(name) not in names)

    def _of_place(self, place: tuple[str, ...]) -> str | None:
        """The label of a folder's own name; a code below a label word is only a name."""
        label = of_name(place[-1], self.given)
        above = [of_name(name, self.given) for name in place[1:-1] if normal(name) not in CODES]
        is_code = normal(place[-1]) in CODES and not _given(place[-1], self.given)
        return None if is_code and {"real", "fake"} & set(above) else label

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
            if clash and len(place) > 1:
                return Found(None, reason=f"two labels: {place[-1]} says {other}, {nearest[-1]} "
                             f"says {label}")  # fmt: skip
        return Found(label, len(nearest) - 1)
