# ruff: noqa: F821
# What must hold at the end of chapter 6 in any run: the notebook test appends it as a last cell.
assert counts.to_numpy().sum() == len(test)
assert (tested["q"] >= tested["p"]).all()
assert len(scales) == len(kinds) * (len(bands.OCTAVES) + 1)
assert scales["band"].iloc[-1] == f"4-{chapter.size // 4} px"
assert 0 <= chance["inside"]["value"] <= 1
assert survives["learnt"] == survives.max()
assert (costs["best"] <= costs["at_threshold"] + 1e-9).all()
assert silent["images"].iloc[0] == len(test)
assert meso["band"] == [4, 64]
