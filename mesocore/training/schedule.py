"""Learning-rate schedules: the rate as a pure function of the step, so that resuming is exact."""

import math

from mesocore.core.errors import UserError

START, END = 25, 1e4  # one-cycle: the peak over its first rate, and that over its last


def learning_rate(
    step: int, steps: int, peak: float, warmup: float = 0.1, schedule: str = "cosine"
) -> float:
    """The rate at `step` of `steps`, counted from 0; it is largest, `peak`, after the warm-up.

    `warmup` is the share of the steps over which the rate rises, by `schedule`:

    - `cosine`: linear rise, then a cosine to 0. Loshchilov & Hutter, "SGDR", ICLR 2017, one cycle
      without restarts.
    - `one-cycle`: cosine rise from peak / 25, then a cosine to a ten-thousandth of that. Smith &
      Topin, "Super-convergence", 2018, as in torch's OneCycleLR; momentum stays as it is.
    - `constant`: linear rise, then `peak` to the end.

    Raises `UserError` for another schedule.
    """
    check(schedule)
    if schedule == "one-cycle":
        return _one_cycle(step, steps, peak, warmup)
    rise = max(1, int(warmup * steps)) if warmup else 0
    if step < rise:
        return peak * (step + 1) / rise
    if schedule == "constant":
        return peak
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


SCHEDULES = ("cosine", "one-cycle", "constant")


def check(schedule: str) -> None:
    """Raises `UserError` unless there is a schedule of that name."""
    if schedule not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        raise UserError(f"no schedule is called {schedule!r}; choose one of: {known}")


def _one_cycle(step: int, steps: int, peak: float, warmup: float) -> float:
    top = max(warmup * steps - 1, 0)  # the step of the peak, as torch counts
    first = peak / START
    if step < top:
        return _between(first, peak, step / top)
    return _between(peak, first / END, (step - top) / max(1, steps - 1 - top))


def _between(a: float, b: float, share: float) -> float:
    """From `a` at share 0 to `b` at 1, along half a cosine."""
    return b + (a - b) / 2 * (1 + math.cos(math.pi * share))
