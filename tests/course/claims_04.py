# ruff: noqa: F821 - runs as the last cell of notebooks/04_training.ipynb
assert len(table) > 10 and table["learning_rate"].is_monotonic_increasing
assert len(whole) == len(resumed) == 2 and whole.equals(resumed)
assert training.run_folder.history(killed) == resumed.to_dict("records")  # the refusal left it
assert len(history) == chapter.epochs(EPOCHS)
assert all(row["roc_auc"]["low"] <= row["roc_auc"]["high"] for row in clean.values())
assert apart[0]["low"] <= apart[0]["value"] <= apart[0]["high"]
