"""How fast networks judge on this CPU: `python benchmarks/inference.py [IMAGES]`.

Images a second at 256 px, in batches of 64, of PyTorch (eager, as a model is called) and of
OpenVINO as nets/inference/engine.py runs it, on the same threads. The two take turns, round by
round, in one process, and each keeps its fastest round; run nothing else meanwhile. The images are
noise. Prints a table, with the seconds that converting took and the largest difference of a logit.
"""

import sys
import time

import numpy as np
import pandas as pd
import torch

from mesocore.core import runtime
from mesocore.nets import build
from mesocore.nets.detector import logits
from mesocore.nets.inference.engine import Engine
from mesocore.nets.profile import interleaved

ROUNDS, SIDE = 3, 256
NETWORKS = ("meso4", "mesoinception4", "mesonetplus", "3*mesonetplus",
            "meso4+inverted+highpass+pooled",
            "meso4+inverted+highpass+pooled+cooccurrences+kinds")  # fmt: skip


def main(images: int = 256) -> None:
    runtime.setup()
    faces = torch.randint(0, 256, (images, 3, SIDE, SIDE), dtype=torch.uint8)
    table = pd.DataFrame({name: measured(name, faces) for name in NETWORKS}).T
    table["ratio"] = table["OpenVINO"] / table["PyTorch"]
    print(f"{images} images of {SIDE} px, {torch.get_num_threads()} threads; images a second")
    print(table.to_string(float_format="{:.4g}".format))


def measured(name: str, faces: torch.Tensor) -> dict[str, float]:
    model = build(name, SIDE).eval()
    start = time.perf_counter()
    engine = Engine(model, SIDE)
    converting = time.perf_counter() - start
    ways = {
        "PyTorch": lambda: logits(model, faces),
        "OpenVINO": lambda: np.concatenate(
            [engine.examine(part).logits for part in faces.split(64)]
        ),
    }
    apart = float(np.abs(ways["PyTorch"]() - ways["OpenVINO"]()).max())
    seconds = interleaved(ways, ROUNDS)
    rates = {way: len(faces) / value for way, value in seconds.items()}
    return rates | {"converting, s": converting, "apart": apart}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
