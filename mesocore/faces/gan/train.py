"""Training the style-based generator, growing from 8 px to 128 px, with exact resume.

Nothing random outlives a step: every step is seeded anew from (seed, step), so weights, moments
and the number of steps are the whole state, and an interrupted run ends as it would have ended.
"""

import copy
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core import tensor_files
from mesocore.core.errors import UserError
from mesocore.core.files import write_bytes, write_json
from mesocore.core.runtime import progress, reseed, setup
from mesocore.core.schemas import read_json
from mesocore.faces.gan import regularisers
from mesocore.faces.gan.discriminator import Discriminator
from mesocore.faces.stylegan import LATENT, Generator, upsample

STATE, CONFIG, LOG = "gan.safetensors", "gan.json", "log.csv"
_FIX = "restore the file, or remove the run's folder and train again"


@dataclass(frozen=True)
class Phase:
    """Steps at one resolution; over the first `fade` of them it replaces the one before.

    `gap` and `match` are the weights of `spectrum_gap` and `penalty` (regularisers.py) in the
    generator's loss, the latter for the `statistics` named; `rate` is the share of the learning
    rate at the phase's start, from where it falls to 0 in a straight line if `fall`.
    """

    side: int
    steps: int
    batch: int
    fade: int = 500
    gap: float = 0.0
    match: float = 0.0
    statistics: tuple[str, ...] = ("log_power",)
    rate: float = 1.0
    fall: bool = False


@dataclass(frozen=True)
class GanConfig:
    """All that decides the generator, besides photographs, code and machine."""

    phases: tuple[Phase, ...] = (
        Phase(8, 300, 32), Phase(16, 1500, 32), Phase(32, 2200, 32), Phase(64, 1000, 16),
        Phase(128, 1000, 16), Phase(128, 1800, 16, fade=0, gap=1.0),
        Phase(128, 4800, 16, fade=0, match=10.0, fall=True),
        Phase(128, 1500, 16, fade=0, match=10.0, statistics=tuple(regularisers.STATISTICS),
              rate=0.4, fall=True),
    )  # fmt: skip
    learning_rate: float = 0.002  # Adam with beta1 = 0, beta2 = 0.99, as published
    penalty: float = 5e-4  # R1's gamma is this x pixels / batch (Karras et al. 2020b), but
    least_penalty: float = 0.05  # never less than this
    penalty_every: int = 16  # lazy regularisation
    mixing: float = 0.5  # share of images whose codes are of two latents
    average_kimg: float = 10.0  # half-life of the averaged weights, in thousands of images
    bfloat16: bool = True  # convolutions in 16 bits, weights and sums in 32: 1.4 times as quick
    seed: int = 0


def train(photographs: np.ndarray, out: Path, config: GanConfig, save_every: int = 100) -> Path:
    """Trains on uint8 `(N, 128, 128, 3)` RGB and leaves the state in `out`; returns its path.

    A run that `out` holds is continued; its state holds the averaged generator as
    `average.*`. `log.csv` gets one line per save: steps done, losses, seconds since the last one.
    Raises `UserError` if the run was started with other settings.
    """
    out = Path(out)
    settings = json.loads(json.dumps(asdict(config)))
    setup(config.seed)
    players = Players(config)
    start = players.restore(out / STATE)
    if (out / CONFIG).exists():
        _same_settings(
            out, read_json(out / CONFIG, GanConfig, _FIX), copy.deepcopy(settings), start
        )
    write_json(out / CONFIG, settings)
    total = sum(phase.steps for phase in config.phases)
    clock = time.monotonic()
    for step in progress(range(start, total), "generator", total - start):
        losses = players.step(photographs, step)
        if not np.isfinite(losses).all():
            raise UserError(f"the losses became {losses} in step {step}; {out / STATE} is kept")
        if (step + 1) % save_every == 0 or step + 1 == total:
            write_bytes(out / STATE, players.state(step + 1))
            seconds, clock = time.monotonic() - clock, time.monotonic()
            with (out / LOG).open("a", encoding="utf-8") as log:
                print(step + 1, *(f"{value:.4f}" for value in losses), f"{seconds:.1f}",
                      sep=",", file=log)  # fmt: skip
    return out / STATE


def _same_settings(out: Path, before: dict, now: dict, done: int) -> None:
    """What no step so far depends on may change: phases to come, the length of the current one."""

    def decided(settings: dict) -> tuple[dict, list[dict]]:
        begun, left = [], done
        for phase in settings.pop("phases"):
            if left > 0:
                fixed = phase["steps"] if phase["fall"] else min(phase["steps"], left)
                begun.append(phase | {"steps": fixed})
            left -= phase["steps"]
        return settings, begun

    if decided(before) != decided(now):
        raise UserError(f"{out} holds a run with other settings; remove it or name another folder")


def load_average(path: Path) -> Generator:
    """The averaged generator of a training state."""
    tensors, _ = tensor_files.read(path, dict[str, object], _FIX)
    generator = Generator()
    prefix = "average."
    generator.load_state_dict(
        {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    )
    return generator.eval()


class Players:
    """Generator, its average, discriminator and their optimisers."""

    def __init__(self, config: GanConfig):
        self.config = config
        self.generator, self.discriminator = Generator(), Discriminator()
        for part in (self.generator, self.discriminator):
            part.to(memory_format=torch.channels_last)  # 1.6 times as quick on a CPU
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        options = {"lr": config.learning_rate, "betas": (0.0, 0.99), "eps": 1e-8}
        self.optimisers = {
            "generator": torch.optim.Adam(self.generator.parameters(), **options),
            "discriminator": torch.optim.Adam(self.discriminator.parameters(), **options),
        }
        self.moments = torch.zeros(2, 1)  # of statistics to be matched, an average over batches
        self.target: regularisers.Target | None = None

    def step(self, photographs: np.ndarray, step: int) -> tuple[float, float]:
        """One move of each player; returns the losses of discriminator and generator."""
        reseed(self.config.seed * 10**7 + step)
        phase, fade, seen, rate = _where(self.config.phases, step)
        for optimiser in self.optimisers.values():
            optimiser.param_groups[0]["lr"] = rate * self.config.learning_rate
        real = _real_batch(photographs, phase)
        with self._precision():
            fake = self._fake_batch(phase, fade).float()
        # both players use the same fakes: a forward pass of the generator less
        loss_d = self._move_discriminator(real, fake.detach(), phase, fade, step)
        self.discriminator.requires_grad_(False)
        with self._precision():
            realness = self.discriminator(fake, fade).float()
        loss_g = functional.softplus(-realness).mean()
        if phase.gap:
            loss_g = loss_g + phase.gap * regularisers.spectrum_gap(fake, real.detach())
        if phase.match:
            loss_g = loss_g + phase.match * self._match(fake, photographs, phase.statistics)
        self.optimisers["generator"].zero_grad()
        loss_g.backward()
        self.optimisers["generator"].step()
        self.discriminator.requires_grad_(True)
        half_life = min(self.config.average_kimg * 1000, 0.05 * seen + 1)
        self._average(0.5 ** (phase.batch / half_life))
        return float(loss_d.detach()), float(loss_g.detach())

    def _match(self, fake: Tensor, photographs: np.ndarray, names: tuple[str, ...]) -> Tensor:
        if self.target is None or self.target.names != names:
            self.target = regularisers.Target.of(photographs, names)
        moments = self.target.moments(fake)
        if self.moments.shape != moments.shape:  # the first step with these statistics
            self.moments = torch.zeros_like(moments)
        self.moments = torch.lerp(self.moments, moments.detach(), 0.03)
        return regularisers.penalty(self.moments, moments)

    def _precision(self, half: bool = True) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=half and self.config.bfloat16)

    def _move_discriminator(
        self, real: Tensor, fake: Tensor, phase: Phase, fade: float, step: int
    ) -> Tensor:
        regularise = step % self.config.penalty_every == 0
        real.requires_grad_(regularise)
        with self._precision(not regularise):  # second derivatives are quicker in 32 bits
            on_real, on_fake = (self.discriminator(x, fade).float() for x in (real, fake))
        loss = functional.softplus(-on_real).mean() + functional.softplus(on_fake).mean()
        total = loss
        if regularise:  # R1 (Mescheder et al., ICML 2018)
            (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
            gamma = max(self.config.penalty * phase.side**2 / phase.batch,
                        self.config.least_penalty)  # fmt: skip
            penalty = slope.square().sum((1, 2, 3)).mean() * gamma / 2
            total = loss + penalty * self.config.penalty_every
        self.optimisers["discriminator"].zero_grad()
        total.backward()
        self.optimisers["discriminator"].step()
        return loss

    def _fake_batch(self, phase: Phase, fade: float) -> Tensor:
        g, n = self.generator, phase.batch
        first, second = g.mapping(torch.randn(2 * n, LATENT)).chunk(2)
        g.mean_code.lerp_(first.detach().float().mean(0), 0.01)
        # from a random layer on, some images take the style of another latent
        change = torch.randint(1, g.layers, (n, 1))
        change = torch.where(torch.rand(n, 1) < self.config.mixing, change, g.layers)
        own = (torch.arange(g.layers) < change)[:, :, None]
        codes = torch.where(own, first[:, None], second[:, None])
        noise = [torch.randn(n, 1, side, side) for side in g.noise_sides() if side <= phase.side]
        pictures = g.pyramid(codes, noise, phase.side)
        if fade < 1:
            return torch.lerp(upsample(pictures[-2]), pictures[-1], fade)
        return pictures[-1]

    @torch.no_grad()
    def _average(self, keep: float) -> None:
        for mean, now in zip(
            self.average.state_dict().values(), self.generator.state_dict().values(), strict=True
        ):
            mean.lerp_(now, 1 - keep)

    def parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {"generator": self.generator, "average": self.average,
                "discriminator": self.discriminator,
                **{f"adam.{name}": part for name, part in self.optimisers.items()}}  # fmt: skip

    def state(self, steps: int) -> bytes:
        more = {"steps": torch.tensor(steps), "moments": self.moments}
        return tensor_files.to_bytes(tensor_files.collect(self.parts()) | more)

    def restore(self, path: Path) -> int:
        """Puts a saved state back; returns the steps done, 0 if there is none."""
        if not path.exists():
            return 0
        tensors, _ = tensor_files.read(path, dict[str, object], _FIX)
        try:
            tensor_files.put_back(self.parts(), tensors)
            self.moments = tensors["moments"]
            return int(tensors["steps"])
        except (ValueError, LookupError, RuntimeError) as error:
            raise tensor_files.damaged(path, error, _FIX) from None


def _where(phases: tuple[Phase, ...], step: int) -> tuple[Phase, float, int, float]:
    """Phase of a step, how far its resolution is faded in (0..1), images seen before, the share of
    the learning rate (0..1)."""
    seen = 0
    for number, phase in enumerate(phases):
        if step < phase.steps:
            fade = min(1.0, step / phase.fade) if number and phase.fade else 1.0
            rate = phase.rate * (1 - step / phase.steps if phase.fall else 1.0)
            return phase, fade, seen + step * phase.batch, rate
        step, seen = step - phase.steps, seen + phase.steps * phase.batch
    raise UserError("the run is complete")


def _real_batch(photographs: np.ndarray, phase: Phase) -> Tensor:
    """Random photographs, mirrored at random: float `(batch, 3, side, side)`, -1..1."""
    chosen = torch.randint(len(photographs), (phase.batch,)).numpy()
    batch = torch.from_numpy(photographs[np.sort(chosen)]).permute(0, 3, 1, 2).float() / 127.5 - 1
    mirrored = torch.where(torch.rand(phase.batch, 1, 1, 1) < 0.5, batch.flip(3), batch)
    return functional.avg_pool2d(mirrored, mirrored.shape[-1] // phase.side)
