"""What the layers of a portrait share: coordinates, noise, the head as a height field, its light.

All maps are float `(N, S, S)`; `look` parameters are shaped `(N, 1, 1)`. Head coordinates have
their origin between the ears, y downwards, and half the head's height as the unit. The head is a
height field: an ellipsoid with nose, sockets, brows, cheeks, lips and chin on it, and what light
does to it follows from its slope.
"""

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
        self.outline = 1 - (self.x / self._half_width()) ** 2 - self.y**2  # 0 on the rim
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
        tile = self.tiles[:, channel : channel + 1, :cells, :cells]
        return functional.interpolate(
            tile, (self.size, self.size), mode="bicubic", align_corners=False
        )[:, 0]

    def strands(self, channel: int, across: Tensor, along: Tensor) -> Tensor:
        """Noise `(N, S, S)` that is fine in one direction and long in the other (head units)."""
        grid = torch.stack([_fold(across), _fold(along)], dim=-1)
        tile = self.tiles[:, channel : channel + 1]
        return functional.grid_sample(tile, grid, mode="bilinear", align_corners=False)[:, 0]

    def colour(self, *rgb: Tensor | float) -> Tensor:
        """Three numbers or `(N, 1, 1)` tensors as a colour `(N, 3, 1, 1)`."""
        one = torch.ones_like(self.look["width"])
        return torch.stack([one * channel for channel in rgb], dim=1)

    def background(self) -> Tensor:
        """A wall, a room out of focus or foliage: muted colours, soft shapes, a few edges."""
        look = self.look
        base = self.colour(look["back_r"], look["back_g"], look["back_b"])
        base = 0.35 * base + 0.65 * base.mean(1, keepdim=True)
        busy = look["back_busy"]
        hills = busy * (0.5 * self.cloud(0, 4) + 0.35 * self.cloud(1, 9))
        tint = 0.12 * busy[:, None] * torch.stack([self.cloud(c, 6) for c in range(3)], dim=1)
        corner = self.u * torch.cos(9 * busy) + 0.25 * self.v * torch.sin(9 * busy)
        wall = inside(corner - 0.8 * look["parting"], 0.02) - 0.5
        light = 0.8 + 0.2 * self.v * torch.sign(look["light_y"]) + 0.25 * wall * (busy > 0.4)
        return (base * (light + hills)[:, None].clamp(min=0.15) * (1 + tint)).clamp(0.01, 1)

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
        z = z + 0.006 * look["pores"] * self.tiles_fine()
        step = float(2 / self.size)
        dv, du = torch.gradient(z, spacing=step, dim=(1, 2))
        normal = torch.stack([-du * look["scale"], -dv * look["scale"], torch.ones_like(z)], dim=0)
        normal = normal / normal.norm(dim=0)
        one = torch.ones_like(look["key"])

        def towards(x: Tensor, y: Tensor) -> Tensor:
            vector = torch.stack([x * one, y * one, one], dim=0)
            return vector / vector.norm(dim=0)

        key, fill = towards(look["light_x"], look["light_y"]), towards(look["fill_side"], 0.1 * one)
        wrap = 0.25  # light bends a little round: a large source and skin that scatters
        lit = ((normal * key).sum(0) + wrap).clamp(min=0) / (1 + wrap)
        shade = look["ambient"] + look["key"] * lit
        shade = shade + look["fill"] * (normal * fill).sum(0).clamp(min=0)
        half = key + torch.tensor([0.0, 0.0, 1.0])[:, None, None, None]
        gloss = (normal * half / half.norm(dim=0)).sum(0).clamp(min=0) ** 24
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
        red = 0.30 * look["redness"] * flush
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
        under = 0.55 + 0.35 * inside(self.y - 1.25, 0.12)  # the chin's shadow
        side = 1 - 0.35 * (self.x / width).clamp(-1, 1) * torch.sign(-look["light_x"])
        light = look["ambient"] + 0.7 * look["key"] * under * side
        return over(image, self.skin * light[:, None], mask)

    def clothes(self, image: Tensor) -> Tensor:
        look = self.look
        shoulder = 1.28 + 0.28 * self.x.abs() ** 1.6 - 0.18 * bump(self.x, 0.3 * look["chin"])
        collar = 0.30 * bump(self.x, look["neck"] * 0.75)
        mask = inside(self.y - shoulder - collar, 2 * self.pixel)
        base = self.colour(look["cloth_r"], look["cloth_g"], look["cloth_b"])
        folds = 1 + 0.18 * self.cloud(1, 9) + 0.06 * self.tiles_fine()
        stripes = 1 - 0.5 * inside(torch.sin(self.x * 14), 0.15) * inside(look["stripes"], 0.05)
        light = look["ambient"] + 0.6 * look["key"]
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


def _fold(position: Tensor) -> Tensor:
    """Any coordinate into -1..1, to and fro, so that a tile repeats without a seam."""
    return 1 - (torch.remainder(position + 1, 4) - 2).abs()
