"""Random changes of training images that keep the label, each by name: `flip+jpeg+blur:0.25`.

What a picture goes through on its way (saving, scaling, a messenger's filter) should not turn a
verdict, so training shows it. None of this is ever done to validation or test images.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from mesocore.core.errors import UserError
from mesocore.core.images import encode_jpeg
from mesocore.core.jpeg import decode
from mesocore.data import batch_augmentation
from mesocore.faces import self_blending

CHANCE = 0.5  # of each augmentation, for each image, unless it is given


def zoom(image: Tensor) -> Tensor:
    """A square anywhere in it, of a share of its side drawn from 0.7..1, enlarged to the whole."""
    side = image.shape[-1]
    part = round(side * (0.7 + 0.3 * torch.rand(()).item()))
    y, x = torch.randint(side - part + 1, (2,)).tolist()
    return functional.resize(image[:, y : y + part, x : x + part], [side, side], antialias=True)


def jpeg(image: Tensor) -> Tensor:
    """Saved as a JPEG and read again, at a quality drawn from 40..95, by the encoder of assembly.

    torchvision's own transform of the name is deprecated with its encoder.
    """
    return saved(image, int(torch.randint(40, 96, ())))


def saved(image: Tensor, quality: int) -> Tensor:
    """uint8 `(3, S, S)` -> the same, saved as a JPEG of `quality` and read again."""
    data = encode_jpeg(functional.to_pil_image(image), quality)
    return torch.from_numpy(decode(data, "RGB")).permute(2, 0, 1)


def resize(image: Tensor) -> Tensor:
    """Scaled down to a share of its side drawn from 0.5..1, and back."""
    return rescaled(image, 0.5 + 0.5 * torch.rand(()).item())


def rescaled(image: Tensor, share: float) -> Tensor:
    """uint8 `(3, S, S)` -> the same, scaled to `share` of its side and back, bilinear."""
    side = image.shape[-1]
    small = round(side * share)
    shrunk = functional.resize(image, [small, small], antialias=True)
    return functional.resize(shrunk, [side, side], antialias=True)


def noise(image: Tensor) -> Tensor:
    """Gaussian noise of one deviation for all pixels, drawn from 0..8 grey levels."""
    grain = 8 * torch.rand(()) * torch.randn(image.shape)
    return (image + grain).round().clamp(0, 255).to(torch.uint8)


FLIP = "flip"  # is done to a whole batch at once
EACH: dict[str, Callable[[Tensor], Tensor]] = {  # uint8 (3, S, S) -> the same
    "zoom": zoom,
    "jpeg": jpeg,
    "blur": v2.GaussianBlur(5, (0.1, 1.5)),
    "resize": resize,
    "noise": noise,
    "colour": v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
}
NAMES = (FLIP, *EACH)


def parse(augmentations: str) -> dict[str, float]:
    """The chances by name of "flip+jpeg:0.25", in the order in which they are done; none of "none".

    Raises `UserError` for an unknown name, and for a chance that is not above 0 and at most 1.
    """
    given = [] if augmentations == "none" else str(augmentations).split("+")
    chances = {name: chance or CHANCE for name, _, chance in (one.partition(":") for one in given)}
    if unknown := sorted(set(chances) - set(NAMES)):
        raise UserError(
            f"no augmentation is called {unknown[0]!r}; join some of {', '.join(NAMES)} with +, or "
            "write none"
        )
    return {name: _chance(name, chances[name]) for name in NAMES if name in chances}


def _chance(name: str, given: str | float) -> float:
    try:
        chance = float(given)
    except ValueError:
        chance = 0.0
    if not 0 < chance <= 1:
        raise UserError(f"the chance of {name} is {given!r}; write one above 0 and at most 1, as "
                        f"{name}:0.25")  # fmt: skip
    return chance


def self_blended(
    images: Tensor, chosen: Tensor, generator: torch.Generator, own: slice = slice(None)
) -> Tensor:
    """uint8 `(N, 3, S, S)` -> the same, those `chosen` blended with a changed copy of themselves.

    `chosen` is bool `(B,)` over a batch of which `images` are the part `own`. What happens depends
    on the generator's state alone.
    """
    if not chosen.any():
        return images
    seeds = torch.randint(2**62, (len(chosen),), generator=generator)[own].tolist()
    images = images.clone()
    for row in chosen[own].nonzero()[:, 0].tolist():
        photograph = images[row].permute(1, 2, 0).cpu().numpy()
        blend = self_blending.self_blend(photograph, np.random.default_rng(seeds[row]))
        images[row] = torch.from_numpy(blend).permute(2, 0, 1)
    return images


def cropped(
    images: Tensor,
    side: int,
    generator: torch.Generator,
    batch: int | None = None,
    own: slice = slice(None),
) -> Tensor:
    """uint8 `(N, 3, S, S)` -> `(N, 3, side, side)`: a square of each, anywhere in it.

    Where depends on the generator's state alone; `batch` and `own` as in `augment`.
    """
    batch = len(images) if batch is None else batch
    room = images.shape[-1] - side + 1
    corners = torch.randint(room, (batch, 2), generator=generator)[own].tolist()
    parts = [image[:, y : y + side, x : x + side]
             for image, (y, x) in zip(images, corners, strict=True)]  # fmt: skip
    return torch.stack(parts) if parts else images[..., :side, :side]


def augment(
    images: Tensor,
    augmentations: str,
    generator: torch.Generator,
    batch: int | None = None,
    own: slice = slice(None),
) -> Tensor:
    """uint8 `(N, 3, S, S)` -> the same, each augmentation done to its share of the images.

    What happens depends on the generator's state alone, and torch's own random state is left as it
    was: dropout does not change when an augmentation is added. `images` may be the part `own` of a
    batch of `batch` images; then what happens to them is what would happen in the whole batch. A
    whole batch on a GPU stays there (batch_augmentation.py), unless colours are to change.
    """
    chances = parse(augmentations)
    images, batch = images.clone(), len(images) if batch is None else batch
    if chance := chances.pop(FLIP, None):
        flip = (torch.rand(batch, generator=generator) < chance)[own]
        images[flip] = functional.horizontal_flip(images[flip])
    if not chances:
        return images
    alone = own in (slice(None), slice(0, None, 1))
    if images.is_cuda and alone and set(chances) <= set(batch_augmentation.BATCHED):
        return batch_augmentation.augment(images, chances, generator)
    seeds = torch.randint(2**62, (batch,), generator=generator)[own]  # one an image
    device, images = images.device, images.cpu()  # a GPU's random state is dropout's alone
    with torch.random.fork_rng(devices=[]):
        for row, seed in enumerate(seeds.tolist()):
            torch.default_generator.manual_seed(seed)
            drawn = torch.rand(len(chances)).tolist()
            for (name, chance), number in zip(chances.items(), drawn, strict=True):
                if number < chance:
                    images[row] = EACH[name](images[row])
    return images.to(device)
