# ruff: noqa: F821
# What must hold at the end of chapter 8 in any run: the notebook test appends it as a last cell.
assert pairs == copied.sum() == 10
assert (mark.found, mark.missed, mark.false) == (1, 2, 0)
assert not mark.passed and not my_mark.attempted
assert alarms.asked > 0 or PHOTOGRAPHS
