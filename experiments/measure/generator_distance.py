"""How far generated faces are from photographs: a Frechet distance with features from here.

As in the Frechet inception distance (Heusel et al., NeurIPS 2017), two Gaussians are compared; but
Inception's weights would be a download, so the features are those of the Meso-4 that was trained
on real faces (results/real/openforensics-meso4): mean and deviation of its last 16 maps, 32
numbers an image. It is no FID and compares with no published FID. Beside it stand the distance
between two samples of photographs, which is the least that 1,000 images can show, and that of
blurred photographs, which says how large a number is. Writes results/synthfaces/generator.json.
"""

import json

import numpy as np
import torch
from PIL import Image, ImageFilter
from scipy.linalg import sqrtm

from experiments import records
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.core.files import sha256_file
from mesocore.core.images import resize
from mesocore.faces import generate, snapshots, stylegan
from mesocore.nets import Detector, load_detector
from mesocore.nets.inputs import to_unit

COUNT, FIRST = 1000, 7 * 10**14  # images in a sample; seeds of no set and of no training


def features(detector: Detector, images: np.ndarray) -> np.ndarray:
    """uint8 `(N, 128, 128, 3)` -> `(N, 32)`."""
    rows = []
    with torch.inference_mode():
        for part in np.array_split(images, max(1, len(images) // 50)):
            batch = torch.from_numpy(part).permute(0, 3, 1, 2)
            maps = detector.model.features(to_unit(resize(batch, 256)))
            rows.append(torch.cat([maps.mean((2, 3)), maps.std((2, 3))], dim=1))
    return torch.cat(rows).double().numpy()


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 sqrt(C_a C_b))."""
    covariance = [np.cov(x, rowvar=False) for x in (a, b)]
    root = np.real(sqrtm(covariance[0] @ covariance[1]))
    gap = a.mean(0) - b.mean(0)
    return float(gap @ gap + np.trace(covariance[0] + covariance[1] - 2 * root))


def main() -> None:
    detector = load_detector(records.path("real/openforensics-meso4"))
    detector.model.eval()
    seeds = [FIRST + n for n in range(2 * COUNT)]
    steps = runtime.progress(range(0, 2 * COUNT, 50), "photographs")
    photographs = np.concatenate([snapshots(seeds[n : n + 50])[0] for n in steps])
    blur = ImageFilter.GaussianBlur(0.7)
    blurred = np.stack([np.asarray(Image.fromarray(p).filter(blur)) for p in photographs[COUNT:]])
    samples = {"other photographs": photographs[COUNT:], "photographs, blurred": blurred}
    for truncation in (1.0, 0.9, 0.7, 0.5):
        name = f"generated, truncation {truncation}"
        samples[name] = generate(seeds[:COUNT], truncation)
    reference = features(detector, photographs[:COUNT])
    found = {
        name: frechet(reference, features(detector, sample)) for name, sample in samples.items()
    }
    for name, value in found.items():
        print(f"{name:28} {value:8.4f}")
    values = {"frechet_distance_meso4_features": found, "images_per_heap": COUNT,
              "weights_sha256": sha256_file(stylegan.WEIGHTS),
              "generator": json.loads(
                  stylegan.WEIGHTS.with_suffix(".json").read_text(encoding="utf-8")),
              "command": records.command("generator-distance"),
              "environment": runtime.environment()}  # fmt: skip
    records.write(records.path("synthfaces/generator.json"), values)


GENERATOR_DISTANCE = Command("generator-distance", __doc__, "", main, most=0)
