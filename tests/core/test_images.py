"""Any image file -> matched pixels: conversions, orientation, geometry, the JPEG round trip."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from mesocore.core.errors import BadImage
from mesocore.core.images import (
    Preparation,
    decode,
    encode_jpeg,
    open_rgb,
    prepare,
    resize,
    to_array,
)
from tests.conftest import picture

LIKE = 4.0  # grey levels of mean difference that one JPEG round trip may cost


def distance(first: Image.Image, second: Image.Image) -> float:
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    return float(np.abs(difference).mean())


@pytest.mark.parametrize(
    ("convert", "suffix", "expected"),
    [
        (lambda im: im.convert("CMYK"), "jpg", lambda im: im),
        (lambda im: im.convert("L"), "png", lambda im: im.convert("L").convert("RGB")),
        (lambda im: im.convert("P"), "png", lambda im: im.convert("P").convert("RGB")),
        (lambda im: im.convert("1"), "png", lambda im: im.convert("1").convert("RGB")),
        (lambda im: im.convert("LA"), "png", lambda im: im.convert("L").convert("RGB")),
        (lambda im: im, "webp", lambda im: im),
        (lambda im: im, "bmp", lambda im: im),
    ],
    ids=["cmyk", "grey", "palette", "bilevel", "grey-alpha", "webp", "bmp"],
)
def test_modes_become_the_same_rgb(tmp_path, convert, suffix, expected):
    original = picture(1)
    path = tmp_path / f"image.{suffix}"
    convert(original).save(path, **({"quality": 95} if suffix in ("jpg", "webp") else {}))
    result = open_rgb(path)
    assert result.mode == "RGB" and result.size == original.size
    assert distance(result, expected(original)) < LIKE


@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": "4:4:4"}, {"progressive": True}, {"comment": b"hello"}, {"quality": 30}],
    ids=str,
)
def test_a_jpeg_has_the_pixels_that_pillow_sees_bit_for_bit(options):
    buffer = io.BytesIO()
    picture(4, size=(123, 97)).save(buffer, "JPEG", **options)
    result, facts = decode(buffer.getvalue())
    assert np.array_equal(np.asarray(result), np.asarray(Image.open(buffer).convert("RGB")))
    assert facts["progressive"] == bool(options.get("progressive"))


@pytest.mark.parametrize("cut", [3, 500])
def test_a_jpeg_without_its_end_is_damaged(cut):
    buffer = io.BytesIO()
    picture(4).save(buffer, "JPEG")
    with pytest.raises(BadImage, match="damaged"):
        decode(buffer.getvalue()[:-cut])


def test_16_bit_grey_keeps_its_brightness(tmp_path):
    grey = np.asarray(picture(2).convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    result = np.asarray(open_rgb(tmp_path / "deep.png"))
    assert np.array_equal(result, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["RGBA", "LA", "PA"])
def test_transparency_is_composited_on_white(tmp_path, kind):
    image = picture(3, (96, 600)).convert("RGBA")  # of more than one strip
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image = image.quantize(16) if kind == "PA" else image.convert(kind)
    image.save(tmp_path / "clear.png")
    white = Image.new("RGBA", image.size, "white")
    expected = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    assert np.array_equal(open_rgb(tmp_path / "clear.png"), expected)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "GIF"])
def test_a_picture_that_nobody_can_see_is_refused(tmp_path, form):
    image = picture(3).convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / "clear", form)
    with pytest.raises(BadImage, match="fully transparent"):
        open_rgb(tmp_path / "clear")


def test_exif_orientation_is_applied_and_broken_exif_is_not_fatal(tmp_path):
    image = picture(4, (96, 128))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: turn by 90 degrees clockwise to see it upright
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright = open_rgb(tmp_path / "turned.jpg")
    assert upright.size == (128, 96)
    assert distance(upright, image.transpose(Image.Transpose.ROTATE_270)) < LIKE
    image.save(tmp_path / "broken.jpg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff", quality=95)
    assert distance(open_rgb(tmp_path / "broken.jpg"), image) < LIKE


def test_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [picture(seed) for seed in (5, 6)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    still = open_rgb(tmp_path / "a.gif")
    assert distance(still, frames[0]) < distance(still, frames[1]) / 2


def test_file_name_does_not_decide_the_format(tmp_path):
    picture(7).save(tmp_path / "image.png")
    (tmp_path / "image.png").rename(tmp_path / "image.jpg")
    assert np.array_equal(open_rgb(tmp_path / "image.jpg"), picture(7))


def test_crop_takes_the_centre_and_squash_takes_all():
    image = Image.new("RGB", (192, 64), "red")
    image.paste("blue", (64, 0, 128, 64))
    crop = np.asarray(prepare(image, Preparation(size=64)))
    squash = np.asarray(prepare(image, Preparation(size=64, fit="squash")))
    assert (crop == (0, 0, 255)).all()
    assert tuple(squash[32, 2]) == (255, 0, 0) and tuple(squash[32, 32]) == (0, 0, 255)


def test_native_cuts_whole_jpeg_blocks_from_the_middle_and_invents_nothing():
    image = picture(9, 200)
    ready = prepare(image, Preparation(size=64, fit="native"))
    assert np.array_equal(ready, np.asarray(image)[64:128, 64:128])  # 68 is no multiple of 8
    with pytest.raises(BadImage, match="200 x 200 pixels, 208 are cut"):
        prepare(image, Preparation(size=208, fit="native"))


def test_an_image_of_the_right_size_is_not_resampled():
    ready = prepare(picture(8, 128), Preparation(size=128))
    assert np.array_equal(ready, picture(8, 128))


def test_nearest_neighbour_is_as_published():
    ready = prepare(picture(8, 128), Preparation(size=64, resample="nearest"))
    assert np.array_equal(ready, np.asarray(picture(8, 128))[1::2, 1::2])


def test_small_images_are_refused():
    with pytest.raises(BadImage, match="too small: 500 x 63 pixels"):
        prepare(picture(9, (500, 63)), Preparation())


def test_jpeg_is_420_baseline_without_metadata(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "secret"
    image = picture(10, 128)
    image.save(tmp_path / "full.jpg", exif=exif, icc_profile=b"secret", comment=b"secret")
    data = encode_jpeg(prepare(open_rgb(tmp_path / "full.jpg"), Preparation(size=128)), 90)
    assert b"secret" not in data
    written = Image.open(io.BytesIO(data))
    assert written.layer[0][1:3] == (2, 2) and "progressive" not in written.info
    assert set(written.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_to_array_is_what_the_encoder_wrote(tmp_path):
    picture(11, 128).save(tmp_path / "image.png")
    prep = Preparation(size=64)
    array = to_array(tmp_path / "image.png", prep)
    jpeg = encode_jpeg(prepare(picture(11, 128), prep), 90)
    assert array.shape == (3, 64, 64) and array.dtype == np.uint8
    assert np.array_equal(array.transpose(1, 2, 0), Image.open(io.BytesIO(jpeg)))
    exact = to_array(tmp_path / "image.png", Preparation(size=128, quality=None))
    assert np.array_equal(exact.transpose(1, 2, 0), picture(11, 128))


def test_preparation_survives_json_and_refuses_nonsense():
    prep = Preparation(size=128, fit="squash", resample="nearest", quality=None)
    assert Preparation.from_dict(prep.to_dict()) == prep
    assert "margin" not in Preparation().to_dict()  # as sets and runs had it before
    cut = Preparation(margin=1.3)
    assert Preparation.from_dict(cut.to_dict()) == cut
    with pytest.raises(ValueError, match="cut the face out first"):
        to_array("any.png", cut)
    with pytest.raises(ValueError, match="margin goes with the fit 'crop'"):
        Preparation(margin=1.3, fit="native")
    for wrong in (
        {"margin": 0.1},
        {"size": 0},
        {"fit": "pad"},
        {"resample": "cubic"},
        {"quality": 100},
    ):
        with pytest.raises(ValueError, match=str(*wrong.values())):
            Preparation(**wrong)


def test_header_facts_tell_formats_apart(tmp_path):
    picture(12).save(tmp_path / "a.png")
    picture(12).save(tmp_path / "b.jpg", quality=50, progressive=True)
    png = decode((tmp_path / "a.png").read_bytes())[1]
    jpeg = decode((tmp_path / "b.jpg").read_bytes())[1]
    assert (png["format"], png["quantisation"], png["tables"]) == ("PNG", 0.0, "")
    assert jpeg["format"] == "JPEG" and jpeg["progressive"] and jpeg["quantisation"] > 10
    assert jpeg["bytes"] == (tmp_path / "b.jpg").stat().st_size


@pytest.mark.parametrize(("side", "size"), [(96, 64), (64, 96), (100, 64), (64, 64)])
def test_a_resize_has_the_bits_of_torchvisions(side, size):
    batch = torch.randint(0, 256, (3, 3, side, side), dtype=torch.uint8)
    reference = functional.resize(batch, [size, size], antialias=True)
    assert torch.equal(resize(batch, size), reference)
    assert torch.equal(resize(batch[0], size), reference[0])
