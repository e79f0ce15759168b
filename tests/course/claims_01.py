# ruff: noqa: F821
# Chapter 1's claims that hold in any run: the chapter's test runs them as its notebook's last cell.
assert lie.to_dict()["before"][0]["auc"] > 0.99, "the header should betray the lie"
assert lie.exit_code == disguised.exit_code == 4, "the audit should fail both, as a shortcut"
assert audit_plots.aucs(disguised.to_dict())["spectrum"] > 0.85, "the history should survive"
assert abs(changes["JPEG 95"]).max() < 0.1, "assembly saves at 95 itself"
assert changes["JPEG 90"].max() > 2 and changes["JPEG 75"].min() < -1, "90 adds, 75 takes away"
assert traces["no history"]["low"] < 0.55, "without a history there is nothing to learn"
assert leak["split by frame"].mean() > 0.9, "a split by frame should measure memory"
assert abs(leak["split by video"].mean() - 0.5) < 0.1, "a coin's labels should not be learnt"
assert small.counts["accepted"] + small.counts["rejected"] == small.counts["inputs"] == 20
assert remembered["split by image"] < 0.45, "twins with two labels should mislead"
assert abs(lacking["value"]).max() < 60, "the generator should make most of the detail"
assert not report["leaks"], "no group may cross a split"
assert report["passed"], "the embedded set should pass its audit"
