"""Numbers as they are written: plain decimal digits within a range, and one line for all else."""

import pytest

from mesocore.core.errors import UserError
from mesocore.core.ranges import COUNT, SEED, SHARE, Range

ODD = ("", " ", "nan", "inf", "-inf", "1e400", "-1e400", "٣", "３", "²", "½", "1_0", "0x10", " 1",
       "1,5", "1e", "True", "9" * 5000, "a" * 300, "--1")  # fmt: skip


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("within", [COUNT, SEED, SHARE, Range(float), Range(float, positive=True)])
def test_what_is_no_plain_number_is_one_short_line(within, text):
    with pytest.raises(UserError, match="--x is .*; write a ") as caught:
        within.parse("--x", text)
    assert len(str(caught.value)) < 150 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("within", "good", "bad"),
    [
        (COUNT, ("1", "007", "+3"), ("0", "-1", "1.5", "1e3", str(2**63))),
        (SEED, ("0", "4294967295"), ("-1", "4294967296", str(2**63), str(2**64))),
        (SHARE, ("0", "0.5", ".5", "1e-3"), ("1", "-0.1", "1.0", "2")),
        (Range(float, positive=True), ("1", "3e-3"), ("0", "-1", "0.0")),
        (Range(int, 1, 95), ("1", "95"), ("0", "96")),
    ],
)
def test_a_range_has_its_ends(within, good, bad):
    assert [within.parse("x", text) for text in good] == [within.kind(text) for text in good]
    for text in bad:
        with pytest.raises(UserError, match="x is "):
            within.parse("x", text)


@pytest.mark.parametrize("value", [True, None, "1", float("nan"), float("inf"), 1.0])
def test_values_of_another_kind_are_no_counts(value):
    with pytest.raises(UserError, match="write a whole number from 1 to"):
        COUNT.check("x", value)


def test_an_int_is_a_float():
    SHARE.check("x", 0)


def test_a_range_says_what_it_is():
    assert str(SHARE) == "a number from 0 to below 1"
    assert str(Range(int, 1, 95)) == "a whole number from 1 to 95"
    assert str(Range(float, positive=True)) == "a number above 0"
