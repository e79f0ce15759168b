"""Every speed in one run, ours and the others': `python benchmarks/side_by_side.py`.

Images a second of 256 px, on the cores of this machine, which does nothing else meanwhile: a step
of training, inference at three sizes of batch, a folder judged from its files, and reading a
training set. The ways of a row take turns, round by round, in one process, and each keeps its
fastest round. Beside them the machine's own peaks: multiplications and additions in a large product
of matrices, and memory copied. Images are noise; where they are files, drawn faces saved as JPEG.
Compiling is not counted. Writes results/side-by-side.json.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import openvino
import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from experiments import records
from mesocore import faces
from mesocore.core import images, runtime
from mesocore.core.files import sha256_file
from mesocore.core.parallel import ahead
from mesocore.data import cache, dataset
from mesocore.evaluation import predict
from mesocore.nets import Detector, build, load_detector
from mesocore.nets.inference import onnx_export
from mesocore.nets.inference.engine import Engine
from mesocore.nets.inference.exported import LOGIT
from mesocore.nets.profile import interleaved
from mesocore.training import TrainConfig, distributed, loop

ROUNDS, SIDE, FILES, STEPS = 3, 256, 512, 8
RUNS = {  # below results/runs
    "meso4": "openforensics/meso4-0",
    "mesonetplus": "openforensics-24-epochs/meso4+inverted+highpass-0",
}
BATCHES = (1, 16, 64)
Rates = dict[str, float]


def rates(ways: Mapping[str, Callable[[], object]], count: int) -> Rates:
    return {way: count / seconds for way, seconds in interleaved(ways, ROUNDS).items()}


def trained(name: str) -> Detector:
    return load_detector(runtime.project_root() / "results/runs" / RUNS[name])


def training(name: str, size: int = 32) -> Rates:
    """A step with batches of 32, flipped; the images are in memory."""
    pixels = torch.randint(0, 256, (size * STEPS, 3, SIDE, SIDE), dtype=torch.uint8)
    labels = torch.arange(len(pixels)) % 2
    table = pd.DataFrame({"source": "noise", "label": ["fake" if x else "real" for x in labels]})
    data = dataset.FaceSet(pixels, labels, table)
    config = TrainConfig(name, "noise", batch_size=size)
    ready = loop.prepare(build(name), config, distributed.accelerator("fp32"))
    plain = build(name)
    ways = {"PyTorch": stepping(plain, plain, pixels, labels.float(), size)}
    other = build(name)
    compiled = torch.compile(other, dynamic=False)
    ways["torch.compile"] = stepping(other, compiled, pixels, labels.float(), size)
    ways["mesocore"] = lambda: loop.run_epoch(ready, data, 0)
    return rates(ways, len(pixels))


def stepping(
    model: nn.Module, called: Callable, pixels: Tensor, labels: Tensor, size: int
) -> Callable[[], None]:
    """An epoch as most would write it; `called` is the model, or what it was compiled to."""
    optimiser = torch.optim.AdamW(model.parameters())

    def epoch() -> None:
        model.train()
        for batch, targets in zip(pixels.split(size), labels.split(size), strict=True):
            batch = batch.flip(3) if torch.rand(()) < 0.5 else batch
            loss = nn.functional.binary_cross_entropy_with_logits(called(batch), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return epoch


def inference(name: str, size: int) -> Rates:
    """Batches in memory, as often as makes 64 images."""
    detector = trained(name)
    model, exported = detector.model, onnx_export.to_onnx(detector)
    batch = torch.randint(0, 256, (size, 3, SIDE, SIDE), dtype=torch.uint8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.threads()
    session = onnxruntime.InferenceSession(exported, options, ["CPUExecutionProvider"])
    settings = {"INFERENCE_NUM_THREADS": runtime.threads(), "INFERENCE_PRECISION_HINT": "f32"}
    bare = openvino.Core().compile_model(openvino.Core().read_model(exported), "CPU", settings)
    compiled, engine, array = torch.compile(model), Engine(model, SIDE), batch.numpy()
    ways = {
        "PyTorch": lambda: model(batch),
        "torch.compile": lambda: compiled(batch),
        "ONNX Runtime": lambda: session.run([LOGIT], {"images": array}),
        "OpenVINO": lambda: bare([array]),
        "mesocore": lambda: engine.examine(batch),
    }
    times = 64 // size
    with torch.inference_mode():
        return rates({way: lambda call=call: [call() for _ in range(times)]
                      for way, call in ways.items()}, size * times)  # fmt: skip


def folder(paths: list[Path]) -> Rates:
    """Files to verdicts, and the two halves of that alone: decoding, and the engine."""
    detector = trained("meso4")
    engine = Engine(detector.model, SIDE)
    arrays = torch.stack([torch.from_numpy(decoded(path)) for path in paths]).permute(0, 3, 1, 2)
    arrays = arrays.contiguous()
    names = [str(path) for path in paths]

    def plain() -> None:
        with torch.inference_mode():
            for path in paths:
                detector.model(transforms.functional.pil_to_tensor(images.open_rgb(path))[None])

    return rates({
        "PIL and PyTorch": plain,
        "decoding alone": lambda: list(ahead(decoded, paths, runtime.threads())),
        "OpenVINO alone": lambda: [engine.examine(part) for part in arrays.split(64)],
        "mesocore": lambda: list(predict(detector, names)),
    }, len(paths))  # fmt: skip


def decoded(path: Path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)


def loading(paths: list[Path], place: Path) -> Rates:
    """An epoch's images, read in random order in batches of 32, without training."""
    loader = DataLoader(datasets.ImageFolder(place, transforms.PILToTensor()), 32, shuffle=True,
                        num_workers=2)  # fmt: skip
    prep = images.Preparation(SIDE, quality=None)
    cached = place.parent / "cache" / "train.npy"
    cache.pack({path: sha256_file(path) for path in paths}, cached, prep, SIDE)
    pixels = torch.from_numpy(np.load(cached, mmap_mode="c"))

    def from_cache() -> None:
        for rows in torch.randperm(len(pixels)).split(32):
            pixels[rows]

    return rates({"ImageFolder": lambda: list(loader), "mesocore": from_cache}, len(paths))


def peaks() -> Rates:
    """What the machine can do at best: GFLOP/s in fp32, and GB/s read and written."""
    one, other = torch.rand(2048, 2048), torch.rand(2048, 2048)
    many = torch.rand(2**27)  # half a GiB
    target = torch.empty_like(many)
    seconds = interleaved({"product": lambda: one @ other, "copy": lambda: target.copy_(many)}, 5)
    return {"GFLOP/s": 2 * 2048**3 / seconds["product"] / 1e9,
            "GB/s": 2 * many.nbytes / seconds["copy"] / 1e9}  # fmt: skip


def sections(paths: list[Path], place: Path) -> Iterator[tuple[str, Rates]]:
    for name in RUNS:
        yield f"training, {name}", training(name)
    for name in RUNS:
        for size in BATCHES:
            yield f"inference, {name}, batches of {size}", inference(name, size)
    yield "a folder, meso4", folder(paths)
    yield "loading", loading(paths, place)


def main() -> None:
    runtime.setup()
    start, found = time.monotonic(), {}
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "faces"
        (place / "real").mkdir(parents=True)
        drawn = [Image.fromarray(face) for face in faces.snapshots(range(16), SIDE)[0]]
        paths = [place / "real" / f"{number:03d}.jpg" for number in range(FILES)]
        for number, path in enumerate(paths):
            path.write_bytes(images.encode_jpeg(drawn[number % len(drawn)], 95))
        for name, row in sections(paths, place):
            found[name] = row
            print(name, {way: round(rate, 1) for way, rate in row.items()}, flush=True)
    records.write(records.path("side-by-side.json"), {
        "command": "python benchmarks/side_by_side.py", "rows": found, "peaks": peaks(),
        "minutes": (time.monotonic() - start) / 60, "environment": runtime.environment(),
    })  # fmt: skip


if __name__ == "__main__":
    main()
