"""What the layers of a portrait share: coordinates, noise, the head as a height field, its light.

All maps are float `(N, S, S)`; `look` parameters are shaped `(N, 1, 1)`. Head coordinates have
their origin between the ears, y downwards, and half the head's height as the unit. The head is a
height field: an ellipsoid with nose, sockets, brows, cheeks, lips and chin on it, and what light
does to it follows from its slope.
"""

import copy
import functools

import torch
from torch import Tensor
from torch.nn import functional

DEPTH = 0.45  # how far a feature in the middle moves sideways when the head turns by a radian


def bump(distance: Tensor, width: Tensor | float) -> Tensor:
    """A Gaussian hill of height 1."""
    return torch.exp((-0.5 * (distance / width) ** 2).clamp(min=-20))  # denormals are slow


def inside(distance: Tensor, soft: Tensor | float) -> Tensor:
    """1 where `distance` is positive, 0 where negative, with an edge `soft` wide."""
    return torch.sigmoid((distance / soft).clamp(-20, 20))


def over(image: Tensor, colour: Tensor, mask: Tensor) -> Tensor:
    """`colour` `(N, 3, S, S)` or `(N, 3, 1, 1)` laid over `image` where `mask` `(N, S, S)` is 1."""
    return image + (colour - image) * mask[:, None]


class Scene:
    """Coordinates, noise and light that the layers share."""

    def __init__(self, look: dict[str, Tensor], tiles: Tensor, size: int):
        self.look, self.tiles, self.size = look, tiles, size
        axis = (torch.arange(size) + 0.5) / size * 2 - 1
        self.v, self.u = torch.meshgrid(axis, axis, indexing="ij")
        du, dv = self.u - look["centre_x"], self.v - look["centre_y"]
        cos, sin = torch.cos(look["roll"]), torch.sin(look["roll"])
        self.x = (cos * du + sin * dv) / look["scale"]
        self.y = (-sin * du + cos * dv) / look["scale"]
        self.pixel = 2 / size / look["scale"]  # in head units
        crown, chin = self.y.clamp(max=0), self.y.clamp(min=0)
        self.outline = 1 - (self.x / self._half_width()) ** 2 - crown**2 - chin**2.7  # 0 on the rim
        # features sit on the curved front of the head and move as it turns
        front = self.outline.clamp(min=0).sqrt()
        self.fx = self.x - DEPTH * look["yaw"] * front
        self.fy = self.y - 0.15 * look["pitch"] * front
        self.shade, self.gloss = self._light(self._height())
        self.skin = self._skin()

    def _half_width(self) -> Tensor:
        lower = self.y.clamp(min=0) ** (1 + self.look["chin"])
        return self.look["width"] * (1 - self.look["jaw"] * lower).clamp(min=0.3)

    def cloud(self, channel: int, cells: int) -> Tensor:
        """Smooth noise `(N, S, S)` with about `cells` hills a side."""
        weights = _spline(cells, self.size)
        return weights @ self.tiles[:, channel, :cells, :cells] @ weights.T

    def strands(self, channel: int, across: Tensor, along: Tensor) -> Tensor:
        """Noise like the maps given, fine in one direction and long in the other (head units)."""
        grid = torch.stack([across, along], dim=-1)
        tile = self.tiles[:, channel : channel + 1]
        return functional.grid_sample(
            tile, grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )[:, 0]

    def window(self, x: Tensor, y: Tensor, width: Tensor | float, height: float) -> "Scene":
        """The part of the scene around a point of the face: maps `(N, h, w)`, same parameters.

        `place` says where it lies: `image[..., *part.place]`. With several faces in a batch it
        covers them all.
        """
        near = (((self.fx - x).abs() < width) & ((self.fy - y).abs() < height)).any(0)
        rows, columns = near.any(1).nonzero(), near.any(0).nonzero()
        part = copy.copy(self)
        if len(rows) == 0:
            part.place = (slice(0, 0), slice(0, 0))
        else:
            part.place = (slice(int(rows[0]), int(rows[-1]) + 1),
                          slice(int(columns[0]), int(columns[-1]) + 1))  # fmt: skip
        for name in ("x", "y", "fx", "fy", "outline", "shade", "gloss", "skin"):
            setattr(part, name, getattr(self, name)[..., *part.place])
        return part

    def colour(self, *rgb: Tensor | float) -> Tensor:
        """Three numbers or `(N, 1, 1)` tensors as a colour `(N, 3, 1, 1)`."""
        one = torch.ones_like(self.look["width"])
        return torch.stack([one * channel for channel in rgb], dim=1)

    def background(self) -> Tensor:
        """A wall, a room out of focus or foliage: muted colours, soft shapes, a few edges."""
        look = self.look
        base = self.colour(look["back_r"], look["back_g"], look["back_b"])
        base = 0.3 * base + 0.7 * base.mean(1, keepdim=True)
        busy = look["back_busy"]
        hills = busy * (0.35 * self.cloud(0, 4) + 0.30 * self.cloud(1, 9))
        warm = 0.16 * busy * self.cloud(2, 5)
        leaves = 0.35 * busy * self.cloud(3, 11).clamp(min=0) * (look["back_g"] > look["back_r"])
        tint = torch.stack([1 + warm - leaves, 1 + 0.3 * warm, 1 - warm - 1.5 * leaves], dim=1)
        # the corner of a room, a door or a shelf, out of focus
        corner = self.u * torch.cos(9 * busy) + 0.25 * self.v * torch.sin(9 * busy)
        wall = inside(corner - 0.8 * look["parting"], 0.03) - 0.5
        post = inside(0.12 - (corner + look["parting"]).abs(), 0.03) * (busy > 0.6)
        light = 0.85 + 0.2 * self.v * torch.sign(look["light_y"]) + 0.3 * wall * (busy > 0.3)
        light = (light + hills) * (1 - 0.45 * post)
        return (base * light[:, None].clamp(min=0.12) * tint.clamp(min=0.3)).clamp(0.01, 0.85)

    def _height(self) -> Tensor:
        look, x, y = self.look, self.fx, self.fy
        side = x.abs()
        inner = self.outline.clamp(min=0.02)
        # beyond the rim the slope goes on: light must fall off there, not come back
        z = 0.8 * (inner.sqrt() + (self.outline - inner).clamp(min=-0.5) / (2 * 0.02**0.5))
        eye = (side - look["eye_apart"], y - look["eye_y"])
        z = z - 0.085 * bump(eye[0], 0.15) * bump(eye[1], 0.10)
        z = z + 0.05 * bump(eye[0], 0.06 + look["eye_width"]) * bump(eye[1] + 0.17, 0.06)
        z = z + look["cheeks"] * bump(side - 0.40, 0.17) * bump(y - 0.25, 0.18)
        tip = look["eye_y"] + look["nose_length"]
        along = ((y - look["eye_y"] + 0.06) / (look["nose_length"] + 0.06)).clamp(0, 1)
        ridge = along**1.3 * inside(tip - y, 0.025)
        z = z + look["nose_height"] * ridge * bump(x, 0.05 + 0.5 * look["nose_width"] * along)
        wing = bump(side - look["nose_width"], 0.04) * bump(y - tip + 0.05, 0.05)
        z = z + 0.05 * wing - 0.015 * bump(x, 0.03) * bump(y - (tip + look["lip_y"]) / 2, 0.05)
        lips = bump((y - look["lip_y"]) / look["lip"], 1.1) * bump(x, look["mouth_width"] * 0.8)
        z = z + 0.05 * lips + 0.06 * bump(x, 0.16) * bump(y - 0.84, 0.10)
        fold = side - look["nose_width"] - 0.10 - 0.5 * (y - tip).clamp(min=0)
        line = bump(fold, 0.025) * inside(y - tip + 0.05, 0.03) * inside(look["lip_y"] - y, 0.05)
        forehead = torch.sin(y * 55 + 2 * x**2) * inside(-0.32 - y, 0.05) * bump(x, 0.35)
        return z - look["wrinkles"] * (0.022 * line - 0.002 * forehead)

    def _light(self, z: Tensor) -> tuple[Tensor, Tensor]:
        look = self.look
        z = z + 0.012 * look["pores"] * self.tiles_fine()
        step = float(2 / self.size)
        one = torch.ones_like(look["key"])
        dv, du = torch.gradient(z, spacing=step, dim=(1, 2))
        nx, ny = -du * look["scale"], -dv * look["scale"]
        length = (nx * nx + ny * ny + 1).sqrt()

        def facing(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
            """Cosine of the angle between the surface and the direction `(x, y, z)`."""
            return (nx * x + ny * y + z) / (length * (x * x + y * y + z * z).sqrt())

        wrap = 0.25  # light bends a little round: a large source and skin that scatters
        lit = (facing(look["light_x"], look["light_y"], one) + wrap).clamp(min=0) / (1 + wrap)
        shade = look["ambient"] + look["key"] * lit
        shade = shade + look["fill"] * facing(look["fill_side"], 0.1 * one, one).clamp(min=0)
        # half way between the light and the viewer
        distance = (look["light_x"] ** 2 + look["light_y"] ** 2 + 1).sqrt()
        gloss = facing(look["light_x"], look["light_y"], 1 + distance).clamp(min=0) ** 20
        gloss = gloss * (1 + 0.25 * self.tiles_fine()).clamp(min=0)  # pores break it up
        return shade, look["shine"] * look["key"] * gloss

    def tiles_fine(self) -> Tensor:
        """Noise of about two pixels, tied to the head: pores."""
        return self.strands(2, self.x * 1.3, self.y * 1.3)

    def _skin(self) -> Tensor:
        look = self.look
        light = torch.tensor([0.80, 0.53, 0.41]).log()[None, :, None, None]
        dark = torch.tensor([0.085, 0.042, 0.026]).log()[None, :, None, None]
        base = (light + (dark - light) * look["melanin"][:, None]).exp()
        flush = bump(self.fx.abs() - 0.38, 0.16) * bump(self.fy - 0.25, 0.15)
        flush = flush + 0.6 * bump(self.fx, 0.10) * bump(self.fy - 0.28, 0.09)
        mottle = look["mottle"] * (self.cloud(0, 12) + 0.7 * self.cloud(1, 40))
        tone = 1 + mottle + look["pores"] * self.tiles_fine()
        red = 0.22 * look["redness"] * flush
        colour = base * tone[:, None]
        colour = colour * torch.stack([1 + 0 * red, 1 - red, 1 - 0.8 * red], dim=1)
        spots = inside(self.strands(3, self.x * 0.9, self.y * 0.9) - 1.6, 0.15)
        spots = spots * bump(self.fy - 0.12, 0.22) * inside(look["freckles"], 0.05)
        return colour * (1 - 0.45 * spots[:, None] * torch.tensor([0.6, 1, 1.2])[:, None, None])

    def lit(self, colour: Tensor) -> Tensor:
        """Surface colour times the light that falls on the head there."""
        return colour * self.shade[:, None] + self.gloss[:, None]

    def neck(self, image: Tensor) -> Tensor:
        look = self.look
        width = look["neck"] * (1 + 0.25 * (self.y - 0.9).clamp(min=0))
        mask = inside(width - (self.x - 0.1 * look["yaw"]).abs(), 1.5 * self.pixel)
        mask = mask * inside(self.y - 0.3, 0.05)
        # the jaw's shadow: its outline once more, further down
        crown, chin = (self.y - 0.20).clamp(max=0), (self.y - 0.20).clamp(min=0)
        jaw = 1 - (self.x / self._half_width()) ** 2 - crown**2 - chin**2.7
        under = 0.92 - 0.52 * inside(jaw, 0.10)
        side = 1 - 0.35 * (self.x / width).clamp(-1, 1) * torch.sign(-look["light_x"])
        light = look["ambient"] + 0.7 * look["key"] * under * side
        return over(image, self.skin * light[:, None], mask)

    def clothes(self, image: Tensor) -> Tensor:
        look = self.look
        shoulder = 1.26 + 0.13 * self.x.abs() ** 2.2 - 0.14 * bump(self.x, 0.35 * look["chin"])
        collar = 0.30 * bump(self.x, look["neck"] * 0.75)
        mask = inside(self.y - shoulder - collar, 2 * self.pixel)
        base = self.colour(look["cloth_r"], look["cloth_g"], look["cloth_b"])
        base = 0.55 * base + 0.45 * base.mean(1, keepdim=True)
        folds = 1 + 0.18 * self.cloud(1, 9) + 0.06 * self.tiles_fine()
        stripes = 1 - 0.5 * inside(torch.sin(self.x * 14), 0.15) * inside(look["stripes"], 0.05)
        turned = 1 - 0.3 * (self.x / 1.5).clamp(-1, 1) * torch.sign(-look["light_x"])
        hem = 1 - 0.4 * bump(self.y - shoulder - collar, 0.05)  # the collar's edge
        light = (look["ambient"] + 0.6 * look["key"]) * turned * hem
        return over(image, base * (folds * stripes * light)[:, None], mask)

    def head(self, image: Tensor) -> Tensor:
        look = self.look
        ear = ((self.x.abs() - look["width"] - 0.02) / look["ears"]) ** 2
        ear = 1 - ear - ((self.y - 0.08) / 0.2) ** 2
        ears = inside(ear, 0.12) * inside(look["yaw"] * self.x + 0.25, 0.1)
        flesh = (
            self.skin
            * (look["ambient"] + 0.55 * look["key"] * (0.6 + 0.4 * bump(ear, 0.5)))[:, None]
        )
        image = over(image, flesh, ears)
        return over(image, self.lit(self.skin), inside(self.outline, 2.5 * self.pixel))


@functools.cache
def _spline(cells: int, size: int) -> Tensor:
    """Cubic interpolation from `cells` values to `size`, as a matrix `(size, cells)`."""
    unit = torch.eye(cells)[None, None]
    return functional.interpolate(unit, (size, cells), mode="bicubic", align_corners=False)[
        0, 0
    ].contiguous()
