"""What a group is, a split that cuts through groups, and one that does not."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from mesocore.course.diagrams import people
from mesocore.course.diagrams.canvas import ORANGE, Place, box, drawn, line, tint, title, write
from mesocore.course.diagrams.people import (
    ANNA,
    ANNA_BERT,
    ANNA_EYES,
    ANNA_SMILE,
    BERT,
    CARA,
    CARA_EYES,
    CARA_SMILE,
    Person,
)
from mesocore.course.plots import MUTED

GROUP = {ANNA_EYES: (0.72, "edit:\nlarger eyes"), ANNA_SMILE: (1.92, "edit:\nwider smile"),
         ANNA: (3.15, "photograph\nof A"), ANNA_BERT: (4.38, "composite: A\nwith B's mouth"),
         BERT: (5.58, "photograph\nof B")}  # fmt: skip
TOP, TRAIN, TEST = 3.62, 1.92, 0.92  # inches: the rows of faces
LEFT, RIGHT = 1.60, 4.70
RELATED = [(ANNA, ANNA_EYES), (ANNA, ANNA_SMILE), (ANNA, ANNA_BERT), (BERT, ANNA_BERT),
           (CARA, CARA_EYES), (CARA, CARA_SMILE)]  # fmt: skip


def split_and_leak() -> Figure:
    """A group of related images, split at random by image and split as a whole."""
    return drawn(_split_and_leak, 4.55)


def _split_and_leak(ax: Axes) -> None:
    title(ax, 3.15, 4.41, "One group: images that are not independent")
    for person, (x, words) in GROUP.items():
        people.portrait(ax, x, TOP, 0.62, person)
        write(ax, x, TOP - 0.49, words)
    for one, other in ((ANNA_SMILE, ANNA), (ANNA, ANNA_BERT), (ANNA_BERT, BERT)):
        line(ax, (GROUP[one][0] + 0.33, TOP), (GROUP[other][0] - 0.33, TOP), linewidth=1.6)
    ax.add_patch(FancyArrowPatch((GROUP[ANNA_EYES][0], TOP + 0.33), (GROUP[ANNA][0], TOP + 0.33),
                                 connectionstyle="arc3,rad=-0.13", arrowstyle="-", linewidth=1.6,
                                 shrinkA=0, shrinkB=0))  # fmt: skip
    _half(ax, LEFT, "Split by image, at random", [ANNA, ANNA_EYES, ANNA_BERT, CARA, CARA_EYES],
          [ANNA_SMILE, BERT, CARA_SMILE])  # fmt: skip
    _half(ax, RIGHT, "Split by group", [ANNA, ANNA_EYES, ANNA_SMILE, ANNA_BERT, BERT],
          [CARA, CARA_EYES, CARA_SMILE])  # fmt: skip
    line(ax, (3.15, 0.32), (3.15, 2.62), linewidth=0.5)
    write(ax, 3.15, 0.13, "Solid blue frame: photograph. Dashed vermilion frame: forgery. "
          "Line: one was made from the other.")  # fmt: skip


def _half(ax: Axes, x: float, name: str, train: list[Person], test: list[Person]) -> None:
    title(ax, x, 2.60, name)
    places: dict[Person, Place] = {}
    for y, tray, faces in ((TRAIN, "training", train), (TEST, "test", test)):
        box(ax, x, y, 2.92, 0.54, fill="#F4F4F4", edgecolor=MUTED, round_by=0.06, zorder=1)
        write(ax, x - 1.42, y + 0.37 if y == TRAIN else y - 0.36, tray, ha="left")
        for n, person in enumerate(faces):
            places[person] = (x + (n - (len(faces) - 1) / 2) * 0.57, y)
            people.portrait(ax, *places[person], 0.42, person)
    for one, other in RELATED:
        if (one in train) != (other in train):
            _leak(ax, places[one], places[other])
    leaks = len(leaking(train, test))
    if not leaks:
        write(ax, x, (TRAIN + TEST) / 2, "no line crosses")
    write(ax, x + 1.42, TEST - 0.36, f"{leaks} of {len(test)} test images have a relative in "
          "training", ha="right")  # fmt: skip


def leaking(train: list[Person], test: list[Person]) -> list[Person]:
    """The test images with a relative, over however many steps, among those of training."""
    groups = ({ANNA, ANNA_EYES, ANNA_SMILE, ANNA_BERT, BERT}, {CARA, CARA_EYES, CARA_SMILE})
    return [face for face in test for group in groups if face in group and group & set(train)]


def _leak(ax: Axes, one: Place, other: Place) -> None:
    low, high = sorted((one, other), key=lambda place: place[1])
    start, end = (high[0], high[1] - 0.22), (low[0], low[1] + 0.22)
    line(ax, start, end, linewidth=1.6)
    box(ax, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2, 0.40, 0.19, "leak",
        tint(ORANGE, 0.5), 0.05)  # fmt: skip
