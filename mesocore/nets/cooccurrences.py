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

from mesocore.nets import residual_runs
from mesocore.nets.residual_runs import REACH, RUNS, VALUES


class Cooccurrences(nn.Module):
    """Shares of runs of three residuals, as their square roots: uint8 `(N, 3, H, W)` -> `(N, 585)`.

    Of brightness, red minus green and blue minus green; of each five residuals: the step to the
    next pixel and a quarter of it, half of the second difference, a quarter of the third, and a
    quarter of the second difference both ways; each along rows and columns. A run, its reverse,
    and both negated count as one, which leaves 39 of 125. No gradient goes through it.

    `given`: the counts of the images that come next, where somebody has counted them already.
    """

    given: Tensor | None = None

    def __init__(self) -> None:
        super().__init__()
        alike = _alike()
        fold = torch.zeros(RUNS, max(alike) + 1)
        fold[torch.arange(RUNS), torch.tensor(alike)] = 1
        self.register_buffer("fold", fold, persistent=False)
        self.features = 15 * fold.shape[1]

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        if self.given is not None:
            found = self.given
        elif images.device.type == "cpu" and not torch.jit.is_tracing():
            counts = residual_runs.counted(images.numpy(), torch.get_num_threads())
            found = torch.from_numpy(counts)
        else:
            found = counted(images)
        with torch.autocast(images.device.type, enabled=False):  # bf16 counts to 256
            shares = found @ self.fold
            return (shares / shares.sum(2, keepdim=True)).sqrt().flatten(1)


def counted(images: Tensor) -> Tensor:
    """uint8 `(N, 3, H, W)` -> float `(N, 15, 125)`: how often each run occurs in each residual.

    As a GPU does it soonest, and as ONNX can say it: in floats, which hold whole numbers too.
    """
    red, green, blue = images.float().unbind(1)  # (N, H, W) each
    brightness = ((77 * red + 150 * green + 29 * blue) / 256).floor()
    return torch.stack([_count(_runs(*pair)) for colour in (brightness, red - green, blue - green)
                        for pair in _residuals(colour)], dim=1)  # fmt: skip


def _runs(rows: Tensor, columns: Tensor) -> Tensor:
    """Numbers of all runs of three of two residuals `(N, H, W)`, of the first along rows and of
    the second along columns: `(N, M)`."""
    rows, columns = (x.clamp(-REACH, REACH) + REACH for x in (rows, columns))
    runs = [
        rows[:, :, :-2] * VALUES**2 + rows[:, :, 1:-1] * VALUES + rows[:, :, 2:],
        columns[:, :-2] * VALUES**2 + columns[:, 1:-1] * VALUES + columns[:, 2:],
    ]
    return torch.cat([x.flatten(1) for x in runs], dim=1)


def _count(runs: Tensor) -> Tensor:
    """How often each number of a run occurs: `(N, M)` -> `(N, 125)`."""
    empty = torch.zeros(runs.shape[0], RUNS, device=runs.device)
    return empty.scatter_add(1, runs.long(), torch.ones_like(runs))


def _residuals(x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """`(N, H, W)` of whole numbers -> five residuals along rows, and the same along columns."""
    right, down = x[:, :, 1:] - x[:, :, :-1], x[:, 1:] - x[:, :-1]
    across, along = right[:, :, 1:] - right[:, :, :-1], down[:, 1:] - down[:, :-1]
    third = across[:, :, 1:] - across[:, :, :-1], along[:, 1:] - along[:, :-1]
    both = _quarter(across[:, 2:] - 2 * across[:, 1:-1] + across[:, :-2])
    return [
        (right, down),
        tuple(((y + (y < 0).to(y.dtype)) / 2).floor() for y in (across, along)),  # towards 0
        (both, both),
        tuple(map(_quarter, third)),
        (_quarter(right), _quarter(down)),
    ]


def _quarter(x: Tensor) -> Tensor:
    """The nearest whole number to a quarter; halves away from 0."""
    return ((x + 2 - (x < 0).to(x.dtype)) / 4).floor()


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
