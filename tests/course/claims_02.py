# ruff: noqa: F821
# Chapter 2's claims that hold in any run: the chapter's test runs them as its notebook's last cell.
assert totals.to_dict() == {"parameters": 27_977, "multiply_adds": 60_047_376}
assert fields[-1] == (90, 32) and footprint == (90, 90)
assert gap < 1e-6 and same, "the network built by hand should be the package's"
assert max(differences.values()) < 1e-5 < gaps.min().min(), "parity should tell ports apart"
assert len(silent) == 4, "four of the six mistakes should change no verdict"
assert counts.pop("one BatchNorm for two layers") == 27_929 and set(counts.values()) == {27_977}
assert abs(won - toy_metrics["roc_auc"]) < 1e-9, (
    "AUC should be the share of pairs that are in order"
)
assert perfect[60] > 0.1 > perfect[960] > perfect[9600] > 0, "ECE's bias should fall with images"
assert np.ptp(intervals["videos"]) > 1.4 * np.ptp(intervals["frames"]), "groups should widen it"
assert np.mean(heart[-20:]) < 0.1, "the loop should learn sixteen images by heart"
assert apart[-1] > 0, "another number of threads should change the losses"
assert len(history) == chapter.epochs(EPOCHS) and len(each) == len(several["seeds"]) + 1
assert auc["low"] <= auc["value"] <= auc["high"]
