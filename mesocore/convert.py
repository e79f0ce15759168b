"""Pass 1 of assembly: every input file to a matched JPEG, file by file, with a journal.

A kill at any moment costs the files in flight and nothing else: images are put in place by an
atomic rename, and the journal gets a file's line after that. What depends on more than one file
(duplicates, groups, splits) is left to pass 2, so the order in which workers finish is immaterial.
"""

import hashlib
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

from mesocore import duplicates, pixels
from mesocore.runtime import UserError, write_bytes
from mesocore.sources import Candidate

CHUNK = 32  # files a worker takes at a time: about 0.1 s of work


def convert_file(candidate: Candidate, out: Path, prep: pixels.Preparation) -> dict:
    """Writes one matched JPEG below `out` and returns its journal record.

    The record of a file that cannot be used has `reason`, all others have `image` (path relative to
    `out`, named after the content of the original), `sha256` and `phash` (of the JPEG), `original`
    (SHA-256 of the original file) and the header facts.
    Raises `OSError` if `out` cannot be written.
    """
    record = {"origin": candidate.origin, "stamp": stamp(candidate.path)}
    try:
        data = pixels.read_bytes(Path(candidate.path))
        image, facts = pixels.decode(data)
        jpeg = pixels.encode_jpeg(pixels.prepare(image, prep), prep.quality)
    except pixels.BadImage as error:
        return {**record, "reason": str(error)}
    original = hashlib.sha256(data).hexdigest()
    relative = f"images/{candidate.label}/{original[:20]}.jpg"
    write_bytes(out / relative, jpeg)
    return {
        **record,
        "image": relative,
        "sha256": hashlib.sha256(jpeg).hexdigest(),
        "phash": duplicates.phash(jpeg),
        "original": original,
        **facts,
    }


def stamp(path: str) -> str:
    """Size and modification time: a file whose stamp has changed is converted again."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"


def read_journal(journal: Path) -> Iterator[dict]:
    """The records of a journal, without what a crash tore."""
    if not journal.exists():
        return
    with open(journal, encoding="utf-8") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and "origin" in record:
                yield record


def pending(candidates: list[Candidate], out: Path, journal: Path) -> list[Candidate]:
    """The candidates that the journal does not yet answer for."""
    done = {
        record["origin"]: record["stamp"]
        for record in read_journal(journal)
        if "image" not in record or (out / record["image"]).exists()
    }
    return [c for c in candidates if done.get(c.origin) != stamp(c.path) or not done[c.origin]]


def convert_all(
    candidates: list[Candidate], out: Path, prep: pixels.Preparation, journal: Path, workers: int
) -> Iterator[int]:
    """Converts and appends to the journal; yields the number of files done at each step.

    Raises `UserError` if a worker dies, and `OSError` if `out` cannot be written.
    """
    chunks = _chunks(candidates, CHUNK)
    with open(journal, "a", encoding="utf-8") as log:
        log.write("\n")  # ends a line that a crash tore, so that it does not spoil the next
        for records in _in_order_of_completion(chunks, out, prep, workers):
            log.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
            log.flush()
            yield len(records)


def _in_order_of_completion(
    chunks: Iterable[list], out: Path, prep: pixels.Preparation, workers: int
) -> Iterator[list[dict]]:
    if workers <= 1:
        for chunk in chunks:
            yield _convert_chunk(chunk, out, prep)
        return
    # fork spares each worker the import of torch; macOS and Windows cannot fork safely
    method = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        chunks, running = iter(chunks), set()
        try:
            while True:
                for chunk in islice(chunks, 3 * workers - len(running)):
                    running.add(pool.submit(_convert_chunk, chunk, out, prep))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            raise UserError(
                "a worker process died (out of memory?); run the same command again to go on"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    parent = multiprocessing.parent_process()

    def follow_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()


def _convert_chunk(chunk: list[Candidate], out: Path, prep: pixels.Preparation) -> list[dict]:
    return [convert_file(candidate, out, prep) for candidate in chunk]


def _chunks(items: list, size: int) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
