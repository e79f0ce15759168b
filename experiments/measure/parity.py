"""Does the port answer as the published weights did?

FOLDER holds the published Keras files, their test images and keras_outputs.csv. Writes
results/published/parity.json, from which chapter 2 renders its tables.
"""

from pathlib import Path

from experiments import records
from experiments.runner import Command
from mesocore.core import runtime
from mesocore.course import parity


def main(folder: str) -> None:
    values = parity.compare_with_original(Path(folder))
    for name, found in values["weights"].items():
        print(f"{name:16} largest difference in P(real) {found['max_difference']:.1e}")
    values |= {"environment": runtime.environment(), "command": records.command("parity", folder)}
    records.write(records.path("published/parity.json"), values)


PARITY = Command("parity", __doc__, "FOLDER", main, least=1, most=1)
