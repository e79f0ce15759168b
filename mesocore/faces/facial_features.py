"""The parts of a face that are painted onto the lit head: eyes, brows, mouth, hair, glasses.

Each function takes the `Scene` and the image so far, float `(N, 3, S, S)`, and returns the
image with its layer on top.
"""

import torch
from torch import Tensor

from mesocore.faces.scene import Scene, bump, inside, over


def eye(scene: Scene, image: Tensor, side: int) -> Tensor:
    """The left (-1) or right (1) eye: white, iris, pupil, catchlight, lashes, the lid's crease."""
    look, pixel = scene.look, scene.pixel
    dx = scene.fx - side * look["eye_apart"]
    dy = scene.fy - look["eye_y"] - side * look["eye_slant"] * dx
    t = (dx / look["eye_width"]).clamp(-1.2, 1.2)
    upper = look["eye_open"] * (1 - t**2)
    lower = -0.6 * look["eye_open"] * (1 - t**2)
    opening = inside(torch.minimum(dy + upper, -dy - lower), 0.7 * pixel)  # between the lids
    shadow = 0.30 + 0.70 * inside(dy + upper - 0.03, 0.012)
    ball = scene.shade.clamp(max=1.3) * shadow * (1 - 0.35 * t**2)
    image = over(image, scene.colour(0.50, 0.44, 0.41) * ball[:, None], opening)
    ix = dx - look["gaze_x"] * look["eye_width"] * 0.5
    iy = dy + 0.1 * look["eye_open"] - look["gaze_y"] * look["eye_open"] * 0.4
    radius = (ix**2 + iy**2).sqrt()
    size = 0.44 * look["eye_width"]
    iris = _iris_colour(scene)
    rays = scene.strands(0, torch.atan2(iy, ix) * 0.9, radius * 2)
    rim = 1 - 0.65 * inside(radius - 0.8 * size, 0.1 * size)
    iris = iris * ((1 + 0.3 * rays) * rim * (0.25 + 0.75 * ball))[:, None]
    image = over(image, iris, inside(size - radius, 0.7 * pixel) * opening)
    image = over(image, scene.colour(0.006, 0.006, 0.006),
                 inside(0.42 * size - radius, 0.6 * pixel) * opening)  # fmt: skip
    spark = (ix - 0.3 * size * torch.sign(look["light_x"])) ** 2 + (iy + 0.3 * size) ** 2
    image = over(image, scene.colour(0.95, 0.95, 0.95),
                 bump(spark.sqrt(), 0.13 * size + 0.3 * pixel) * opening * 0.9)  # fmt: skip
    return _lids(scene, image, dy, t, upper, lower)


def _iris_colour(scene: Scene) -> Tensor:
    """Brown to amber for most, grey, green or blue for some of the fairer."""
    look = scene.look
    pale = (look["iris_light"] * (1.25 - look["melanin"])).clamp(0, 1) ** 2
    brown = scene.colour(0.060, 0.026, 0.010)
    hue = look["iris_hue"]
    light = scene.colour(0.10 - 0.03 * hue, 0.13 + 0.02 * hue, 0.07 + 0.17 * hue)
    return brown + (light - brown) * pale[:, None]


def _lids(
    scene: Scene, image: Tensor, dy: Tensor, t: Tensor, upper: Tensor, lower: Tensor
) -> Tensor:
    look = scene.look
    within = inside(1.05 - t.abs(), 0.05)
    lash = bump(dy + upper, 0.012 + 0.5 * scene.pixel) * within
    image = image * (1 - 0.85 * lash)[:, None]
    image = image * (1 - 0.30 * bump(dy + lower, 0.010) * within)[:, None]
    crease = bump(dy + 1.25 * upper + 0.035, 0.014) * within * look["lids"]
    bag = bump(-dy - 1.9 * lower + 0.02, 0.02) * within * look["wrinkles"]
    return image * (1 - 0.40 * crease - 0.20 * bag)[:, None]


def brow(scene: Scene, image: Tensor, side: int) -> Tensor:
    """The left (-1) or right (1) brow: an arched band of short hairs."""
    look = scene.look
    t = side * (scene.fx - side * look["eye_apart"]) / 0.20  # -1 at the nose, 1 outside
    arch = look["brow_arch"] * 0.06 * (1 - (t - 0.2) ** 2)
    dy = scene.fy - (look["eye_y"] - look["brow_y"]) + arch
    thick = look["brow_thick"] * (1.1 - 0.6 * t.clamp(-1, 1).clamp(min=0))
    hairs = scene.strands(1, scene.fx * side + 0.7 * scene.fy, scene.fy * 0.2)
    band = inside(thick - dy.abs() + 0.012 * hairs, 0.012)
    ends = inside(1 - t.abs() + 0.1 * hairs, 0.06)
    mask = look["brow_dark"] * band * ends * (0.8 + 0.2 * hairs).clamp(0, 1)
    return over(image, _hair_colour(scene) * 0.6 * (0.4 + 0.6 * scene.shade)[:, None], mask)


def mouth(scene: Scene, image: Tensor) -> Tensor:
    """Nostrils, lips, the line between them, and teeth when the mouth is open."""
    look, pixel = scene.look, scene.pixel
    tip = look["eye_y"] + look["nose_length"]
    holes = bump(scene.fx.abs() - 0.5 * look["nose_width"], 0.028) * bump(scene.fy - tip, 0.016)
    image = image * (1 - 0.75 * holes)[:, None]
    t = (scene.fx / look["mouth_width"]).clamp(-1.3, 1.3)
    middle = look["lip_y"] - 0.045 * look["smile"] * t**2
    gap = look["mouth_open"].clamp(min=0) * (1 - t**2).clamp(min=0)
    dy = scene.fy - middle
    bow = look["lip"] * (1 - t**2).clamp(min=0) ** 0.8 * (0.78 + 0.22 * torch.cos(9 * t)) * 0.85
    full = 1.15 * look["lip"] * (1 - t**2).clamp(min=0) ** 0.7
    lips = torch.minimum(dy + gap + bow, -dy + gap + full)
    redder = torch.stack(
        [0.95 - 0.1 * look["lip_red"], 0.62 - 0.3 * look["lip_red"], 0.66 - 0.28 * look["lip_red"]],
        1,
    )
    lines = 1 + 0.10 * scene.strands(1, scene.fx, scene.fy * 0.15)
    colour = scene.skin * redder * (lines * 0.95)[:, None]
    within = inside(1 - t.abs(), 0.03)
    image = over(image, scene.lit(colour), 0.85 * inside(lips, 0.008 + 0.5 * pixel) * within)
    dark = inside(gap - dy.abs(), 0.6 * pixel) * inside(gap - 0.008, 0.003)
    image = over(image, scene.colour(0.05, 0.012, 0.012), dark)
    teeth = dark * inside(gap * 0.55 - dy, 0.01)
    shine = 0.45 + 0.10 * torch.cos(scene.fx * 70)
    image = over(image, scene.colour(1.0, 0.93, 0.82) * (shine * scene.shade)[:, None], teeth * 0.9)
    line = bump(dy - gap, 0.007 + 0.5 * pixel) + bump(dy + gap, 0.007 + 0.5 * pixel)
    ends = inside(1.02 - t.abs(), 0.04)
    corner = bump(t.abs() - 1, 0.07) * bump(dy, 0.018)
    return image * (1 - (0.30 * line * ends + 0.35 * corner).clamp(max=0.7))[:, None]


def beard(scene: Scene, image: Tensor) -> Tensor:
    """Stubble to full beard on jaw, chin and upper lip, where `beard` is positive."""
    look = scene.look
    grown = look["beard"].clamp(min=0) ** 0.5
    x, y = scene.fx, scene.fy
    jaw = inside(y - 0.36 - 0.30 * bump(x, 0.30) + 0.25 * x.abs() ** 2, 0.07)
    lip = bump(y - look["lip_y"] + 0.11, 0.045) * bump(x, 0.24)
    free = 1 - bump((y - look["lip_y"] - 0.01) / (1.5 * look["lip"]), 0.7) * bump(
        x / look["mouth_width"], 0.8
    )
    hairs = scene.strands(0, x + 0.3 * y, y * 0.4)
    mask = (jaw * free + lip).clamp(0, 1) * inside(scene.outline + 0.03, 0.03) * grown
    mask = mask * (0.75 + 0.30 * hairs).clamp(0, 1)
    return over(image, _hair_colour(scene) * (0.25 + 0.6 * scene.shade)[:, None], mask * 0.9)


def back_hair(scene: Scene, image: Tensor) -> Tensor:
    """Hair that falls behind the head, where `hair_long` is positive."""
    look = scene.look
    reach = 0.35 + 1.1 * look["hair_long"].clamp(min=0)
    wide = look["width"] + look["hair_volume"] * (0.9 + 0.25 * scene.cloud(2, 7))
    above = ((scene.y + 0.15) / 1.1) ** 2 * (scene.y < -0.15)
    ends = (reach - scene.y + 0.06 * scene.cloud(3, 16)) * 2
    shape = torch.minimum(1 - (scene.x / wide) ** 2 - above, ends)
    mask = inside(shape, 0.05) * inside(look["hair_long"], 0.02) * inside(-look["bald"], 0.02)
    texture = 1 + 0.35 * scene.strands(
        3, scene.x * 0.9 + 0.05 * look["hair_curl"] * torch.sin(scene.y * 9), scene.y * 0.06
    )
    light = (scene.look["ambient"] + 0.35 * look["key"]) * texture
    return over(image, _hair_colour(scene) * light[:, None], mask)


def hair(scene: Scene, image: Tensor) -> Tensor:
    """The hair on top: strands that leave the parting, clipped by the hairline."""
    look = scene.look
    lift = look["hair_volume"]
    curl = look["hair_curl"]
    wave = (0.02 + 0.06 * curl) * scene.cloud(1, 8) + 0.03 * curl * scene.cloud(2, 30)
    cap = 1 - (scene.x / (look["width"] + 0.65 * lift + wave)) ** 2
    cap = cap - ((scene.y + 0.05) / (1 + lift + wave)) ** 2
    # the hairline: high over the forehead, down to the ears at the temples
    side = (scene.fx.abs() / look["width"]).clamp(max=1.2)
    fall = (0.62 + 0.5 * inside(look["hair_long"], 0.1)) * side**4
    fringe = 0.10 * torch.sin(2.5 * (scene.fx - look["parting"])) * curl
    line = look["hairline"] + fall + fringe + 0.035 * scene.cloud(0, 24)
    away = scene.x - 0.4 * look["parting"]
    across = torch.atan2(away, scene.y + 1.25) * 0.7 + 0.04 * curl * scene.cloud(3, 14)
    along = (away**2 + (scene.y + 1.2) ** 2).sqrt() * (0.06 + 0.15 * curl)
    hairs = scene.strands(0, across, along) + 0.6 * scene.strands(1, across * 2.3, along)
    mask = inside(cap + 0.02 * hairs, 0.035) * inside(line - scene.fy + 0.03 * hairs, 0.025)
    mask = mask * inside(-look["bald"], 0.02)
    band = bump(scene.y + 0.75 + 0.2 * look["light_y"], 0.18) * (0.5 + 0.5 * bump(away, 0.5))
    light = 0.35 + 0.45 * scene.shade.clamp(max=1.2) + 0.35 * band * look["key"]
    light = light * (1 + 0.30 * hairs).clamp(0.2, 2)
    below = bump(line - scene.fy + 0.02, 0.03) * (1 - mask) * inside(scene.outline, 0.02)
    image = image * (1 - 0.30 * below * inside(-look["bald"], 0.02))[:, None]
    return over(image, _hair_colour(scene) * light[:, None], mask)


def glasses(scene: Scene, image: Tensor) -> Tensor:
    """Round-cornered frames with a bridge and a faint reflection, where `glasses` is positive."""
    look, pixel = scene.look, scene.pixel
    there = inside(look["glasses"], 0.01)
    tint = 0.02 + 0.25 * (1 - look["glasses_dark"]) ** 2
    frame = scene.colour(tint, 0.7 * tint, 0.5 * tint)
    for side in (-1, 1):
        dx = (scene.fx - side * look["eye_apart"]) / (look["eye_width"] + 0.075)
        dy = (scene.fy - look["eye_y"] - 0.015) / 0.155
        ring = (dx.abs() ** 3.2 + dy.abs() ** 3.2).clamp(min=1e-6) ** (1 / 3.2)
        glare = 0.10 * bump(dx + 0.6 * dy - 0.4, 0.25) * inside(0.95 - ring, 0.03)
        image = image + (glare * there)[:, None]
        image = over(image, frame, bump(ring - 1, 0.05 + 1.5 * pixel) * there * 0.95)
    gap = look["eye_apart"] - look["eye_width"] - 0.075
    bridge = bump(scene.fy - look["eye_y"] + 0.02, 0.012 + 0.6 * pixel)
    bridge = bridge * inside(gap - scene.fx.abs(), 0.01)
    return over(image, frame, bridge * there * 0.95)


def _hair_colour(scene: Scene) -> Tensor:
    look = scene.look
    dark = (look["hair_dark"] + 0.6 * (look["melanin"] - 0.35)).clamp(0, 1)
    light = 0.010 + 0.40 * (1 - dark) ** 3
    red = 0.35 + 0.3 * look["hair_red"]
    grey = 0.7 * look["grey"].clamp(min=0)[:, None]
    colour = scene.colour(light, light * (0.85 - red * 0.35), light * (0.6 - red * 0.5))
    return colour * (1 - grey) + grey * scene.colour(0.35, 0.35, 0.36)
