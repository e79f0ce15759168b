"""Assembly at full size: pace, memory, planted duplicates, kill and resume, disk full.

    python benchmarks/assembly_scale.py [COUNT ...] [--scratch FOLDER]

For every COUNT (default 15000 and 150000) it draws that many distinct pictures, alike as aligned
faces are (a common template, so that about as many hashes come close), plants duplicates, and
measures, on all cores of this machine:

- the bare limit: the same files read, decoded and encoded by Pillow at the same settings, in as
  many processes, kept in memory and written to disk. Shares of it are given in seconds and in CPU
  seconds, which other work on the machine disturbs less;
- `mesocore assemble` from start to end, and a second run that is killed (SIGKILL) at 40 %, meets
  a full disk when it goes on, and is resumed to the same bytes;
- the largest memory of all its processes together (PSS, once a second:
  the kernel walks every page to tell);
- planted duplicates found, pairs that were joined or dropped without having been planted, and
  groups on both sides of a split.

A full disk is played by the shell's limit on the size of a file, which the journal meets in the
middle: assembly has to stop with one line, and goes on once the limit is gone.
Pictures are drawn from seeds and removed afterwards; 150,000 need about 15 GB for a while.
Writes results/assembly-scale.json.
"""

import argparse
import functools
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from mesocore.core import files, runtime
from mesocore.core.images import encode_jpeg
from mesocore.core.parallel import in_parallel, workers_for
from mesocore.data import AssembledSet

SIZE, QUALITY, SAVED = 256, 90, 85  # pixels; JPEG quality of assembly; of the pictures
TEMPLATE = 0.65  # share of the common template in coarse shapes: 1.5 pairs in 10,000 within 10 bits
PLANTED = 0.01  # share of pictures of which a duplicate is planted, of each kind
KINDS = ("copy", "lossless", "recompressed", "resized", "brightened")
EXACT = ("copy", "lossless")  # dropped; the others are joined to the group of their original
BATCH = 64


@functools.cache
def _bank() -> tuple[np.ndarray, np.ndarray]:
    """A template (16, 16, 3) and noise tiles (8, 512, 512): drawing each anew would take longer."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 9, (8, 512, 512)).astype(np.float32)
    return rng.uniform(0, 255, (16, 16, 3)), noise + np.roll(noise, 1, 2)


def picture(seed: int) -> Image.Image:
    """One of many distinct pictures: shapes of its own over those that all share, and grain."""
    rng = np.random.default_rng([7, seed])
    template, noise = _bank()
    coarse = TEMPLATE * template + (1 - TEMPLATE) * rng.uniform(-128, 383, (16, 16, 3))
    smooth = Image.fromarray(coarse.clip(0, 255).astype(np.uint8))
    smooth = smooth.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    y, x = rng.integers(0, 256, 2)
    grain = noise[seed % 8, y : y + SIZE, x : x + SIZE, None]
    return Image.fromarray((np.asarray(smooth) + grain).clip(0, 255).astype(np.uint8))


def _file(folder: Path, seed: int) -> Path:
    return folder / ("real" if seed % 2 else "fake") / f"{seed:07d}.jpg"


def _draw(start: int, folder: Path, count: int) -> int:
    for seed in range(start, min(start + BATCH, count)):
        picture(seed).save(_file(folder, seed), quality=SAVED)
    return start


def draw(folder: Path, count: int) -> dict[str, str]:
    """Writes `count` pictures and duplicates of some; {duplicate: original}, as origins."""
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True, exist_ok=True)
    task = functools.partial(_draw, folder=folder, count=count)
    for _ in in_parallel(task, range(0, count, BATCH), workers_for(count)):
        pass
    chosen = np.random.default_rng(1).permutation(count)[: int(PLANTED * count) * len(KINDS)]
    planted = {}
    for place, seed in enumerate(chosen):
        kind, original = KINDS[place % len(KINDS)], _file(folder, int(seed))
        suffix = "png" if kind == "lossless" else "jpg"
        # a near-duplicate under the other label too: it must not cross a split all the same
        other = original.parent if kind in EXACT or seed % 4 < 2 else _file(folder, seed + 1).parent
        copy = other / f"{kind}-{original.stem}.{suffix}"
        _duplicate(original, copy, kind)
        planted[f"faces/{copy.parent.name}/{copy.name}"] = (
            f"faces/{original.parent.name}/{original.name}"
        )
    return planted


def _duplicate(original: Path, copy: Path, kind: str) -> None:
    image = Image.open(original)
    if kind == "copy":
        shutil.copy(original, copy)
    elif kind == "recompressed":
        image.save(copy, quality=45)
    elif kind == "resized":
        image.resize((180, 180), Image.Resampling.BICUBIC).save(copy, quality=90)
    elif kind == "brightened":
        image.point(lambda value: min(255, int(1.15 * value + 8))).save(copy, quality=90)
    else:
        image.save(copy)


def _bare(files: list[str], out: Path | None) -> int:
    for file in files:
        image = Image.open(io.BytesIO(Path(file).read_bytes())).convert("RGB")
        jpeg = encode_jpeg(image, QUALITY)
        if out:
            (out / f"{Path(file).stem}.jpg").write_bytes(jpeg)
    return len(files)


def bare(folder: Path, out: Path | None = None) -> tuple[float, float]:
    """Reads, decodes and encodes every file, in as many processes as assembly has.

    Into `out`, or nowhere. Seconds, and CPU seconds of all processes.
    """
    files = [entry.path for label in ("real", "fake") for entry in os.scandir(folder / label)]
    chunks = [files[start : start + 32] for start in range(0, len(files), 32)]
    if out:
        out.mkdir()
    start, before = time.monotonic(), _cpu()
    task = functools.partial(_bare, out=out)
    assert sum(in_parallel(task, chunks, workers_for(len(files)))) == len(files)
    seconds = time.monotonic() - start
    for process in multiprocessing.active_children():
        process.join()  # what it used is known only now
    return seconds, _cpu() - before


def _cpu() -> float:
    """CPU seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processes(group: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.getpgid(int(entry)) == group:
                found.append(int(entry))
        except ProcessLookupError:
            continue
    return found


def _pss(group: int) -> float:
    """MiB of all processes of the group together, shared pages counted once."""
    total = 0.0
    for process in _processes(group):
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:")
    return total / 1024


def assemble(folder: Path, out: Path, kill_at: int | None = None, **popen) -> dict:
    """Runs the command; kills it once `kill_at` images are there. Seconds, peak MiB, status."""
    command = [sys.executable, "-m", "mesocore", "assemble", str(folder), "--out", str(out)]
    command += ["--size", str(SIZE), "--quality", str(QUALITY)]
    before = _cpu()
    start, peak, parts = time.monotonic(), 0.0, [out / "images" / k for k in ("real", "fake")]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True, **popen)  # fmt: skip
    while process.poll() is None:
        peak = max(peak, _pss(process.pid))
        if kill_at and sum(len(os.listdir(p)) for p in parts if p.exists()) >= kill_at:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(1)
    said = process.stderr.read()
    if process.returncode and not kill_at and "preexec_fn" not in popen:
        raise RuntimeError(said)
    return {"seconds": time.monotonic() - start, "cpu": _cpu() - before, "peak_mib": peak,
            "status": process.returncode, "said": said.strip()}  # fmt: skip


def dedup(out: Path, planted: dict[str, str]) -> dict:
    """Planted duplicates against what the set says of them."""
    made = AssembledSet(out)
    manifest, rejected = made.rows(), made.rejected()
    group = dict(zip(manifest["origin"], manifest["group"], strict=True))
    dropped = set(rejected["origin"])
    kind = {copy: copy.rsplit("/", 1)[1].split("-")[0] for copy in planted}
    found = {k: 0 for k in KINDS}
    for copy, original in planted.items():
        gone = len(dropped & {copy, original}) == 1
        joined = copy in group and group[copy] == group.get(original)
        found[kind[copy]] += gone if kind[copy] in EXACT else joined
    originals = manifest["origin"].map(lambda origin: planted.get(origin, origin))
    strange = originals.groupby(manifest["group"]).nunique()
    crossing = manifest.groupby("group")["split"].nunique()
    return {
        "planted": {k: sum(v == k for v in kind.values()) for k in KINDS},
        "found": found,
        "false_pairs": int((strange * (strange - 1) // 2).sum()),
        "wrongly_dropped": int(len(dropped - set(planted) - set(planted.values()))),
        "groups_in_two_splits": int((crossing > 1).sum()),
    }


def _same(first: Path, second: Path) -> bool:
    """Tables, and the bytes of every image through their hashes and names."""
    tables = ("manifest.csv", "rejected.csv", "originals.csv", "assembly.json")
    listed = [
        {p.name: p.stat().st_size for p in (f / "images").glob("*/*")} for f in (first, second)
    ]
    equal = all((first / t).read_bytes() == (second / t).read_bytes() for t in tables)
    return equal and listed[0] == listed[1]


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (DISK_FULL, DISK_FULL))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


DISK_FULL = 0  # bytes of the journal at which writing fails; set by measure()


def measure(count: int, scratch: Path) -> dict:
    """One row of the record."""
    global DISK_FULL
    folder, out = scratch / "faces", scratch / "set"
    start = time.monotonic()
    planted = draw(folder, count)
    inputs = count + len(planted)
    print(f"{count}: drawn in {time.monotonic() - start:.0f} s", flush=True)
    limits = {"in memory": bare(folder), "to disk": bare(folder, scratch / "bare")}
    whole = assemble(folder, out)
    shutil.rmtree(scratch / "bare")  # not before: ext4 passes over inodes that were freed lately
    row = {
        "images": count, "inputs": inputs, "workers": workers_for(inputs),
        "seconds": round(whole["seconds"], 1), "cpu_seconds": round(whole["cpu"], 1),
        "images_per_second": round(inputs / whole["seconds"], 1),
        "bare": {name: {
            "images_per_second": round(inputs / seconds, 1), "cpu_seconds": round(cpu, 1),
            "share_reached": round(seconds / whole["seconds"], 3),
            "share_reached_in_cpu": round(cpu / whole["cpu"], 3),
        } for name, (seconds, cpu) in limits.items()},
        "peak_mib": round(whole["peak_mib"]),
        "bytes_read": sum(p.stat().st_size for p in folder.glob("*/*")),
        "dedup": dedup(out, planted),
    }  # fmt: skip
    print(json.dumps(row), flush=True)
    again = scratch / "again"
    killed = assemble(folder, again, kill_at=int(0.4 * inputs))
    DISK_FULL = (again / ".assembly/journal.jsonl").stat().st_size + 2**18
    full = assemble(folder, again, preexec_fn=_small_files)
    resumed = assemble(folder, again)
    row["killed"] = {"status": killed["status"], "resumed_seconds": round(resumed["seconds"], 1),
                     "same_bytes": _same(out, again)}  # fmt: skip
    row["disk_full"] = {"status": full["status"], "said": full["said"].replace(str(scratch), "")}
    print(json.dumps({k: row[k] for k in ("killed", "disk_full")}), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("counts", nargs="*", type=int, default=[15_000, 150_000])
    parser.add_argument("--scratch", type=Path, default=runtime.project_root() / "runs/scale")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args()
    rows = []
    for count in given.counts:
        shutil.rmtree(given.scratch, ignore_errors=True)
        rows.append(measure(count, given.scratch))
    shutil.rmtree(given.scratch)
    record = {"runs": rows, "command": "python benchmarks/assembly_scale.py",
              "environment": runtime.environment()}  # fmt: skip
    if len(rows) > 1:
        record["peak_ratio"] = round(rows[-1]["peak_mib"] / rows[0]["peak_mib"], 2)
    files.write_json(given.json or runtime.project_root() / "results/assembly-scale.json", record)


if __name__ == "__main__":
    main()
