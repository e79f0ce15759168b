"""Measures the port against the published weights: `python benchmarks/parity.py FOLDER`.

FOLDER holds the published Keras files, their test images and keras_outputs.csv. Writes
results/published/parity.json, from which chapter 2 renders its tables.
"""

import argparse
import sys
from pathlib import Path

from mesocore.core.errors import UserError
from mesocore.core.files import write_json
from mesocore.core.runtime import environment, project_root, setup
from mesocore.course import parity


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the published weights")
    folder = parser.parse_args().folder
    setup()
    try:
        record = parity.compare_with_original(folder)
    except UserError as error:
        print(f"parity: {error}", file=sys.stderr)
        return 2
    for name, found in record["weights"].items():
        print(f"{name:16} largest difference in P(real) {found['max_difference']:.1e}")
    command = f"python benchmarks/parity.py {folder}"
    record |= {"environment": environment(), "command": command}
    write_json(project_root() / "results" / "published" / "parity.json", record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
