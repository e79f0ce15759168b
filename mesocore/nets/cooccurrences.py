"""Co-occurrences of residuals: which small steps between neighbouring pixels follow one another.

After Fridrich & Kodovsky, "Rich Models for Steganalysis of Digital Images", TIFS 2012: residuals
are quantised coarsely and cut off, and how often each short run of values occurs says how a
picture's noise was made. Nothing in them is learnt, so that a few hundred images are enough to
learn from, which a filter of one's own is not. Theirs are thousands of features of 30 filters, for
runs of four; ours are 585, of five filters and runs of three, and of differences of colours too,
as Nataraj et al., "Detecting GAN generated Fake Images using Co-occurrence Matrices", 2019, count
colours.
"""

import torch
from torch import Tensor, nn

REACH = 2  # residuals are cut off at -2 and 2
VALUES = 2 * REACH + 1
RUNS = VALUES**3


class Cooccurrences(nn.Module):
    """Shares of runs of three residuals, as their square roots: uint8 `(N, 3, H, W)` -> `(N, 585)`.

    Of brightness, red minus green and blue minus green; of each five residuals: the step to the
    next pixel and a quarter of it, half of the second difference, a quarter of the third, and a
    quarter of the second difference both ways; each along rows and columns. A run, its reverse,
    and both negated count as one, which leaves 39 of 125. No gradient goes through it.
    """

    def __init__(self) -> None:
        super().__init__()
        alike = _alike()
        fold = torch.zeros(RUNS, max(alike) + 1)
        fold[torch.arange(RUNS), torch.tensor(alike)] = 1
        self.register_buffer("fold", fold, persistent=False)
        self.features = 15 * fold.shape[1]

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        red, green, blue = images.to(torch.int16).unbind(1)  # (N, H, W) each
        brightness = ((77 * red.int() + 150 * green.int() + 29 * blue.int()) >> 8).to(torch.int16)
        colours = (brightness, red - green, blue - green)
        with torch.autocast(images.device.type, enabled=False):  # bf16 counts to 256
            return torch.cat([self._shares(*pair) for c in colours for pair in _residuals(c)], 1)

    def _shares(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Residuals to be read along rows, and those along columns, `(N, H, W)` -> `(N, 39)`."""
        rows, columns = (x.clamp(-REACH, REACH).add(REACH).to(torch.uint8) for x in (rows, columns))
        runs = [
            rows[:, :, :-2] * VALUES**2 + rows[:, :, 1:-1] * VALUES + rows[:, :, 2:],
            columns[:, :-2] * VALUES**2 + columns[:, 1:-1] * VALUES + columns[:, 2:],
        ]
        runs = torch.cat([x.flatten(1) for x in runs], dim=1)
        return (count(runs, RUNS) @ self.fold / runs.shape[1]).sqrt()


def count(values: Tensor, kinds: int) -> Tensor:
    """How often each whole number below `kinds` occurs: uint8 `(N, M)` -> float `(N, kinds)`."""
    return scattered(values, kinds) if values.is_cuda else row_by_row(values, kinds)


def row_by_row(values: Tensor, kinds: int) -> Tensor:
    """`count` as a CPU does it soonest, by a factor of eight."""
    counts = [torch.bincount(row, minlength=kinds) for row in values]
    return torch.stack(counts).float() if counts else torch.zeros(0, kinds)


def scattered(values: Tensor, kinds: int) -> Tensor:
    """`count` as a GPU does it soonest, all rows at once."""
    empty = torch.zeros(len(values), kinds, device=values.device)
    ones = torch.ones(1, 1, device=values.device).expand(values.shape)
    return empty.scatter_add(1, values.long(), ones)


def _residuals(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """int16 `(N, H, W)` -> five residuals along rows, and the same along columns."""
    right, down = x[:, :, 1:] - x[:, :, :-1], x[:, 1:] - x[:, :-1]
    across, along = right[:, :, 1:] - right[:, :, :-1], down[:, 1:] - down[:, :-1]
    third = across[:, :, 1:] - across[:, :, :-1], along[:, 1:] - along[:, :-1]
    both = _quarter(across[:, 2:] - 2 * across[:, 1:-1] + across[:, :-2])
    return [
        (right, down),
        tuple((y + (y < 0).to(torch.int16)) >> 1 for y in (across, along)),  # towards 0
        (both, both),
        tuple(map(_quarter, third)),
        (_quarter(right), _quarter(down)),
    ]


def _quarter(x: Tensor) -> Tensor:
    """The nearest whole number to a quarter; halves away from 0."""
    return (x + 2 - (x < 0).to(torch.int16)) >> 2


def _alike() -> list[int]:
    """For each of the 125 runs, by its number, that of the group of runs that count as one."""
    groups: dict[tuple[int, ...], int] = {}
    most, found = VALUES - 1, []
    for number in range(RUNS):
        run = (number // VALUES**2, number // VALUES % VALUES, number % VALUES)
        negated = tuple(most - value for value in run)
        first = min(run, run[::-1], negated, negated[::-1])
        found.append(groups.setdefault(first, len(groups)))
    return found
