"""The page on using a detector: its fields are those of an answer, and its programs run."""

import io
import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from mesocore.evaluation.prediction import Verdict
from mesocore.faces import render
from mesocore.nets.inference import load_exported, shipped

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/use.md").read_text(encoding="utf-8")
FILE = shipped.FOLDER / "recommended" / shipped.EXPORTED
LAYOUT = "models/recommended/1/model.onnx"


def test_the_fields_of_an_answer_are_all_described():
    named = [name for row in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
             for name in re.findall(r"`(\w+)`", row)]  # fmt: skip
    assert [field.name for field in fields(Verdict)] == named[: len(fields(Verdict))]


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with the file that ships, and a picture with two faces."""
    sheet = np.full((400, 900, 3), 128, np.uint8)
    for left, face in zip((50, 550), render([3, 4], 256)[0], strict=True):
        sheet[80:336, left : left + 256] = face.permute(1, 2, 0).numpy()
    Image.fromarray(sheet).save(tmp_path / "photo.jpg")
    (tmp_path / "detector.onnx").write_bytes(FILE.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_programs_judge_faces_and_ask_a_server(place, monkeypatch, capsys):
    alone, asking = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(alone, names)
    assert len(names["faces"]) == 2 and "[" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(FILE, providers=["CPUExecutionProvider"])

    def server(request):
        """As the KServe protocol has it, version 2."""
        assert request.full_url.endswith("/v2/models/recommended/infer")
        (given,) = json.loads(request.data)["inputs"]
        images = np.array(given["data"], given["datatype"].lower()).reshape(given["shape"])
        values = session.run(None, {given["name"]: images})
        found = [{"name": each.name, "data": value.tolist()}
                 for each, value in zip(session.get_outputs(), values, strict=True)]  # fmt: skip
        return io.BytesIO(json.dumps({"outputs": found}).encode())

    monkeypatch.setattr("urllib.request.urlopen", server)
    exec(asking, names)
    expected = names["detector"].probabilities(names["faces"])
    assert names["outputs"]["probability_fake"] == pytest.approx(expected, abs=1e-3)


def test_the_servers_layout_is_what_its_commands_make():
    assert f"--onnx {LAYOUT}" in PAGE and f"\n{LAYOUT}\n" in PAGE
    folder, version, name = Path(LAYOUT).parts[-3:]
    assert f"--model_name {folder} --model_path /models/{folder}" in PAGE
    assert version.isdecimal() and name.endswith(".onnx")
    read = load_exported(FILE, alone=True)
    (images,) = read.network.inputs
    assert f"| `{images.any_name}` (input) | uint8 `(N, 3, {read.size}, {read.size})` |" in PAGE
