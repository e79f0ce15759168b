"""A file in 8 bits is smaller, says the same of itself, and ranks images nearly alike."""

import json
import re

import numpy as np
import onnx
import pytest
import torch

from mesocore.core.errors import UserError
from mesocore.core.runtime import project_root
from mesocore.nets.inference.exported import load_exported
from mesocore.nets.inference.int8 import export_int8
from mesocore.nets.inference.onnx_export import blotted, export
from tests.nets.test_exported import detector


def test_it_is_smaller_and_close_and_says_that_it_differs(tmp_path):
    ours, images = detector("meso4"), blotted(64, 40)
    export(ours, tmp_path / "fp32.onnx")
    apart, others = export_int8(ours, tmp_path / "int8.onnx", images)
    sizes = [(tmp_path / f"{kind}.onnx").stat().st_size for kind in ("int8", "fp32")]
    assert sizes[0] < 0.8 * sizes[1]
    before, after = (load_exported(tmp_path / f"{kind}.onnx") for kind in ("fp32", "int8"))
    assert after.description == before.description and after.band == before.band
    found = [each.probabilities(images) for each in (before, after)]
    assert 0 < np.abs(found[0] - found[1]).max() < 0.2
    assert abs(apart - np.abs(found[0] - found[1]).mean()) < 1e-4
    verdicts = [[*map(each.verdict, p)] for each, p in zip((before, after), found, strict=True)]
    assert others == np.mean(np.array(verdicts[0]) != verdicts[1])


def test_what_is_learnt_is_in_8_bits(tmp_path):
    export_int8(detector("meso4"), tmp_path / "int8.onnx", blotted(64, 8))
    kinds = [each.data_type for each in onnx.load(tmp_path / "int8.onnx").graph.initializer
             if len(each.dims) == 4]  # fmt: skip
    assert kinds and set(kinds) == {onnx.TensorProto.INT8}


def test_a_network_without_finite_scores_is_not_written(tmp_path):
    ours = detector("meso4")
    with torch.no_grad():
        ours.model.classifier[-1].bias.fill_(float("nan"))
    with pytest.raises(UserError, match="finite"):
        export_int8(ours, tmp_path / "int8.onnx", blotted(64, 8))
    assert not (tmp_path / "int8.onnx").exists()


def test_the_page_says_what_the_record_has():
    text = (project_root() / "docs/use.md").read_text(encoding="utf-8")
    record = json.loads((project_root() / "results/real/recommended-int8.json").read_text())
    for row in record["rows"].values():
        column = row["columns"]["openforensics-validation-faces"]
        said = (f".{1000 * column['roc_auc']['value']:.0f}", f"{row['bytes'] / 1000:.0f}",
                f"{column['verdicts']['coverage']['value']:.0%}".replace("%", " %"))  # fmt: skip
        assert all(re.search(rf"(?<!\d){re.escape(each)}(?!\d)", text) for each in said), said
