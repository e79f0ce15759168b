"""A set with reconstructions of its photographs as further fakes to train on.

After "aligned" training sets, in which all that tells a fake from its photograph is a decoder:
Rajan et al., arXiv 2410.11835, and Guillaro et al., arXiv 2412.17671. How we differ: theirs are
decoders of diffusion models; ours are small, three that grow an image in the three usual ways
(`Growing`), and learn here, from the set's photographs, in two minutes of a core. All images are
made smaller and end with the same JPEG, so that no class lacks the grid of an earlier one.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from mesocore.core.errors import UserError
from mesocore.core.files import sha256_file, write_bytes
from mesocore.core.images import encode_jpeg
from mesocore.core.runtime import progress, reseed
from mesocore.data import AssembledSet, FaceSet, load
from mesocore.data.assembled_set import GENERATED

Growing = Literal["nearest", "transposed", "shuffle"]
GROWING: tuple[Growing, ...] = ("nearest", "transposed", "shuffle")
STEPS, BATCH, CROP = 800, 16, 48
SUFFIX = "reconstructions"  # of a source's name: with its photographs it is one family


class Decoder(nn.Module):
    """Codes float `(N, 16, H, W)` -> images float `(N, 3, 4 H, 4 W)`, about 0..1."""

    def __init__(self, growing: Growing):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(16, 48, 3, padding=1), nn.SiLU(), *_grown(48, 32, growing), nn.SiLU(),
            nn.Conv2d(32, 32, 3, padding=1), nn.SiLU(), *_grown(32, 16, growing), nn.SiLU(),
            nn.Conv2d(16, 3, 3, padding=1),
        )  # fmt: skip

    def forward(self, codes: Tensor) -> Tensor:
        return self.net(codes)


def _grown(inputs: int, outputs: int, growing: Growing) -> list[nn.Module]:
    """Layers from `(N, inputs, H, W)` to `(N, outputs, 2 H, 2 W)`."""
    if growing == "nearest":
        return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1)]
    if growing == "transposed":
        return [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)]
    return [nn.Conv2d(inputs, 4 * outputs, 3, padding=1), nn.PixelShuffle(2)]


def encoder() -> nn.Module:
    """Images float `(N, 3, S, S)` in 0..1 -> codes float `(N, 16, S / 4, S / 4)`."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.SiLU(),
        nn.Conv2d(32, 48, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(48, 16, 3, padding=1),
    )  # fmt: skip


def learnt(photographs: Tensor, steps: int) -> tuple[nn.Module, dict[Growing, Decoder]]:
    """An encoder and a decoder of each way of growing, for uint8 `(N, 3, S, S)`.

    They learn together, by the mean absolute difference on random squares of `CROP` pixels.
    """
    reseed(0)
    encode, decoders = encoder(), {growing: Decoder(growing) for growing in GROWING}
    parts = nn.ModuleList([encode, *decoders.values()])
    optimiser = torch.optim.Adam(parts.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    side = min(CROP, photographs.shape[-1])
    for _ in progress(range(steps), "decoders"):
        rows = torch.randint(len(photographs), (BATCH,))
        top, left = torch.randint(photographs.shape[-1] - side + 1, (2,)).tolist()
        images = photographs[rows, :, top : top + side, left : left + side].float() / 255
        codes = encode(images)
        loss = sum(functional.l1_loss(decode(codes), images) for decode in decoders.values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return encode.eval(), decoders


@torch.inference_mode()
def reconstructed(photographs: Tensor, steps: int = STEPS) -> Iterator[tuple[Growing, Tensor]]:
    """Each of uint8 `(N, 3, S, S)`, through one decoder after the other: uint8 `(3, S, S)`."""
    with torch.inference_mode(False):
        encode, decoders = learnt(photographs, steps)
    for row, photograph in enumerate(progress(photographs, "reconstructions")):
        growing = GROWING[row % len(GROWING)]
        image = decoders[growing](encode(photograph[None].float() / 255))[0]
        yield growing, (255 * image).round().clamp(0, 255).to(torch.uint8)


def with_reconstructions(
    data: AssembledSet, out: Path, size: int, steps: int = STEPS
) -> AssembledSet:
    """A set in `out` at `size` px: the images of `data`, and a reconstruction of each photograph of
    its train split, as a fake of the photograph's group and of the source SOURCE-reconstructions.

    Complete already, it returns at once. Raises `UserError` if `out` holds another set.
    """
    own = {"with_reconstructions": {"steps": steps, "of": data.manifest_sha256}}
    about = data.about | own | {"preparation": replace(data.preparation, size=size).to_dict()}
    if AssembledSet.exists(out):
        there = AssembledSet(out).about
        if any(there.get(key) != about[key] for key in (*own, "preparation")):
            raise UserError(f"{out} holds another set; remove it or name another folder")
        return AssembledSet(out)
    faces, quality = load(data, "all", size), data.preparation.quality or 90
    table = _written(faces, out, quality)
    is_photograph = ((table["label"] == "real") & (table["split"] == "train")).to_numpy()
    photographs = table[is_photograph]
    fakes = photographs.assign(
        path="images/reconstructed/" + photographs["path"].str.rpartition("/")[2],
        label="fake", source=photographs["source"] + f"-{SUFFIX}", edit=GENERATED,
        origin=photographs["source"] + f"-{SUFFIX}/" + photographs["origin"].str.partition("/")[2],
    )  # fmt: skip
    pixels = faces.images[is_photograph.nonzero()[0]]
    made = zip(fakes["path"], reconstructed(pixels, steps), strict=True)
    fakes["sha256"] = [_write(out / path, image, quality) for path, (_, image) in made]
    new = dict(zip(photographs["origin"], fakes["origin"], strict=True))
    originals = data.originals()
    more = originals[originals["origin"].isin(new)].replace({"origin": new})
    places = {f"{source}-{SUFFIX}": str(data.sources[source])
              for source in sorted(set(photographs["source"]))}  # fmt: skip
    return AssembledSet.write(
        out, about | {"sources": dict(sorted((about["sources"] | places).items()))},
        manifest=pd.concat([table, fakes]), rejected=data.rejected(),
        originals=pd.concat([originals, more]),
    )  # fmt: skip


def _written(faces: FaceSet, out: Path, quality: int) -> pd.DataFrame:
    """The manifest's rows, after the images were written below `out` as they are now."""
    files = zip(faces.table["path"], faces.images, strict=True)
    hashes = [_write(out / path, image, quality) for path, image in files]
    return faces.table.assign(sha256=hashes)


def _write(path: Path, image: Tensor, quality: int) -> str:
    """uint8 `(3, S, S)`, as a JPEG; returns the file's SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    write_bytes(path, encode_jpeg(pixels, quality))
    return sha256_file(path)
