"""Processes that share a list of tasks, and die with their parent; threads that work ahead."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from mesocore.core.errors import UserError

_FROM = 200  # files; below it, starting processes costs more than it saves


def workers_for(files: int) -> int:
    """How many processes so many files are worth: one a core, or none but this one."""
    return (os.cpu_count() or 1) if files >= _FROM else 1


def in_parallel(task: Callable, items: Iterable, workers: int) -> Iterator:
    """Yields task(item) for each item, in the order of completion, from `workers` processes.

    Raises `UserError` if a worker dies.
    """
    if workers <= 1:
        yield from map(task, items)
        return
    # fork spares each worker the import of torch; macOS and Windows cannot fork safely
    method = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        items, running = iter(items), set()
        try:
            while True:
                for item in islice(items, 3 * workers - len(running)):
                    running.add(pool.submit(task, item))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            guard = "" if method == "fork" else ", or a script without a __main__ guard"
            raise UserError(
                f"a worker process died (out of memory{guard}?); the same command goes on"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def ahead(task: Callable, items: Iterable, threads: int) -> Iterator:
    """Yields task(item) for each item, in their order, made by threads while the caller works.

    At most three a thread wait to be taken. For tasks that leave the interpreter: decoding does.
    """
    items, waiting = iter(items), deque()
    with ThreadPoolExecutor(threads, "ahead") as pool:
        try:
            waiting.extend(pool.submit(task, item) for item in islice(items, 3 * threads))
            while waiting:
                done = waiting.popleft().result()
                waiting.extend(pool.submit(task, item) for item in islice(items, 1))
                yield done
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    gc.freeze()  # a collection would write to all that the parent made, and so copy it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # a process a core; and a library that waited for threads of its parent, which do not survive a
    # fork, would hang. Torch may be imported later: then it reads the variable
    os.environ["OMP_NUM_THREADS"] = "1"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(0)
    parent = multiprocessing.parent_process()

    def follow_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()
