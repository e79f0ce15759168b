# ruff: noqa: F821 - runs as the last cell of notebooks/04_training.ipynb
assert len(table) > 10 and table["learning_rate"].is_monotonic_increasing
assert len(whole) == len(resumed) == 3 and whole.equals(resumed)
assert len(history) == chapter.epochs(EPOCHS)
assert clean["low"] <= clean["value"] <= clean["high"]
