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
        # whole numbers are soonest here; as a graph for other runtimes, floats that hold them
        kind = torch.float32 if torch.jit.is_tracing() else torch.int16
        red, green, blue = images.to(kind).unbind(1)  # (N, H, W) each
        wide = [x if x.is_floating_point() else x.int() for x in (red, green, blue)]
        brightness = _shifted(77 * wide[0] + 150 * wide[1] + 29 * wide[2], 8).to(kind)
        colours = (brightness, red - green, blue - green)
        runs = [_runs(*pair) for colour in colours for pair in _residuals(colour)]
        with torch.autocast(images.device.type, enabled=False):  # bf16 counts to 256
            counted = torch.stack([count(each, RUNS) for each in runs], dim=1) @ self.fold
            total = counted.sum(2, keepdim=True)
            return (counted / total).sqrt().flatten(1)


def _runs(rows: Tensor, columns: Tensor) -> Tensor:
    """Numbers of all runs of three of two residuals `(N, H, W)`, of the first along rows and of
    the second along columns: `(N, M)`."""
    kind = rows.dtype if rows.is_floating_point() else torch.uint8
    rows, columns = (x.clamp(-REACH, REACH).add(REACH).to(kind) for x in (rows, columns))
    runs = [
        rows[:, :, :-2] * VALUES**2 + rows[:, :, 1:-1] * VALUES + rows[:, :, 2:],
        columns[:, :-2] * VALUES**2 + columns[:, 1:-1] * VALUES + columns[:, 2:],
    ]
    return torch.cat([x.flatten(1) for x in runs], dim=1)


def count(values: Tensor, kinds: int) -> Tensor:
    """How often each whole number below `kinds` occurs: `(N, M)` -> float `(N, kinds)`."""
    many = values.is_cuda or values.is_floating_point()
    return scattered(values, kinds) if many else row_by_row(values, kinds)


def row_by_row(values: Tensor, kinds: int) -> Tensor:
    """`count` of uint8 as a CPU does it soonest, by a factor of eight."""
    counts = [torch.bincount(row, minlength=kinds) for row in values]
    return torch.stack(counts).float() if counts else torch.zeros(0, kinds)


def scattered(values: Tensor, kinds: int) -> Tensor:
    """`count` as a GPU does it soonest, all rows at once, and as ONNX can say it."""
    empty = torch.zeros(values.shape[0], kinds, device=values.device)
    return empty.scatter_add(1, values.long(), torch.ones_like(values, dtype=torch.float32))


def _residuals(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """`(N, H, W)` of whole numbers -> five residuals along rows, and the same along columns."""
    right, down = x[:, :, 1:] - x[:, :, :-1], x[:, 1:] - x[:, :-1]
    across, along = right[:, :, 1:] - right[:, :, :-1], down[:, 1:] - down[:, :-1]
    third = across[:, :, 1:] - across[:, :, :-1], along[:, 1:] - along[:, :-1]
    both = _quarter(across[:, 2:] - 2 * across[:, 1:-1] + across[:, :-2])
    return [
        (right, down),
        tuple(_shifted(y + (y < 0).to(y.dtype), 1) for y in (across, along)),  # towards 0
        (both, both),
        tuple(map(_quarter, third)),
        (_quarter(right), _quarter(down)),
    ]


def _quarter(x: Tensor) -> Tensor:
    """The nearest whole number to a quarter; halves away from 0."""
    return _shifted(x + 2 - (x < 0).to(x.dtype), 2)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """`x >> bits`, of whole numbers that floats hold too."""
    return (x * 0.5**bits).floor() if x.is_floating_point() else x >> bits


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
