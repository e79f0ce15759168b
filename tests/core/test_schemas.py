"""The door that files are read back through: one line for each kind of damage, values otherwise."""

import io

import numpy as np
import pytest
from typing_extensions import TypedDict

from mesocore.core import schemas
from mesocore.core.errors import UserError
from mesocore.core.schemas import Count, Inside, Share


class Sample(TypedDict):
    count: Count
    share: Share
    place: Inside


GOOD = '{"count": 3, "share": 0.5, "place": "a/b.jpg", "more": [1]}'


def test_what_fits_is_returned_as_it_is(tmp_path):
    (tmp_path / "a.json").write_text(GOOD, encoding="utf-8")
    found = schemas.read_json(tmp_path / "a.json", Sample, "mend it")
    assert found == {"count": 3, "share": 0.5, "place": "a/b.jpg", "more": [1]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no whole JSON"),
        (GOOD[:20], "no whole JSON"),
        ("[]", "the whole is .*; write keys and values"),
        (GOOD.replace("3", "true"), "count is True; write a whole number"),
        (GOOD.replace("3", "-3"), "count is -3; write a number from 0"),
        (GOOD.replace("3", "9" * 30), "999.*too large"),
        (GOOD.replace("3", "9" * 5000), "999.*too large"),
        (GOOD.replace("0.5", "NaN"), "NaN, which is no finite number"),
        (GOOD.replace("0.5", "1e999"), "1e999, which is no finite number"),
        (GOOD.replace("0.5", '"x"'), "share is 'x'; write a number"),
        (GOOD.replace("0.5", "1.5"), "share is 1.5; write a number up to 1"),
        (GOOD.replace("a/b", "a/../../b"), "place is .*within the folder"),
        (GOOD.replace("a/b", "/b"), "place is .*within the folder"),
        (GOOD.replace("a/b", r"\ud800"), "no whole JSON"),
        (GOOD.replace('"count": 3, ', ""), "count is missing"),
        (GOOD.replace("[1]", "[" * 100_000), "nested too deeply|no whole JSON"),
    ],
)
def test_what_does_not_fit_is_one_line_with_file_and_field(text, said, tmp_path):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=f"^[^\n]*a.json: [^\n]*({said})[^\n]*; mend it$"):
        schemas.read_json(tmp_path / "a.json", Sample, "mend it")


def test_what_is_no_text_or_no_file_is_said(tmp_path):
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    for name, said in (("latin", "not UTF-8"), ("none", "no such file"), (".", "a directory")):
        with pytest.raises(UserError, match=f"{said}.*; mend it"):
            schemas.read_json(tmp_path / name, Sample, "mend it")


COLUMNS = {"path": schemas.PLACE, "label": schemas.one_of("real", "fake"), "size": schemas.WHOLE}
TABLE = "path,label,size\na.jpg,real,3\nb.jpg,fake,4\n"


def test_a_table_keeps_words_that_look_like_others(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeff" + TABLE.replace("a.jpg", "NA"), encoding="utf-8")
    found = schemas.read_table(tmp_path / "a.csv", COLUMNS, "mend it", ours=True)
    assert found["path"].tolist() == ["NA", "b.jpg"] and found["size"].sum() == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n", "No columns"),
        (TABLE[:-3], "last row was cut"),
        (TABLE.replace("size", "bytes"), "column size is missing"),
        (TABLE.replace("fake", "maybe"), "row 2: label is 'maybe'; write real or fake"),
        (TABLE.replace("b.jpg", "../b.jpg"), "row 2: path is .* within the folder"),
        (TABLE.replace("b.jpg", "/b.jpg"), "row 2: path is .* within the folder"),
        (TABLE.replace("3", "-3"), "row 1: size is '-3'; write a whole number"),
        (TABLE.replace("3", "9" * 40), "row 1: size is .*whole number"),
        (TABLE.replace("3", "nan"), "row 1: size is 'nan'; write a whole number"),
        (TABLE.replace("3", "3,4"), "CSV table"),
        (TABLE.replace(",3", ""), "row 1: size is ''; write a whole number"),
        (TABLE.replace("a.jpg", "a\0.jpg"), "zero bytes"),
        (TABLE.replace("a.jpg", '"a.jpg'), "CSV table"),
    ],
)
def test_a_table_that_does_not_fit_is_one_line(text, said, tmp_path):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=f"^[^\n]*a.csv[^\n]*({said})[^\n]*; mend it$"):
        schemas.read_table(tmp_path / "a.csv", COLUMNS, "mend it", ours=True)


def as_file(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk",
        as_file(np.arange(6, dtype=np.uint64))[:-1],
        as_file(np.arange(6, dtype=np.uint64)) + b"more",
        as_file(np.arange(6, dtype=np.float64)),
        as_file(np.arange(6, dtype=np.uint64).reshape(2, 3)),
        as_file(np.array([{}], dtype=object)),
        as_file(np.arange(6, dtype=np.uint64)).replace(b"(6,)", b"(99999999999999999999,)"),
        as_file(np.arange(6, dtype=np.uint64)).replace(b"), }", b"'{  "),  # no end of a literal
    ],
)
def test_an_array_is_compared_with_its_header_before_it_is_read(data, tmp_path):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(UserError, match="a.npy cannot be used: .*; mend it"):
        schemas.read_array(tmp_path / "a.npy", "uint64", (None,), "mend it")
