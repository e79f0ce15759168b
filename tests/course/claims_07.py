# ruff: noqa: F821
# What must hold at the end of chapter 7 in any run: the notebook test appends it as a last cell.
assert list(answers["error"][1:3]) == ["no face was found"] * 2
assert (chosen["fpr"] > chosen["limit"]).all()
assert np.allclose(verdicts.sum(axis=1), 1)
assert np.allclose(looks.sum(), 1, atol=1e-5)
assert apart < 1e-4
