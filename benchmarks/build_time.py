"""Time and memory of building the embedded set at two sizes: linear and flat?

    python benchmarks/build_time.py [COUNT LARGER_COUNT]

Runs `mesocore assemble synthfaces` in a fresh process for each and prints seconds, seconds per
1,000 images and the largest resident memory of any of its processes. Writes
results/synthfaces/build.json.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mesocore.core import files, runtime

CALL = """
import json, resource, subprocess, sys
out, count = sys.argv[1:]
done = subprocess.run([sys.executable, "-m", "mesocore", "assemble", "synthfaces", "--count", count,
                       "--out", out], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def build(count: int) -> dict:
    with tempfile.TemporaryDirectory(dir=runtime.project_root() / "runs") as folder:
        start = time.monotonic()
        call = [sys.executable, "-c", CALL, str(Path(folder) / "set"), str(count)]
        output = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds, peak = time.monotonic() - start, float(output.splitlines()[-1])
    pace = 1000 * seconds / count
    return {"images": count, "seconds": round(seconds, 1), "seconds_per_1000": round(pace, 2),
            "peak_mib": round(peak)}  # fmt: skip


def main(counts: list[int]) -> None:
    (runtime.project_root() / "runs").mkdir(exist_ok=True)
    rows = []
    for count in counts:
        rows.append(build(count))
        print(", ".join(f"{name} {value}" for name, value in rows[-1].items()))
    files.write_json(runtime.project_root() / "results" / "synthfaces" / "build.json", {
        "builds": rows, "command": "python benchmarks/build_time.py",
        "environment": runtime.environment(),
    })  # fmt: skip


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or [2400, 24000])
