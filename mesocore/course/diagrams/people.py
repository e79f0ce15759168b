"""Simple faces, drawn with patches: people, edits, and a composite."""

from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.patches import Arc, Ellipse, Rectangle, Wedge

from mesocore.course.diagrams.canvas import INK, box
from mesocore.course.plots import FAKE, REAL


@dataclass(frozen=True)
class Person:
    """A face: colours of skin and hair, what else is seen, sizes in shares of the picture.

    `mouth_of`: the person whose mouth it has, in a patch of that person's skin.
    """

    skin: str
    hair: str
    long: bool = False
    bun: bool = False
    moustache: bool = False
    eye: float = 0.035
    smile: float = 0.20
    mouth_of: "Person | None" = None


ANNA = Person("#D9A679", "#5A3A22", long=True)
BERT = Person("#F6E0CC", "#2B2B2B", moustache=True)
CARA = Person("#B57F58", "#8C8C8C", bun=True)
ANNA_EYES = replace(ANNA, eye=0.062)
ANNA_SMILE = replace(ANNA, smile=0.34)
ANNA_BERT = replace(ANNA, mouth_of=BERT)
CARA_EYES = replace(CARA, eye=0.062)
CARA_SMILE = replace(CARA, smile=0.34)
PHOTOGRAPHS = (ANNA, BERT, CARA)


def portrait(ax: Axes, x: float, y: float, side: float, person: Person) -> None:
    """A picture around (x, y): photographs in solid blue frames, forgeries in dashed vermilion."""
    real = person in PHOTOGRAPHS
    box(ax, x, y, side, side, fill="white", edgecolor=REAL if real else FAKE, linewidth=1.8,
        linestyle="-" if real else (0, (2.5, 1.2)))  # fmt: skip

    def put(patch: Rectangle | Ellipse | Wedge | Arc, z: float) -> None:
        patch.set_zorder(3 + z)
        ax.add_patch(patch)

    def at(across: float, up: float) -> tuple[float, float]:
        return x + across * side, y + up * side

    thin = {"edgecolor": INK, "linewidth": 0.5}
    if person.long:
        put(Ellipse(at(0, 0.02), 0.72 * side, 0.86 * side, facecolor=person.hair), 0.1)
    if person.bun:
        put(Ellipse(at(0, 0.37), 0.24 * side, 0.2 * side, facecolor=person.hair), 0.1)
    put(Ellipse(at(0, -0.03), 0.54 * side, 0.72 * side, facecolor=person.skin, **thin), 0.2)
    put(Wedge(at(0, 0.12), 0.29 * side, 15, 165, facecolor=person.hair), 0.3)
    for eye in (-0.12, 0.12):
        put(Ellipse(at(eye, 0.02), 3 * person.eye * side, 2.2 * person.eye * side,
                    facecolor="white", **thin), 0.4)  # fmt: skip
        put(Ellipse(at(eye, 0.02), 1.2 * person.eye * side, 1.4 * person.eye * side,
                    facecolor=INK), 0.5)  # fmt: skip
    mouth = person.mouth_of or person
    if person.mouth_of:
        put(Rectangle(at(-0.18, -0.32), 0.36 * side, 0.20 * side, facecolor=mouth.skin,
                      edgecolor=INK, linewidth=0.6, linestyle=":"), 0.4)  # fmt: skip
    if mouth.moustache:
        put(Ellipse(at(0, -0.165), 0.26 * side, 0.075 * side, facecolor=mouth.hair), 0.6)
    curve = mouth.smile
    put(Arc(at(0, curve / 4 - 0.20), (0.12 + curve / 2) * side, curve * side, theta1=200,
            theta2=340, edgecolor="#7A1F1F", linewidth=1.3), 0.7)  # fmt: skip
