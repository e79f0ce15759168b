# ruff: noqa: F821
# What must hold at the end of chapter 5 in any run: the notebook test appends it as a last cell.
assert abs(share - AMOUNT) <= 0.001  # of the weights that were loaded from the file
assert int(changed.sum()) == 0  # the faulty fine-tuning trains nothing
