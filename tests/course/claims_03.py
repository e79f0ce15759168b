# ruff: noqa: F821 - runs as the last cell of notebooks/03_residual_attention.ipynb
assert meso == 6400 and fitting == 30
assert losses[30] < losses[8] < losses[2]
assert sizes.loc["meso4", "parameters"] == 27_977
assert sizes.loc[nets.models.CHOSEN, "parameters"] <= 100_000
assert empty.squeeze.weight.numel() == 0
assert len(maps) == 5
assert list(residuals.shape) == [3, 3, chapter.size, chapter.size]
assert weights["eca"][48] == 3 and weights["coordinate"][48] == 1848
assert weights["cbam"][48] - weights["se"][48] == 98
assert set(FOUR) <= set(rows) & set(later)
assert all(len(history) == chapter.epochs(EPOCHS) for history in histories.values())
