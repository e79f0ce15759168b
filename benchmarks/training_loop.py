"""What each option of the training loop costs: `python benchmarks/training_loop.py [IMAGES]`.

Seconds an epoch of Meso-4 at 128 px, batches of 32, as ratios to a loop of ten lines written out
below: the same model, optimiser and flips, and nothing else (the loop before accelerate). The
options take turns, round by round, in one process, and each keeps its fastest round; run nothing
else meanwhile. The images are noise. Prints a table.
"""

import sys

import pandas as pd
import torch

from mesocore.core import runtime
from mesocore.data import augmentation, dataset
from mesocore.nets.profile import interleaved
from mesocore.training import distributed, loop, trainer
from mesocore.training.config import TrainConfig

ROUNDS = 5
OPTIONS = {
    "loop, fp32": {},
    "bf16": {"precision": "bf16"},
    "channels-last": {"channels_last": True},
    "bf16, channels-last": {"precision": "bf16", "channels_last": True},
    "accumulate 4": {"accumulate": 4},
    "EMA": {"ema": 0.99},
    "clip_norm": {"clip_norm": 1.0},
    "flip+jpeg": {"augment": "flip+jpeg"},
    "all augmentations": {"augment": "+".join(augmentation.NAMES)},
}


def main(images: int = 512, size: int = 128) -> None:
    runtime.setup()
    pixels = torch.randint(0, 256, (images, 3, size, size), dtype=torch.uint8)
    labels = torch.arange(images) % 2
    table = pd.DataFrame({"source": "noise", "label": ["fake" if x else "real" for x in labels]})
    faces = dataset.FaceSet(pixels, labels, table)
    epochs = {"plain loop": plain(faces, size)}
    for name, changes in OPTIONS.items():
        epochs[name] = ours(faces, TrainConfig("meso4", "noise", size=size, **changes))
    table = pd.DataFrame({"seconds": interleaved(epochs, ROUNDS)})
    table["ratio"] = table["seconds"] / table.loc["plain loop", "seconds"]
    print(f"an epoch of {images} images, {torch.get_num_threads()} threads")
    print(table.round(3).to_string())


def ours(faces: dataset.FaceSet, config: TrainConfig):
    accelerator = distributed.accelerator(config.precision)
    ready = loop.prepare(trainer.initial_model(config)[0], config, accelerator)
    return lambda: loop.run_epoch(ready, faces, 0)


def plain(faces: dataset.FaceSet, size: int):
    model = trainer.build("meso4", size)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits

    def epoch() -> None:
        model.train()
        generator = torch.Generator().manual_seed(0)
        for images, labels, _ in dataset.batches(faces, 32, generator, "flip"):
            loss = loss_of(model(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return epoch


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
