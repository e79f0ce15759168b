# ruff: noqa: F821
# Chapter 2's claims that hold in any run: the chapter's test runs them as its notebook's last cell.
assert totals.to_dict() == {"parameters": 27_977, "multiply_adds": 60_047_376}
assert fields[-1] == (90, 32) and footprint == (90, 90)
assert gap < 1e-6 and same, "the network built by hand should be the package's"
assert max(differences.values()) < 1e-5 < changed.min().min(), "parity should tell ports apart"
assert len(silent) == 4, "four of the six mistakes should turn no verdict"
assert counts.pop("one BatchNorm for two layers") == 27_929 and set(counts.values()) == {27_977}
assert len(history) == chapter.epochs(EPOCHS) and 0 <= alarms <= 1
assert auc["low"] <= auc["value"] <= auc["high"]
